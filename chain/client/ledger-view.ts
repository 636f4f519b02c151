import type { Log } from 'viem'
import type { workLedgerAbi } from '#wire/abi/workLedger.ts'
import type { Hex } from '#wire/primitives.ts'
import type { SegmentClaim } from '#wire/segment-claim.ts'

type Abi = typeof workLedgerAbi
type Name = LedgerEvent['eventName']
type Args<N extends Name> = Extract<LedgerEvent, { eventName: N }>['args']
type Fold<N extends Name> = (ledger: LedgerView, args: Args<N>) => Partial<LedgerView>

/** A decoded event of the WorkLedger. */
export type LedgerEvent = Log<bigint, number, false, undefined, true, Abi>

/** A segment on chain. */
export interface Commitment {
  /** Owner, lower case. */
  readonly worker: Hex
  readonly segmentId: Hex
  readonly claim: SegmentClaim
}

/** Where a request for a state stands: the words of IStateRequests, in the contract's order, from 1 on. */
const requestStatuses = [
  'open',
  'drawn',
  'withheld',
  'served',
  'fetched',
  'forfeited',
  'unanswered',
] as const
export type RequestStatus = (typeof requestStatuses)[number]

/** A request for the state before a drawn step, and what drawn validators say of it. */
export interface StateRequest {
  readonly requestId: Hex
  readonly attempt: number
  /** Owner, lower case. */
  readonly worker: Hex
  readonly segment: number
  readonly step: number
  /** The randomness of this height draws the attesters. */
  readonly seedHeight: bigint
  readonly status: RequestStatus
  readonly seats: readonly number[]
  /** Unix seconds until which they answer. */
  readonly untilTime: bigint
  /** Seats that have answered. */
  readonly answered: readonly number[]
}

/** What the WorkLedger says of a job's present attempt; nothing where no worker wants to lead blocks. */
export interface LedgerView {
  readonly commitments: readonly Commitment[]
  /** The randomness of this height draws who attests; undefined before the first request. */
  readonly seedHeight?: bigint
  /** Seats of the validators that were drawn last. */
  readonly attesters: readonly number[]
  /** Who attested, and of which workers: bits of worker indices. */
  readonly attested: readonly { readonly seat: number; readonly workers: number }[]
  readonly matured: readonly { readonly segmentId: Hex; readonly units: number }[]
  /** Of all attempts, in the order in which they were opened. */
  readonly stateRequests: readonly StateRequest[]
}

export const emptyLedger: LedgerView = {
  commitments: [],
  attesters: [],
  attested: [],
  matured: [],
  stateRequests: [],
}

function changeRequest(
  { stateRequests }: LedgerView,
  requestId: Hex,
  change: (request: StateRequest) => Partial<StateRequest>,
): Partial<LedgerView> {
  const changed = stateRequests.map((request) =>
    request.requestId === requestId ? { ...request, ...change(request) } : request,
  )
  return { stateRequests: changed }
}

const folds: { readonly [N in Name]?: Fold<N> } = {
  SegmentCommitted: ({ commitments }, { worker, segmentId, segment }) => ({
    commitments: [
      ...commitments,
      { worker: worker.toLowerCase() as Hex, segmentId, claim: segment },
    ],
  }),
  AttestationRequested: (_ledger, { seedHeight }) => ({
    seedHeight: BigInt(seedHeight),
    attesters: [],
    attested: [],
  }),
  AttestersDrawn: (_ledger, { seats }) => ({ attesters: seats.map(Number) }),
  Attested: ({ attested }, { seat, workers }) => ({
    attested: [...attested, { seat: Number(seat), workers }],
  }),
  SegmentMatured: ({ matured }, { segmentId, units }) => ({
    matured: [...matured, { segmentId, units: Number(units) }],
  }),
  StateRequested: ({ stateRequests }, { requestId, worker, seedHeight, ...place }) => {
    const { attempt, segment, step } = place
    const request: StateRequest = {
      requestId,
      attempt,
      worker: worker.toLowerCase() as Hex,
      segment,
      step,
      seedHeight,
      status: 'open',
      seats: [],
      untilTime: 0n,
      answered: [],
    }
    return { stateRequests: [...stateRequests, request] }
  },
  StateAttestersDrawn: (ledger, { requestId, seats, until }) =>
    changeRequest(ledger, requestId, () => ({
      status: 'drawn',
      seats: seats.map(Number),
      untilTime: until,
    })),
  StateAttested: (ledger, { requestId, seat }) =>
    changeRequest(ledger, requestId, ({ answered }) => ({ answered: [...answered, Number(seat)] })),
  StateRequestMoved: (ledger, { requestId, status }) =>
    changeRequest(ledger, requestId, (request) => ({
      status: requestStatuses[status - 1] ?? request.status,
    })),
}

export function isLedgerEvent(event: { readonly eventName: string }): event is LedgerEvent {
  return event.eventName in folds
}

/** The ledger's view of a job after one more event. */
export function foldLedger(ledger: LedgerView, event: LedgerEvent): LedgerView {
  const fold = folds[event.eventName] as Fold<Name> | undefined
  return { ...ledger, ...fold?.(ledger, event.args) }
}

/** Attestations that a worker needs: four of five; all but a fifth, rounded down, where fewer were drawn. */
function attestationsNeeded(drawn: number): number {
  return drawn - Math.floor(drawn / 5)
}

/** Whether enough of the drawn attest of a worker, by its index in the job. */
export function isAttested({ attesters, attested }: LedgerView, index: number): boolean {
  const count = attested.filter(({ workers }) => ((workers >> index) & 1) === 1).length
  return attesters.length > 0 && count >= attestationsNeeded(attesters.length)
}

/** What of a worker's commitments has no units yet. */
export function unmatured({ commitments, matured }: LedgerView, worker: Hex): Commitment[] {
  const done = new Set(matured.map(({ segmentId }) => segmentId))
  return commitments.filter((one) => one.worker === worker && !done.has(one.segmentId))
}

/** Units that a worker's segments brought. */
export function unitsOf({ commitments, matured }: LedgerView, worker: Hex): number {
  const own = new Set(
    commitments.filter((one) => one.worker === worker).map((one) => one.segmentId),
  )
  return matured.reduce((sum, { segmentId, units }) => sum + (own.has(segmentId) ? units : 0), 0)
}
