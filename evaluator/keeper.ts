import { concatBytes } from '#base/bytes.ts'
import type { Clock } from '#base/clock.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Due, dueOf } from './due.ts'

/** Sends what anyone may send once its time has come, so that no job stands still. */
export interface Keeper {
  /** Looks at open jobs. */
  tend(open: readonly JobView[]): Promise<void>
}

export interface KeeperDeps {
  readonly feed: Pick<JobFeed, 'head'>
  readonly chain: Pick<Transactor, 'read' | 'send'>
  readonly clock: Clock
  readonly log: Logger
}

/** Jobs looked at in one turn. */
const jobsMax = 32
const lookEveryMs = 1_000
const retryAfterMs = 5_000
/** Evaluators take turns, so that not all send the same. */
const staggerMs = 400
const ranks = 4

/** Creates the keeper of an evaluator. */
export function createKeeper(deps: KeeperDeps, { owner }: { owner: Hex }): Keeper {
  const { feed, chain, clock, log } = deps
  /** When a job is looked at again, and the stage in which it waits for this evaluator's turn. */
  const lookAtMs = new Map<Hex, number>()
  const turns = new Map<Hex, string>()

  async function tend(open: readonly JobView[]): Promise<void> {
    const ids = new Set(open.map(({ jobId }) => jobId))
    for (const known of [lookAtMs, turns]) {
      for (const jobId of known.keys()) if (!ids.has(jobId)) known.delete(jobId)
    }
    for (const view of open.slice(0, jobsMax)) await moveOn(view)
  }

  async function moveOn(view: JobView): Promise<void> {
    const { jobId } = view
    const nowMs = clock.nowMs()
    if (nowMs < (lookAtMs.get(jobId) ?? 0)) return
    const { deadline } = await chain.read<{ deadline: bigint }>('JobManager', 'jobState', [jobId])
    const dues = dueOf(view, feed.head(), deadline)
    const stage = `${view.attempt}/${view.phase}/${view.evaluators.length}`
    if (dues.length === 0) {
      turns.delete(jobId)
      lookAtMs.set(jobId, nowMs + lookEveryMs)
    } else if (turns.get(jobId) !== stage) {
      turns.set(jobId, stage)
      lookAtMs.set(jobId, nowMs + rankOf(jobId, owner) * staggerMs)
    } else {
      lookAtMs.set(jobId, nowMs + retryAfterMs)
      for (const due of dues) if (await send(view, due)) break
    }
  }

  async function send({ jobId, terms }: JobView, due: Due): Promise<boolean> {
    const { call } = due
    try {
      await chain.send('JobManager', call, 'verdict' in due ? [terms, due.verdict] : [terms])
      log.info({ jobId, call }, 'moved on')
      return true
    } catch (error) {
      log.debug({ err: error, jobId, call }, 'not moved on')
      return false
    }
  }

  return { tend }
}

/** This evaluator's turn among others in a job, from 0 on. */
export function rankOf(jobId: Hex, owner: Hex): number {
  const [byte = 0] = sha256(concatBytes(fromHex(jobId), fromHex(owner)))
  return byte % ranks
}
