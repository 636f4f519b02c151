import type { Hex } from '#wire/primitives.ts'
import type { LedgerView } from './ledger-view.ts'
import type { Terms } from './terms.ts'

/** Where a job stands, as its events tell it. */
export type Phase =
  | 'posted'
  | 'running'
  | 'submitted'
  | 'attesting'
  | 'completed'
  | 'settled'
  | 'cancelled'
  | 'expired'

/** What one worker submitted in the current attempt. */
export interface ResultView {
  readonly worker: Hex
  readonly modelHash: Hex
  readonly modelCidDigest: Hex
  readonly segmentsRoot: Hex
  readonly transcriptCidDigest: Hex
}

/** What evaluators agree on, field for field; its hash is what they commit. */
export interface Verdict {
  readonly modelHash: Hex
  /** From the result of the lowest-index submitting worker named in neither mask; zero if none. */
  readonly modelCidDigest: Hex
  /** Accuracy or R2 in millionths. */
  readonly metricMicros: bigint
  /** Credited segments, 16 bits for each worker index, index 0 lowest. */
  readonly segments: bigint
  /** Bits of worker indices whose replay differed. */
  readonly guiltyMask: number
  /** Bits of worker indices that did not serve what was drawn. */
  readonly withheldMask: number
  /** Bits of the attempt's evaluators, in the order in which they were drawn, whose signed words were false. */
  readonly lazyMask: number
  /** SHA-256 of the evidence file (its CID's digest); zero when there is none. */
  readonly evidenceDigest: Hex
}

/** A signed update that was presented to `closeRound`. */
export interface PresentedUpdate {
  readonly attempt: number
  readonly round: number
  readonly worker: Hex
  readonly updateRoot: Hex
  readonly cidDigest: Hex
}

/** A round that `closeRound` fixed on chain: the updates presented by the deadline, by worker index. */
export interface ClosedRound {
  readonly attempt: number
  readonly round: number
  readonly updates: readonly PresentedUpdate[]
}

export interface Payout {
  readonly account: Hex
  readonly amountWei: bigint
}

export interface Slash {
  readonly attempt: number
  /** Where a verdict named the account: SHA-256 of the evidence file. */
  readonly evidenceDigest?: Hex
  readonly account: Hex
  readonly amountWei: bigint
}

/** Everything the chain says about a job, folded from the events of finalised blocks. */
export interface JobView {
  readonly jobId: Hex
  readonly client: Hex
  readonly terms: Terms
  readonly postedBlock: bigint
  readonly phase: Phase
  /** 0 at first; one more each time guilty workers were removed and the rest redo the work. */
  readonly attempt: number
  readonly volunteers: readonly Hex[]
  /** Owner addresses by worker index, fixed at assignment. */
  readonly workers: readonly Hex[]
  /** Indices of the workers that take part in this attempt, ascending. */
  readonly active: readonly number[]
  /** The randomness of this height is the job's beacon (for seeds and initial parameters). */
  readonly beaconHeight?: bigint
  readonly results: readonly ResultView[]
  /** The randomness of this height draws the steps that are repeated: of an attempt the same for all panels. */
  readonly auditHeight?: bigint
  /** The randomness of this height draws the newest panel of evaluators. */
  readonly seedHeight?: bigint
  /** All that were drawn in this attempt, one panel after another. */
  readonly evaluators: readonly Hex[]
  /** Where the present panel begins in `evaluators`; 0 when it is the first. */
  readonly panelStart?: number
  /** Unix seconds until which the newest panel may commit. */
  readonly commitDeadline?: bigint
  readonly committed: readonly Hex[]
  readonly revealed: readonly { evaluator: Hex; verdict: Verdict }[]
  readonly heldOutKey?: Hex
  readonly presented: readonly PresentedUpdate[]
  readonly closedRounds: readonly ClosedRound[]
  readonly verdict?: Verdict
  readonly modelCidDigest?: Hex
  readonly completedBlock?: bigint
  readonly slashes: readonly Slash[]
  readonly payouts: readonly Payout[]
  readonly burnedWei: bigint
  readonly refundedWei: bigint
  /** Segments that workers committed for units of work, and what became of them. */
  readonly ledger: LedgerView
  readonly lastBlock: bigint
}

/** Whether the whole present panel has committed: from then on verdicts are opened, within the reveal window. */
export function hasPanelCommitted({ evaluators, panelStart, committed }: JobView): boolean {
  return evaluators.slice(panelStart ?? 0).every((evaluator) => committed.includes(evaluator))
}

/** Whether everybody of the present panel that committed has opened its verdict. */
export function hasPanelRevealed({
  evaluators,
  panelStart,
  committed,
  revealed,
}: JobView): boolean {
  return evaluators
    .slice(panelStart ?? 0)
    .filter((evaluator) => committed.includes(evaluator))
    .every((evaluator) => revealed.some((one) => one.evaluator === evaluator))
}
