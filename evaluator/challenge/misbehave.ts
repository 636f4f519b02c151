import { claimOf } from '#chain/client/dispute/announced.ts'
import { claimIdOf } from '#chain/client/dispute/claim.ts'
import { isAsserters, phases } from '#chain/client/dispute/position.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import { playDispute } from '#dispute/play.ts'
import type { Move } from '#dispute/work.ts'
import {
  type Challenge,
  type ChallengeDeps,
  type Challenged,
  openDispute,
  readTranscript,
} from './challenge.ts'

/**
 * Ways to cheat of whoever disputes, so that tests can show what becomes of it: `false` finds fault with the last of
 * whatever is shown, `silent` opens a dispute and makes no move.
 */
export const challengerLies = ['false', 'silent'] as const
export type ChallengerLie = (typeof challengerLies)[number]

/** Disputes a worker's claim of a round (by default its first one) without looking whether it is right. */
export async function challengeBlindly(
  deps: ChallengeDeps,
  options: Challenge,
  lie: ChallengerLie,
): Promise<Challenged> {
  const { view, self, signal, round } = options
  const transcript = await readTranscript(deps, options, `dispute:${view.jobId}`)
  const claims = transcript?.claims ?? []
  const signed = claims.find((claim) => round === undefined || claim.round === round)
  if (!transcript || !signed) return { kind: 'left', reason: 'no transcript' }
  const claim = claimOf(transcript, view, signed)
  const id = claimIdOf(claim)
  const reason = await openDispute(deps, { id, claim, signature: signed.signature, self })
  if (reason) return { kind: 'left', reason }
  const moveOf = async (standing: Standing) => (lie === 'silent' ? undefined : blindMove(standing))
  const player = { id, side: 'challenger', moveOf } as const
  return {
    kind: 'played',
    id,
    played: await playDispute({ ...deps, chain: deps.disputes }, player, signal),
  }
}

/** Points at the last part, the first child, or the first element of what is shown. */
export function blindMove({ position: { phase }, shown, words }: Standing): Move | undefined {
  if (isAsserters(phase)) return undefined
  if (phase === phases.pickNode) return { name: 'pickNode', args: [shown, 0n] }
  if (phase === phases.pickElement) return { name: 'pickElement', args: [words, 0n] }
  return { name: 'pick', args: [shown, BigInt(shown.length - 2)] }
}
