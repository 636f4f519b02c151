/** Tells listeners of something as it happens, in the order they came. */
export interface Feed<T> {
  /** Gives the call that ends listening. */
  listen(listener: (event: T) => void): () => void
  emit(event: T): void
}

/** Creates a feed. A listener that throws is a bug of ours and stops the emitter. */
export function createFeed<T>(): Feed<T> {
  const listeners = new Set<(event: T) => void>()
  return {
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    emit(event) {
      for (const listener of listeners) listener(event)
    },
  }
}
