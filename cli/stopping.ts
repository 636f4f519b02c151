import { AppError } from '#base/error.ts'

const repeatMs = 1000

/**
 * A signal that aborts when this process is asked to end: SIGINT, SIGTERM, SIGHUP, or the channel to the
 * parent closes. Asked again more than a second later, the process ends at once: a terminal and a parent
 * both pass on one Ctrl-C.
 */
export function stoppingSignal(): AbortSignal {
  const stopping = new AbortController()
  let firstMs: number | undefined

  function ask(reason: string): void {
    if (firstMs === undefined) {
      firstMs = performance.now()
      stopping.abort(new AppError({ code: 'INTERRUPTED', reason, message: `stopped by ${reason}` }))
    } else if (performance.now() - firstMs > repeatMs) {
      process.exit(130)
    }
  }

  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => ask(name))
  if (process.send !== undefined) {
    process.on('disconnect', () => ask('the end of the parent'))
    process.channel?.unref() // listening alone must not keep the process alive
  }
  return stopping.signal
}

/** Waits until the signal aborts. */
export function untilStopped(stopping: AbortSignal): Promise<void> {
  if (stopping.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const keepAlive = setInterval(() => undefined, 60_000) // a pending promise alone does not
    const finish = () => {
      clearInterval(keepAlive)
      resolve()
    }
    stopping.addEventListener('abort', finish, { once: true })
  })
}
