/** One change of a batch; `value` undefined deletes the key. */
export interface Write {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Keys from `gte` (inclusive) to `lt` (exclusive), in byte order. */
export interface Range {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

export interface WriteOptions {
  /** Resolve only after the bytes are on the disk (fsync). */
  readonly sync?: boolean
}

/**
 * An ordered key-value store. Reads are synchronous: the interpreter of a block reads thousands of
 * small values. What `get` returns belongs to the store and must not be changed.
 */
export interface KeyValueStore {
  get(key: Uint8Array): Uint8Array | undefined
  /** Applies all writes or none. */
  batch(writes: readonly Write[], options?: WriteOptions): Promise<void>
  /** A consistent pass over the range as it was at the first step. */
  entries(range: Range): AsyncIterable<readonly [Uint8Array, Uint8Array]>
  close(): Promise<void>
}
