import type { Terms } from '#chain/client/terms.ts'
import { AppError } from '#base/error.ts'
import {
  type JobMode,
  type MatchWay,
  jobKindOf,
  jobKinds,
  jobModes,
  matchModes,
} from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import { type TrainSpec, segmentsPerWorker } from '#wire/spec.ts'

/** What the client decides, or leaves at its default, about the money and the people of a job. */
export interface Offer {
  readonly rewardWei: bigint
  readonly mode: JobMode
  /** How workers are found: volunteers, the best of those that sign an offer, or those in `workersAt`. */
  readonly match: MatchWay
  readonly workers: number
  /** Owners of the workers, in their order; empty unless `match` is direct. */
  readonly workersAt: readonly Hex[]
  /** Seconds that workers are asked for their signature. */
  readonly consentSeconds: number
  readonly evaluators: number
  /** Seconds workers have to volunteer. */
  readonly volunteerSeconds: number
  /** Seconds an attempt may take. */
  readonly runSeconds: number
}

/** What the terms are computed from. */
export interface TermsFacts {
  readonly client: Hex
  readonly nonce: bigint
  readonly engineId: Hex
  readonly specDigest: Hex
  readonly slateVersion: bigint
  readonly train: TrainSpec
  readonly flopsPerStep: number
}

const gwei = 1_000_000_000n
/** A bond of 4 segment fees and the last 16 segments unpaid, as PROTOCOL says for exact jobs. */
const bondSegments = 20n
/** A tolerant job's bond in wages, as PROTOCOL says where a fifth of the rounds is repeated. */
const bondWages = 3n

/** Metered work of all workers in one attempt, in FLOPs. */
export function flopsOf(train: TrainSpec, flopsPerStep: number, workers: number): bigint {
  return BigInt(flopsPerStep) * BigInt(train.localSteps * train.rounds * workers)
}

/** Terms with the usual shares: 90 % workers, 5 % evaluators, 5 % burned. Amounts are whole gwei. */
export function termsOf(facts: TermsFacts, offer: Offer): Terms {
  const rewardWei = wholeGwei(offer.rewardWei)
  const segmentCount = segmentsPerWorker(facts.train)
  const wageWei = (rewardWei * 9n) / 10n / BigInt(offer.workers)
  const exactBondWei = (wageWei / BigInt(segmentCount)) * bondSegments
  const tolerantBondWei = wageWei * bondWages
  const { client, nonce, engineId, specDigest, slateVersion } = facts
  return {
    client,
    nonce,
    rewardWei,
    auditDepositWei: wholeGwei(rewardWei / 10n),
    workerStakeWei: wholeGwei(offer.mode === 'exact' ? exactBondWei : tolerantBondWei),
    evaluatorStakeWei: wholeGwei(rewardWei / 20n / BigInt(offer.evaluators)) * 4n,
    flops: flopsOf(facts.train, facts.flopsPerStep, offer.workers),
    engineId,
    specDigest,
    slateVersion,
    workerCount: offer.workers,
    workerCountMin: workerCountMinOf(offer),
    evaluatorCount: offer.evaluators,
    matchMode: matchModes[offer.match],
    mode: jobModes[offer.mode],
    kind: jobKinds[jobKindOf(facts.train.model)],
    workerBps: 9000,
    evaluatorBps: 500,
    reporterBps: 3000,
    clientBps: 2000,
    timeoutBps: 1000,
    volunteerSeconds: offer.volunteerSeconds,
    runSeconds: offer.runSeconds,
    drawSeconds: 60,
    commitSeconds: Math.max(240, offer.runSeconds),
    revealSeconds: 60,
    roundSeconds: 30,
    segmentCount,
  }
}

/** A job goes on with two thirds of the workers it wanted; named workers are wanted all. */
function workerCountMinOf({ match, workers }: Offer): number {
  return match === 'direct' || workers === 1 ? workers : Math.ceil((2 * workers) / 3)
}

/** What the client pays in: the reward and the audit deposit, of which the unused part comes back. */
export function escrowOf(terms: Terms): bigint {
  return terms.rewardWei + terms.auditDepositWei
}

/** An amount of TRAIN such as `1000` or `0.5` in wei. Throws AMOUNT_INVALID. */
export function trainToWei(text: string): bigint {
  const match = /^([0-9]{1,12})(?:\.([0-9]{1,18}))?$/.exec(text)
  if (match === null) {
    const message = `"${text}" is no amount of TRAIN; write it like 1000 or 0.5`
    throw new AppError({ code: 'AMOUNT_INVALID', text, message })
  }
  const [, whole = '0', fraction = ''] = match
  return BigInt(whole) * 10n ** 18n + BigInt(fraction.padEnd(18, '0'))
}

/** An amount for people: whole TRAIN with up to six digits. */
export function weiToTrain(amountWei: bigint): string {
  const whole = amountWei / 10n ** 18n
  const fraction = ((amountWei % 10n ** 18n) / 10n ** 12n).toString().padStart(6, '0')
  const shown = fraction.replace(/0+$/, '')
  return shown === '' ? `${whole}` : `${whole}.${shown}`
}

function wholeGwei(amountWei: bigint): bigint {
  return (amountWei / gwei) * gwei
}
