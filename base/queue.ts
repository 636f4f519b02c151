import { assert } from './assert.ts'
import { AppError } from './error.ts'

/** A first-in, first-out queue that never holds more than its capacity. */
export interface Queue<T> {
  readonly capacity: number
  size(): number
  /** Adds an item; false when the queue is full or closed, so that the caller decides what to drop. */
  push(item: T): boolean
  /** Waits for the next item. Rejects with QUEUE_CLOSED once closed and empty, or with the signal's reason. */
  take(signal?: AbortSignal): Promise<T>
  /** Accepts nothing more; what is queued can still be taken. */
  close(): void
}

interface Taker<T> {
  readonly give: (item: T) => void
  readonly fail: (error: Error) => void
}

/** Creates a queue for at most `capacity` items. */
export function createQueue<T>(capacity: number): Queue<T> {
  assert(Number.isSafeInteger(capacity) && capacity > 0, 'a queue has a positive capacity')
  const items: T[] = []
  const takers: Taker<T>[] = []
  let isClosed = false

  function push(item: T): boolean {
    if (isClosed) return false
    const taker = takers.shift()
    if (taker !== undefined) {
      taker.give(item)
      return true
    }
    if (items.length >= capacity) return false
    items.push(item)
    return true
  }

  function take(signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    if (items.length > 0) return Promise.resolve(items.shift() as T)
    if (isClosed) return Promise.reject(new AppError({ code: 'QUEUE_CLOSED' }))
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        takers.splice(takers.indexOf(taker), 1)
        reject(signal?.reason as Error)
      }
      const release = () => signal?.removeEventListener('abort', onAbort)
      const taker: Taker<T> = {
        give: (item) => (release(), resolve(item)),
        fail: (error) => (release(), reject(error)),
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      takers.push(taker)
    })
  }

  function close(): void {
    isClosed = true
    for (const taker of takers.splice(0)) taker.fail(new AppError({ code: 'QUEUE_CLOSED' }))
  }

  return { capacity, size: () => items.length, push, take, close }
}
