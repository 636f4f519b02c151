import { setTimeout as sleepMs } from 'node:timers/promises'
import type { Clock } from '#base/clock.ts'

/** The machine's own time. Everything below `cli/` gets it as an argument. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep: async (durationMs, signal) => {
    try {
      await sleepMs(durationMs, undefined, { signal })
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    }
  },
}
