/** Waits until a look at what others change gives something. */
export type Until = <T>(look: () => T | undefined, signal: AbortSignal) => Promise<T>

/** Waiting for facts, and the call that says that facts have changed. */
export interface Changes {
  readonly until: Until
  changed(): void
}

/** Creates a place to wait at. */
export function createChanges(): Changes {
  const waiting = new Set<() => void>()

  async function until<T>(look: () => T | undefined, signal: AbortSignal): Promise<T> {
    for (;;) {
      signal.throwIfAborted()
      const found = look()
      if (found !== undefined) return found
      await next(signal)
    }
  }

  function next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        waiting.delete(wake)
        reject(signal.reason as Error)
      }
      const wake = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.add(wake)
    })
  }

  return {
    until,
    changed() {
      const woken = [...waiting]
      waiting.clear()
      for (const wake of woken) wake()
    },
  }
}
