import { type JobFeed, isOver } from '#chain/client/feed.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import { pinOwnersOf } from './attest.ts'
import type { Journal } from './journal.ts'
import type { HeldTopics } from './topics.ts'

/** Gives space free: states when a job is over, what others may ask for some time later. */
export interface Retention {
  /** Looks at the jobs that are kept, apart from those that are worked on. */
  sweep(working: readonly Hex[]): Promise<void>
}

export interface RetentionDeps {
  readonly feed: Pick<JobFeed, 'head' | 'job'>
  readonly journal: Journal
  readonly artifacts: Pick<Artifacts, 'unpinOwner' | 'collect'>
  readonly files: Pick<Files, 'remove'>
  readonly topics: Pick<HeldTopics, 'close'>
}

/** Creates the retention of an evaluator; `seconds` of block time pass between a job's end and its removal. */
export function createRetention(deps: RetentionDeps, { seconds }: { seconds: number }): Retention {
  const { feed, journal, artifacts } = deps

  async function sweep(working: readonly Hex[]): Promise<void> {
    const nowTime = Number(feed.head().timestamp)
    for (const { jobId, untilTime } of await journal.kept()) {
      if (working.includes(jobId)) continue
      if (untilTime === 0) await endJob(jobId, nowTime)
      else if (nowTime > untilTime) await removeJob(jobId)
    }
  }

  async function endJob(jobId: Hex, nowTime: number): Promise<void> {
    const view = feed.job(jobId)
    if (view !== undefined && !isOver(view)) return
    await artifacts.unpinOwner(pinOwnersOf(jobId).passing)
    await journal.keep({ jobId, untilTime: nowTime + seconds })
    await artifacts.collect()
  }

  async function removeJob(jobId: Hex): Promise<void> {
    await deps.topics.close(jobId)
    await artifacts.unpinOwner(pinOwnersOf(jobId).lasting)
    await deps.files.remove(jobId)
    await journal.forget(jobId)
    await artifacts.collect()
  }

  return { sweep }
}
