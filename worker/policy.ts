import type { Terms } from '#chain/client/terms.ts'
import { jobModes, matchModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'

/** What an owner lets its machine do. Everything a decision depends on is here or in `Situation`. */
export interface Policy {
  /** Bits of the job kinds that are welcome (`Terms.kind`). */
  readonly kinds: readonly number[]
  /** Hours of the day (UTC) in which jobs are taken: from `from` up to `to`, over midnight if need be. */
  readonly hours: { readonly from: number; readonly to: number }
  /** Least share of the reward for one worker. */
  readonly rewardMinWei: bigint
  /** Least pay for 10^12 FLOPs. */
  readonly pricePerTeraflopWei: bigint
  /** Most work of one job for this worker, in FLOPs. */
  readonly flopsMax: bigint
  readonly segmentsMax: number
  /** Jobs at the same time. */
  readonly concurrency: number
}

export interface Situation {
  /** Of the newest finalised block, in Unix seconds. */
  readonly timestamp: bigint
  /** Jobs that this worker volunteered for or works on. */
  readonly busy: number
  /** Active stake that no job has locked. */
  readonly freeStakeWei: bigint
  readonly engineId: Hex
  /** Whether the client asked this worker itself, or posted the job to all who volunteer. */
  readonly isAsked: boolean
}

export type Refusal =
  | 'MODE'
  | 'MATCH'
  | 'ENGINE'
  | 'KIND'
  | 'SEGMENTS'
  | 'FLOPS'
  | 'REWARD'
  | 'PRICE'
  | 'HOURS'
  | 'BUSY'
  | 'STAKE'

export type Decision =
  | { readonly kind: 'take' }
  /** `isFinal`: no later block can change it. */
  | { readonly kind: 'leave'; readonly reason: Refusal; readonly isFinal: boolean }

const teraflop = 1_000_000_000_000n

/** Whether to take a job: pure, so that every answer can be explained by its arguments. */
export function decide(policy: Policy, terms: Terms, situation: Situation): Decision {
  const lasting = lastingRefusal(policy, terms, situation)
  if (lasting) return { kind: 'leave', reason: lasting, isFinal: true }
  const passing = passingRefusal(policy, terms, situation)
  return passing ? { kind: 'leave', reason: passing, isFinal: false } : { kind: 'take' }
}

function lastingRefusal(policy: Policy, terms: Terms, now: Situation): Refusal | undefined {
  const shareWei = shareOf(terms)
  const flops = terms.flops / BigInt(terms.workerCount)
  if (terms.mode > jobModes.tolerant) return 'MODE'
  if ((terms.matchMode !== matchModes.volunteer) !== now.isAsked) return 'MATCH'
  if (terms.engineId !== now.engineId) return 'ENGINE'
  if (!policy.kinds.includes(terms.kind)) return 'KIND'
  if (terms.segmentCount > policy.segmentsMax) return 'SEGMENTS'
  if (flops > policy.flopsMax) return 'FLOPS'
  if (shareWei < policy.rewardMinWei) return 'REWARD'
  if (shareWei * teraflop < policy.pricePerTeraflopWei * flops) return 'PRICE'
  return undefined
}

function passingRefusal(policy: Policy, terms: Terms, now: Situation): Refusal | undefined {
  if (!isWithin(policy.hours, now.timestamp)) return 'HOURS'
  if (now.busy >= policy.concurrency) return 'BUSY'
  return now.freeStakeWei < terms.workerStakeWei ? 'STAKE' : undefined
}

/** What one worker earns when all are credited alike, in wei, rounded down. */
export function shareOf(terms: Terms): bigint {
  return (terms.rewardWei * BigInt(terms.workerBps)) / 10_000n / BigInt(terms.workerCount)
}

function isWithin({ from, to }: Policy['hours'], timestamp: bigint): boolean {
  const hour = Number((timestamp / 3600n) % 24n)
  if (from % 24 === to % 24) return true // the whole day
  return from < to ? hour >= from && hour < to : hour >= from || hour < to
}
