/** Values read or written last, so many at least and twice as many at most. */
export interface Recent<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
}

/**
 * Two generations: what is used moves to the young one, and when that is full the old one is forgotten whole.
 * Cheaper than an order of use, and as good. `sizeOf` says how much of `sizeMax` a value takes: 1 by default.
 */
export function createRecent<V>(
  sizeMax: number,
  sizeOf: (value: V) => number = () => 1,
): Recent<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  let size = 0

  function set(key: string, value: V): void {
    if (!young.has(key)) size += sizeOf(value)
    young.set(key, value)
    if (size <= sizeMax) return
    old = young
    young = new Map()
    size = 0
  }

  return {
    set,
    delete(key) {
      young.delete(key) // its share of the size goes with the generation
      old.delete(key)
    },
    get(key) {
      const known = young.get(key)
      if (known !== undefined) return known
      const older = old.get(key)
      if (older !== undefined) set(key, older)
      return older
    },
  }
}
