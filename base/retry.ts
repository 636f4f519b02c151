import { assert } from './assert.ts'
import type { Clock } from './clock.ts'
import { AppError } from './error.ts'
import type { Rng } from './rng.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly rng: Rng
  /** How often the work is tried in all, the first time included. */
  readonly attempts: number
  /** Wait before the second attempt; doubled each time. */
  readonly delayMs: number
  readonly delayMsMax?: number
  readonly signal?: AbortSignal
  /** By default the error's own `retryable`. */
  readonly isRetryable?: (error: unknown) => boolean
}

/**
 * Tries `work` up to `attempts` times with doubling delays, each between half and all of its length by
 * chance. The last error is thrown as it is; one that is not retryable is thrown at once.
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { attempts, clock, rng, signal } = options
  assert(attempts >= 1, 'work is tried at least once')
  const isRetryable = options.isRetryable ?? isMarkedRetryable
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      if (attempt >= attempts || signal?.aborted || !isRetryable(error)) throw error
    }
    const fullMs = Math.min(options.delayMs * 2 ** (attempt - 1), options.delayMsMax ?? 30_000)
    const halfMs = Math.ceil(fullMs / 2)
    await clock.sleep(halfMs + rng.below(halfMs + 1), signal)
  }
}

function isMarkedRetryable(error: unknown): boolean {
  return error instanceof AppError && error.retryable
}
