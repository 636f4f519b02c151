/** A binary heap: `pop` gives the item that `isBefore` puts before all others. */
export interface Heap<T> {
  size(): number
  peek(): T | undefined
  push(item: T): void
  pop(): T | undefined
}

/** Creates an empty heap in the given order. */
export function createHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = []

  function push(item: T): void {
    items.push(item)
    let index = items.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(item, items[parent] as T)) break
      items[index] = items[parent] as T
      index = parent
    }
    items[index] = item
  }

  function pop(): T | undefined {
    const top = items[0]
    const last = items.pop()
    if (items.length > 0) sink(last as T)
    return top
  }

  function sink(item: T): void {
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= items.length) break
      const right = child + 1
      if (right < items.length && isBefore(items[right] as T, items[child] as T)) child = right
      if (!isBefore(items[child] as T, item)) break
      items[index] = items[child] as T
      index = child
    }
    items[index] = item
  }

  return { size: () => items.length, peek: () => items[0], push, pop }
}
