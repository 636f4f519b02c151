import type { Clock } from '#base/clock.ts'

/** Peers that are kept away for a while. */
export interface Banned {
  add(peerId: string, forMs: number): void
  has(peerId: string): boolean
}

const bannedMax = 1_024

/** Creates an empty list; when full, the oldest entry goes. */
export function createBanned(clock: Pick<Clock, 'nowMs'>): Banned {
  const untilMs = new Map<string, number>()
  return {
    add(peerId, forMs) {
      untilMs.set(peerId, clock.nowMs() + forMs)
      const oldest = untilMs.keys().next()
      if (untilMs.size > bannedMax && oldest.done !== true) untilMs.delete(oldest.value)
    },
    has: (peerId) => (untilMs.get(peerId) ?? 0) > clock.nowMs(),
  }
}
