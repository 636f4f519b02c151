import type { Clock } from '#base/clock.ts'
import { p2pLimits } from './limits.ts'

/** Counts the questions of each peer. */
export interface FloodGuard {
  /** Notes one question; whether the peer has now asked more than anyone honest would. */
  isFlood(peerId: string): boolean
}

/** Creates a guard; it forgets all counts at the end of each `questionsWindowMs`. */
export function createFloodGuard(clock: Pick<Clock, 'nowMs'>): FloodGuard {
  const counts = new Map<string, number>()
  let endMs = 0

  return {
    isFlood(peerId) {
      const nowMs = clock.nowMs()
      if (nowMs >= endMs) {
        counts.clear()
        endMs = nowMs + p2pLimits.questionsWindowMs
      }
      const count = (counts.get(peerId) ?? 0) + 1
      counts.set(peerId, count)
      return count > p2pLimits.questionsPerWindowMax
    },
  }
}
