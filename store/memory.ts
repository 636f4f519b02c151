import { fromKey, toKey } from './key.ts'
import type { KeyValueStore, Range, Write } from './kv.ts'

/** A store that forgets everything when the process ends. */
export function createMemoryStore(): KeyValueStore {
  const values = new Map<string, Uint8Array>()

  async function batch(writes: readonly Write[]): Promise<void> {
    for (const { key, value } of writes) {
      if (value === undefined) values.delete(toKey(key))
      else values.set(toKey(key), Uint8Array.from(value))
    }
  }

  async function* entries(range: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    const [first, end] = [toKey(range.gte), toKey(range.lt)]
    const inside = [...values].filter(([key]) => key >= first && key < end)
    inside.sort(([a], [b]) => (a < b ? -1 : 1))
    if (range.reverse === true) inside.reverse()
    for (const [key, value] of inside.slice(0, range.limit)) yield [fromKey(key), value]
  }

  return {
    get: (key) => values.get(toKey(key)),
    batch,
    entries,
    close: async () => undefined,
  }
}
