import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Head, JobFeed } from '#chain/client/feed.ts'
import { isAttested, unmatured } from '#chain/client/ledger-view.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import type { SegmentClaim } from '#wire/segment-claim.ts'
import { turnIn } from './duties.ts'
import { segmentsAtOnce } from './leading.ts'

/** A call that brings committed segments of a settled job nearer to their units. */
export type Ripening =
  | { readonly call: 'requestAttestation' | 'drawAttesters' }
  | { readonly call: 'mature'; readonly index: number; readonly claims: readonly SegmentClaim[] }

/** Heights after which silent attesters may be replaced: as in the contract. */
const attestHeights = 256n
const retryBlocks = 5n
/** Whoever is not attested after so many drawings has claimed something else than its transcript. */
const requestsMax = 3
const failuresMax = 20

/** What this worker's segments in a job wait for, if it is a call that anyone may send now. */
export function ripeningOf(view: JobView, self: Hex, head: Head): Ripening | undefined {
  const { ledger } = view
  const { seedHeight } = ledger
  const waiting = unmatured(ledger, self)
  if (view.phase !== 'settled' || waiting.length === 0) return undefined
  if (seedHeight === undefined) return { call: 'requestAttestation' }
  if (ledger.attesters.length === 0) {
    return head.number >= seedHeight ? { call: 'drawAttesters' } : undefined
  }
  const index = view.workers.indexOf(self)
  if (isAttested(ledger, index)) {
    const claims = waiting.slice(0, segmentsAtOnce).map(({ claim }) => claim)
    return { call: 'mature', index, claims }
  }
  return head.number > seedHeight + attestHeights ? { call: 'requestAttestation' } : undefined
}

/** Sees to it that what this worker committed becomes units, once the job is settled. */
export interface Harvest {
  tend(head: Head): Promise<void>
}

interface Try {
  sinceHeight: bigint
  afterHeight: bigint
  failures: number
  requests: number
}

/** Creates the harvest. What others did first, or what is not possible yet, is no error. */
export function createHarvest(deps: {
  readonly feed: Pick<JobFeed, 'jobs'>
  readonly chain: Pick<Transactor, 'send'>
  readonly self: Hex
  readonly log: Logger
}): Harvest {
  const { feed, chain, self, log } = deps
  const tries = new Map<string, Try>()

  async function ripen(view: JobView, head: Head): Promise<void> {
    const { jobId } = view
    const next = ripeningOf(view, self, head)
    if (next === undefined) return
    const key = `${jobId}/${next.call}`
    const known = tries.get(key) ?? {
      sinceHeight: head.number,
      afterHeight: 0n,
      failures: 0,
      requests: 0,
    }
    tries.set(key, known)
    const isOwn = next.call === 'mature'
    const patience = isOwn ? 0n : turnIn(activeOf(view), self)
    const isGivenUp = known.failures >= failuresMax || known.requests >= requestsMax
    if (isGivenUp || head.number < known.sinceHeight + patience) return
    if (head.number < known.afterHeight) return
    known.afterHeight = head.number + retryBlocks
    try {
      await chain.send('WorkLedger', next.call, argumentsOf(view, next))
      if (next.call === 'requestAttestation') known.requests += 1
      if (isOwn) known.afterHeight = 0n // the next batch
      log.info({ jobId, call: next.call }, 'segments ripen')
    } catch (error) {
      known.failures += 1
      const reason = error instanceof AppError ? error.fields['reason'] : undefined
      log.debug({ err: error, jobId, call: next.call, reason }, 'segments wait')
    }
  }

  return {
    async tend(head) {
      for (const view of feed.jobs()) {
        if (!view.workers.includes(self)) continue
        await ripen(view, head).catch((error: unknown) => {
          log.warn({ err: error, jobId: view.jobId, code: codeOf(error) }, 'not ripened')
        })
      }
    },
  }
}

function argumentsOf({ terms, jobId }: JobView, next: Ripening): readonly unknown[] {
  if (next.call === 'mature') return [terms, next.index, next.claims]
  return next.call === 'drawAttesters' ? [jobId] : [terms]
}

/** Whose segments can ripen: an idle chain makes few blocks, so none is spent on a worker that was removed. */
function activeOf({ workers, active }: JobView): readonly Hex[] {
  return active.map((index) => workers[index] as Hex)
}
