import type { Clock } from '#base/clock.ts'
import { p2pLimits } from './limits.ts'

const answersMax = 1_024

/**
 * Remembers for a while who belongs to a job. A peer that does not belong is asked for again soon: it may
 * be drawn at any block.
 */
export function createMembership(
  clock: Clock,
  isMember: (peerId: string) => boolean | Promise<boolean>,
): { has(peerId: string): Promise<boolean> } {
  const answers = new Map<string, { answer: Promise<boolean>; untilMs: number }>()

  async function ask(peerId: string): Promise<boolean> {
    return isMember(peerId)
  }

  async function has(peerId: string): Promise<boolean> {
    const nowMs = clock.nowMs()
    const cached = answers.get(peerId)
    if (cached !== undefined && nowMs < cached.untilMs) return cached.answer
    if (answers.size >= answersMax) answers.clear()
    const entry = { answer: ask(peerId), untilMs: nowMs + p2pLimits.nonMembershipLifeMs }
    answers.set(peerId, entry)
    try {
      if (await entry.answer) entry.untilMs = nowMs + p2pLimits.membershipLifeMs
    } catch (error) {
      answers.delete(peerId)
      throw error
    }
    return entry.answer
  }

  return { has }
}
