import { AppError, codeOf } from '#base/error.ts'
import type { Metrics } from '#base/metrics.ts'
import type { Service } from '#base/service.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import { seatNumberOf } from '#chain/client/seats.ts'
import type { JobView } from '#chain/client/view.ts'
import { lookAtJob } from './availability.ts'
import { type StatesDeps, createStatesDesk } from './states.ts'

export interface AttesterDeps extends StatesDeps {
  readonly feed: JobFeed
  readonly metrics: Metrics
}

const tickMs = 500
const retryAfterMs = 10_000
const triesMax = 12

/**
 * Answers the attestations that validators are drawn for: looks at a settled job's files and its workers'
 * commitments, and says on chain of whom both are as they should be; and tries to fetch states that evaluators did not
 * get. Whoever is silent is replaced after 256 heights; nobody loses stake by it.
 */
export function createAttester(deps: AttesterDeps): Service {
  const { feed, clock, log } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  const desk = createDesk(deps, signal)
  const states = createStatesDesk(deps, signal)
  let loop: Promise<void> | undefined

  async function run(): Promise<void> {
    while (!signal.aborted) {
      for (const view of feed.jobs()) {
        if (signal.aborted) return
        await Promise.all([desk.tend(view), states.tend(view)]).catch((error: unknown) => {
          if (!signal.aborted) log.warn({ err: error, jobId: view.jobId }, 'not attested yet')
        })
      }
      await clock.sleep(tickMs, signal).catch(() => undefined)
    }
  }

  return {
    async start() {
      loop = run()
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPED' }))
      await loop
      await states.ended()
    },
  }
}

interface Try {
  readonly seedHeight: bigint
  count: number
  afterMs: number
  isOver: boolean
}

/** What is known of each drawing: it is answered once, tried again while files are missing. */
function createDesk(deps: AttesterDeps, signal: AbortSignal) {
  const { clock, log, metrics } = deps
  const tries = new Map<string, Try>()
  const given = metrics.counter('quern_attestations', 'attestations given')
  const refused = metrics.counter('quern_attestations_refused', 'workers not attested')

  async function tend(view: JobView): Promise<void> {
    const { jobId, ledger } = view
    const { seedHeight, attesters } = ledger
    if (seedHeight === undefined || attesters.length === 0) return
    let known = tries.get(jobId)
    if (known === undefined || known.seedHeight !== seedHeight) {
      known = { seedHeight, count: 0, afterMs: 0, isOver: false }
      tries.set(jobId, known)
    }
    if (known.isOver || clock.nowMs() < known.afterMs) return
    known.count += 1
    known.afterMs = clock.nowMs() + retryAfterMs
    known.isOver = known.count >= triesMax
    const drawn = await drawnAmong(deps.accounts, view)
    if (drawn.length > 0) await answer(view, drawn)
    known.isOver = true
  }

  async function answer(view: JobView, drawn: AttesterDeps['accounts']): Promise<void> {
    const { jobId } = view
    const pinOwner = `attest:${jobId}`
    try {
      const looked = await lookAtJob(deps, view, { folder: jobId, pinOwner, signal })
      const faults = looked.filter(({ fault }) => fault !== undefined)
      for (const { index, fault } of faults)
        log.warn({ jobId, index, fault }, 'worker not attested')
      refused.add(faults.length)
      const sound = looked.filter(({ fault }) => fault === undefined)
      const workers = sound.reduce((mask, { index }) => mask | (1 << index), 0)
      if (workers === 0) return
      for (const account of drawn) {
        await account.send('WorkLedger', 'attest', [jobId, workers]).catch(ignoreDone)
        given.add(1)
        log.info({ jobId, workers, account: account.address }, 'attested')
      }
    } finally {
      await deps.artifacts.unpinOwner(pinOwner)
      await deps.artifacts.collect()
    }
  }

  return { tend }
}

/** Accounts that were drawn for the job and have not answered. */
async function drawnAmong(
  accounts: AttesterDeps['accounts'],
  { ledger }: JobView,
): Promise<AttesterDeps['accounts']> {
  const wanted = await Promise.all(
    accounts.map(async (account) => {
      const seat = await seatNumberOf(account, account.address)
      const isDrawn = seat !== undefined && ledger.attesters.includes(seat)
      return isDrawn && !ledger.attested.some((one) => one.seat === seat)
    }),
  )
  return accounts.filter((_, i) => wanted[i])
}

/** A process before this one answered, and no finalised block tells it yet. */
function ignoreDone(error: unknown): void {
  const isDone =
    codeOf(error) === 'REVERTED' && (error as AppError).fields['reason'] === 'AlreadyDone'
  if (!isDone) throw error
}
