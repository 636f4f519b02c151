import type { WaitOptions } from './network.ts'

/** A signal that aborts with the caller's, and with a TimeoutError after the wait's limit. */
export function deadline(options: WaitOptions | undefined, timeoutMs: number): AbortSignal {
  const limit = AbortSignal.timeout(options?.timeoutMs ?? timeoutMs)
  return options?.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
}

/** Whether the error is the timeout of `deadline`, and not the caller's own abort. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
