/** Aborts when nothing has moved for a while. */
export interface StallTimer {
  readonly signal: AbortSignal
  /** Something moved: the wait begins anew. */
  progress(): void
  end(): void
}

/** A signal that aborts with the caller's, or with a TimeoutError after `stallMs` without progress. */
export function createStallTimer(stallMs: number, signal?: AbortSignal): StallTimer {
  const stalled = new AbortController()
  const fail = () => stalled.abort(new DOMException('no progress', 'TimeoutError'))
  const timer = setTimeout(fail, stallMs)
  return {
    signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
    progress: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  }
}
