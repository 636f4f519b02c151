import { concatBytes } from '#base/bytes.ts'
import type { KeyValueStore, Range, Write } from './kv.ts'

/** How a table writes its keys and values. Keys of one table must not be prefixes of each other's order. */
export interface Schema<K, V> {
  /** A byte of its own, so that tables do not meet. */
  readonly prefix: number
  readonly key: (key: K) => Uint8Array
  readonly encode: (value: V) => Uint8Array
  readonly decode: (bytes: Uint8Array) => V
}

/** A typed part of a store. Writes are values, so that several tables change in one batch. */
export interface Table<K, V> {
  get(key: K): V | undefined
  put(key: K, value: V): Write
  delete(key: K): Write
  /** Values with keys from `from` (inclusive) to `to` (exclusive; undefined: the table's end). */
  values(from: K, to: K | undefined, options?: Pick<Range, 'limit' | 'reverse'>): AsyncIterable<V>
}

/** A table of `store` under the schema's prefix. */
export function createTable<K, V>(store: KeyValueStore, schema: Schema<K, V>): Table<K, V> {
  const prefix = Uint8Array.of(schema.prefix)
  const place = (key: K) => concatBytes(prefix, schema.key(key))

  async function* values(
    from: K,
    to: K | undefined,
    options: Pick<Range, 'limit' | 'reverse'> = {},
  ): AsyncIterable<V> {
    const lt = to === undefined ? Uint8Array.of(schema.prefix + 1) : place(to)
    for await (const [, value] of store.entries({ gte: place(from), lt, ...options })) {
      yield schema.decode(value)
    }
  }

  return {
    get(key) {
      const bytes = store.get(place(key))
      return bytes === undefined ? undefined : schema.decode(bytes)
    },
    put: (key, value) => ({ key: place(key), value: schema.encode(value) }),
    delete: (key) => ({ key: place(key), value: undefined }),
    values,
  }
}
