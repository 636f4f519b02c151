import type { Log } from 'viem'
import type { jobManagerAbi } from '#wire/abi/jobManager.ts'
import type { Hex } from '#wire/primitives.ts'
import { conclusionOf } from './conclusion.ts'
import { type LedgerEvent, emptyLedger, foldLedger, isLedgerEvent } from './ledger-view.ts'
import { unpackTerms } from './terms.ts'
import type { ClosedRound, JobView, Payout, Slash, Verdict } from './view.ts'

type Abi = typeof jobManagerAbi
type EventName = JobEvent['eventName']
type Args<Name extends EventName> = Extract<JobEvent, { eventName: Name }>['args']

/** A decoded event of the JobManager. */
export type JobEvent = Log<bigint, number, false, undefined, true, Abi>

type Fold<Name extends EventName> = (
  view: JobView,
  args: Args<Name>,
  event: JobEvent,
) => Partial<JobView>

const gwei = 10n ** 9n
const lower = (account: string): Hex => account.toLowerCase() as Hex
const lowerAll = (accounts: readonly string[]): Hex[] => accounts.map(lower)

/** What each event changes. Events not named here change nothing in a view. */
const folds: { readonly [Name in EventName]?: Fold<Name> } = {
  Volunteered: (view, { worker }) => ({ volunteers: [...view.volunteers, lower(worker)] }),
  WorkersAssigned: (_view, { workers, beaconHeight }) => ({
    phase: 'running',
    workers: lowerAll(workers),
    active: workers.map((_, i) => i),
    beaconHeight,
  }),
  ResultsSubmitted: (view, { stage, modelHash, modelCidDigest, roots }) => ({
    phase: 'submitted',
    ...seedAt(stage >> 64n),
    results: [
      ...view.results,
      ...view.workers
        .filter((_, i) => ((stage >> BigInt(32 + i)) & 1n) === 1n)
        .map((worker, i) => ({ worker, modelHash, modelCidDigest, ...roots[i]! })),
    ],
  }),
  ResultSubmitted: (view, { worker, result }) => ({
    results: [...view.results, { worker: lower(worker), ...result }],
  }),
  EvaluationOpened: (_view, { seedHeight }) => ({ phase: 'submitted', ...seedAt(seedHeight) }),
  // Another panel for the same steps: else it could neither confirm nor deny what the first one found.
  RedrawOpened: (_view, { seedHeight }) => ({ phase: 'submitted', seedHeight }),
  EvaluatorsDrawn: (view, { evaluators, commitDeadline }) => ({
    phase: 'attesting',
    evaluators: [...view.evaluators, ...lowerAll(evaluators)],
    panelStart: view.evaluators.length,
    commitDeadline,
  }),
  VerdictCommitted: (view, { evaluator }) => ({ committed: [...view.committed, lower(evaluator)] }),
  VerdictRevealed: (view, { evaluator, verdict }) => ({
    revealed: [...view.revealed, { evaluator: lower(evaluator), verdict }],
  }),
  HeldOutKey: (_view, { key }) => ({ heldOutKey: key }),
  WorkersSlashed: (view, { workers, amountsWei, evidenceDigest }) => ({
    slashes: [
      ...view.slashes,
      ...slashesOf(view, workers, amountsWei).map((slash) => ({ ...slash, evidenceDigest })),
    ],
  }),
  WorkersTimedOut: (view, { workers, amountsWei }) => ({
    slashes: [...view.slashes, ...slashesOf(view, workers, amountsWei)],
  }),
  EvaluatorsSlashed: (view, { evaluators, amountsWei }) => ({
    slashes: [...view.slashes, ...slashesOf(view, evaluators, amountsWei)],
  }),
  AttemptStarted: (view, { attempt, activeMask }) => ({
    phase: 'running',
    attempt,
    active: view.workers.map((_, i) => i).filter((i) => ((activeMask >> i) & 1) === 1),
    ...nothingSubmitted,
  }),
  JobCompleted: (view, { modelHash, modelCidDigest }, event) => ({
    phase: 'completed',
    modelCidDigest,
    completedBlock: event.blockNumber,
    verdict: acceptedOf(view, modelHash),
  }),
  JobAgreed: foldAgreed,
  PaymentDistributed: (view, { postings, refundWei, burnedWei }) => ({
    payouts: [...view.payouts, ...postings.map(payoutOf)],
    refundedWei: view.refundedWei + refundWei,
    burnedWei: view.burnedWei + burnedWei,
  }),
  JobSettled: () => ({ phase: 'settled' }),
  // Their refund stands in a PaymentDistributed of the same transaction.
  JobCancelled: () => ({ phase: 'cancelled' }),
  JobExpired: () => ({ phase: 'expired' }),
  RoundUpdatePresented: (view, args) => ({ presented: [...view.presented, presentedOf(args)] }),
  RoundClosed: (view, { attempt, round, mask }) => ({
    closedRounds: [...view.closedRounds, closedRoundOf(view, { attempt, round, mask })],
  }),
}

