import type { Clock } from '#base/clock.ts'
import type { Timer } from '#chain/core/consensus/input.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { UntilDue } from './pacing.ts'

export interface TimersDeps {
  readonly clock: Clock
  readonly untilDue: UntilDue
  /** The block that the next one will stand on, as far as this node knows. */
  readonly tip: () => Payload
  readonly onTimer: (timer: Timer) => void
  readonly onError: (error: unknown) => void
}

/** The core's timers. Those of earlier views end when one of a later view is set. */
export interface Timers {
  set(timer: Timer, delayMs: number): void
  stop(): void
}

/** Creates timers on the clock; waiting for a proposal begins when its block is due. */
export function createTimers({ clock, untilDue, tip, onTimer, onError }: TimersDeps): Timers {
  let view = -1
  let ending = new AbortController()

  async function run(timer: Timer, delayMs: number, signal: AbortSignal): Promise<void> {
    if (timer.name !== 'retry') await untilDue(tip(), signal)
    await clock.sleep(delayMs, signal)
    onTimer(timer)
  }

  function stop(): void {
    ending.abort()
    ending = new AbortController()
    view = -1
  }

  return {
    set(timer, delayMs) {
      if (timer.view > view) {
        stop()
        view = timer.view
      }
      const { signal } = ending
      run(timer, delayMs, signal).catch((error: unknown) => {
        if (!signal.aborted) onError(error)
      })
    },
    stop,
  }
}
