import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { StateRequest } from '#chain/client/ledger-view.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import { isSameStep, stepKeyOf, type StepPlace } from './panel.ts'
import { rankOf } from './keeper.ts'
import type { Hex } from '#wire/primitives.ts'

/** What drawn validators say of a state that did not come. */
export type Ruling = 'open' | 'withheld' | 'served'

/** Where it is decided whether a worker withholds a state: on chain, by validators that try to fetch it. */
export interface Court {
  /** Opens a request where there is none, moves it on where its time has come; answers how it stands. */
  look(step: StepPlace): Promise<Ruling>
  /** Says that a state was fetched: once it is ruled to be served, this evaluator's bond comes back. */
  fetched(step: StepPlace): Promise<void>
  /** Moves on what is undecided, also what nobody waits for any more. */
  tend(): Promise<void>
  /** Whether anybody's request in this attempt is undecided. */
  isSitting(): boolean
  /** Steps whose states validators could not fetch. */
  withheld(): readonly StepPlace[]
}

export interface CourtDeps {
  readonly feed: Pick<JobFeed, 'head' | 'job'>
  readonly chain: Pick<Transactor, 'send'>
  readonly clock: Clock
  readonly log: Logger
}

type Head = ReturnType<JobFeed['head']>

const bondWei = 10n ** 16n
const retryAfterMs = 4_000
/** Evaluators take turns, so that not all send the same. */
const staggerMs = 1_500

/** Creates an evaluator's way to the requests of one attempt. */
export function createCourt(
  deps: CourtDeps,
  { view, owner }: { view: JobView; owner: Hex },
): Court {
  const { feed, clock } = deps
  const { jobId, attempt, terms } = view
  const nextMs = new Map<string, number>()
  const send = createCaller(deps, jobId)
  const had = new Set<string>()
  const confirmed = new Set<Hex>()

  const requests = () =>
    (feed.job(jobId) ?? view).ledger.stateRequests.filter((one) => one.attempt === attempt)
  const requestOf = (step: StepPlace) => requests().find((one) => isSameStep(one, step))

  async function look(step: StepPlace): Promise<Ruling> {
    const request = requestOf(step)
    if (request?.status === 'unanswered') return 'open' // this evaluator's own window decides
    if (request !== undefined && isDecided(request)) {
      return request.status === 'withheld' ? 'withheld' : 'served'
    }
    const key = `${stepKeyOf(step)}/${request?.status}`
    const nowMs = clock.nowMs()
    const turnMs = nextMs.get(key) ?? nowMs + rankOf(jobId, owner) * staggerMs
    nextMs.set(key, turnMs)
    if (nowMs < turnMs) return 'open'
    nextMs.set(key, nowMs + retryAfterMs)
    const call = nextCall(step, { request, head: feed.head(), terms })
    if (call !== undefined) await send(...call)
    return 'open'
  }

  async function fetched(step: StepPlace): Promise<void> {
    had.add(stepKeyOf(step))
    await confirm(requestOf(step))
  }

  async function confirm(request: StateRequest | undefined): Promise<void> {
    if (request?.status !== 'served' || confirmed.has(request.requestId)) return
    if (!had.has(stepKeyOf(request))) return
    confirmed.add(request.requestId)
    await send('confirmState', [request.requestId])
  }

  async function tend(): Promise<void> {
    for (const request of requests()) {
      if (isDecided(request)) await confirm(request)
      else await look(request)
    }
  }

  return {
    look,
    fetched,
    tend,
    isSitting: () => requests().some((request) => !isDecided(request)),
    withheld: () => requests().filter(({ status }) => status === 'withheld'),
  }
}

type Call = readonly [call: string, args: readonly unknown[], valueWei?: bigint]

/** What brings a request on; undefined while its time has not come. */
function nextCall(
  { worker, segment, step }: StepPlace,
  at: { request: StateRequest | undefined; head: Head; terms: JobView['terms'] },
): Call | undefined {
  const { request, head, terms } = at
  if (request === undefined) return ['requestState', [terms, worker, segment, step], bondWei]
  const { requestId, status, seedHeight, seats, answered, untilTime } = request
  if (status === 'open') {
    return head.number > seedHeight ? ['drawStateAttesters', [requestId]] : undefined
  }
  const isOver = answered.length === seats.length || head.timestamp > untilTime
  return isOver ? ['closeStateRequest', [requestId]] : undefined
}

/** Another evaluator may have been first: then the contract refuses, which costs nothing. */
function createCaller({ chain, log }: CourtDeps, jobId: Hex) {
  return async (...[call, args, valueWei]: Call): Promise<void> => {
    try {
      await chain.send('WorkLedger', call, args, { valueWei })
      log.info({ jobId, call }, 'asked for a state')
    } catch (error) {
      const reason = error instanceof AppError ? error.fields['reason'] : undefined
      log.debug({ jobId, call, code: codeOf(error), reason }, 'not asked for a state')
    }
  }
}

function isDecided({ status }: StateRequest): boolean {
  return status !== 'open' && status !== 'drawn'
}