/** Verdicts on the same model may call others lazy: the accepted one is what most of them say. */
function acceptedOf({ revealed }: JobView, modelHash: Hex): Verdict | undefined {
  const ofModel = revealed.filter(({ verdict }) => verdict.modelHash === modelHash)
  return conclusionOf({ revealed: ofModel })?.verdict
}

/** The first seed of an attempt's evaluation draws the steps and the first panel. */
function seedAt(height: bigint) {
  return { auditHeight: height, seedHeight: height }
}

const nothingSubmitted = {
  results: [],
  evaluators: [],
  panelStart: undefined,
  committed: [],
  revealed: [],
  auditHeight: undefined,
  seedHeight: undefined,
  commitDeadline: undefined,
  ledger: emptyLedger,
} as const

/** The view after one more event; undefined for an event of a job whose posting was not seen. */
export function foldEvent(
  view: JobView | undefined,
  event: JobEvent | LedgerEvent,
): JobView | undefined {
  if (isLedgerEvent(event)) {
    return view && { ...view, ledger: foldLedger(view.ledger, event), lastBlock: event.blockNumber }
  }
  if (event.eventName === 'JobPosted') return viewOfPosting(event)
  if (event.eventName === 'JobOpened') return viewOfOpening(event)
  if (view === undefined) return undefined
  const fold = folds[event.eventName] as Fold<EventName> | undefined
  const change = fold?.(view, event.args, event) ?? {}
  return { ...view, ...change, lastBlock: event.blockNumber }
}

function viewOfOpening(event: Extract<JobEvent, { eventName: 'JobOpened' }>): JobView {
  const { workers, beaconHeight } = event.args
  return {
    ...viewOfPosting(event),
    phase: 'running',
    workers: lowerAll(workers),
    active: workers.map((_, i) => i),
    beaconHeight,
  }
}

function viewOfPosting(
  event: Extract<JobEvent, { eventName: 'JobPosted' | 'JobOpened' }>,
): JobView {
  const { jobId } = event.args
  const terms = unpackTerms(event.args.terms)
  return {
    jobId,
    client: lower(terms.client),
    terms,
    postedBlock: event.blockNumber,
    phase: 'posted',
    attempt: 0,
    volunteers: [],
    workers: [],
    active: [],
    ...nothingSubmitted,
    presented: [],
    closedRounds: [],
    slashes: [],
    payouts: [],
    burnedWei: 0n,
    refundedWei: 0n,
    lastBlock: event.blockNumber,
  }
}

function slashesOf(
  view: JobView,
  accounts: readonly Hex[],
  amountsWei: readonly bigint[],
): Slash[] {
  return accounts.map((account, i) => ({
    attempt: view.attempt,
    account: lower(account),
    amountWei: amountsWei[i] ?? 0n,
  }))
}

/** The account and the amount of a posting: account 160 bits, amount in 1e9 wei 64, fact 8. */
function payoutOf(posting: bigint): Payout {
  const account: Hex = `0x${(posting & ((1n << 160n) - 1n)).toString(16).padStart(40, '0')}`
  return { account, amountWei: ((posting >> 160n) & ((1n << 64n) - 1n)) * gwei }
}

/** Verdict, pay and settlement in one event; a posting without a fact is the client's refund. */
function foldAgreed(
  view: JobView,
  { verdict, heldOutKey, burnedWei, postings }: Args<'JobAgreed'>,
  event: JobEvent,
): Partial<JobView> {
  const isPaid = (posting: bigint) => ((posting >> 224n) & 0xffn) !== 0n
  const paid = postings.filter(isPaid).map(payoutOf)
  const refunds = postings.filter((posting) => !isPaid(posting)).map(payoutOf)
  const evaluators = paid.slice(view.results.length).map(({ account }) => account)
  return {
    phase: 'settled',
    evaluators,
    revealed: evaluators.map((evaluator) => ({ evaluator, verdict })),
    ...(BigInt(heldOutKey) === 0n ? {} : { heldOutKey }),
    modelCidDigest: verdict.modelCidDigest,
    completedBlock: event.blockNumber,
    verdict,
    payouts: [...view.payouts, ...paid],
    refundedWei: refunds.reduce((sum, { amountWei }) => sum + amountWei, view.refundedWei),
    burnedWei: view.burnedWei + burnedWei,
  }
}

function presentedOf(args: Args<'RoundUpdatePresented'>): JobView['presented'][number] {
  const { attempt, round, worker, updateRoot, cidDigest } = args
  return { attempt, round, worker: lower(worker), updateRoot, cidDigest }
}

function closedRoundOf(
  view: JobView,
  closed: { attempt: number; round: number; mask: number },
): ClosedRound {
  const { attempt, round, mask } = closed
  const updates = view.workers
    .filter((_, i) => ((mask >> i) & 1) === 1)
    .map((worker) => view.presented.findLast((p) => isSame(p, { attempt, round, worker })))
    .filter((update) => update !== undefined)
  return { attempt, round, updates }
}

function isSame(
  presented: { attempt: number; round: number; worker: Hex },
  sought: { attempt: number; round: number; worker: Hex },
): boolean {
  const { attempt, round, worker } = sought
  return presented.attempt === attempt && presented.round === round && presented.worker === worker
}
