import type { VirtualClock } from './clock.ts'

/** The clock of a process that may be stopped for a while. */
export interface StoppableClock extends Pick<VirtualClock, 'nowMs' | 'sleep' | 'at'> {
  isStopped(): boolean
}

/** A process's clock: whoever would wake while it is stopped wakes when it goes on, all at once. */
export function stoppable(
  clock: VirtualClock,
  stop?: { readonly fromMs: number; readonly untilMs: number },
): StoppableClock {
  const isStopped = () =>
    stop !== undefined && clock.nowMs() >= stop.fromMs && clock.nowMs() < stop.untilMs

  async function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    try {
      await clock.sleep(durationMs, signal)
    } finally {
      if (stop !== undefined && isStopped()) await clock.sleep(stop.untilMs - clock.nowMs())
    }
  }

  return { nowMs: clock.nowMs, at: clock.at, sleep, isStopped }
}
