import type { Logger } from '#base/log.ts'
import { type Head, isOver, type JobFeed } from '#chain/client/feed.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Journal } from './journal.ts'
import { pinOwner } from './place.ts'

/** Keeps what a job left behind for a while after its end, then frees the space. */
export interface Retention {
  /** From now on the job's artifacts are kept. */
  begin(jobId: Hex): Promise<void>
  /** Sets the end for jobs that are over, and forgets those whose time has come. */
  sweep(head: Head): Promise<void>
}

/** Creates the retention: `seconds` of block time after a job's end. */
export function createRetention(
  deps: {
    artifacts: Artifacts
    feed: Pick<JobFeed, 'job'>
    files: Files
    journal: Journal
    log: Logger
  },
  options: { seconds: number },
): Retention {
  const { artifacts, feed, files, journal, log } = deps

  async function sweep(head: Head): Promise<void> {
    const now = Number(head.timestamp)
    let isFreed = false
    for (const { jobId, untilTime } of await journal.kept()) {
      const view = feed.job(jobId)
      if (untilTime === 0) {
        if (!view || isOver(view)) await journal.keep({ jobId, untilTime: now + options.seconds })
      } else if (untilTime <= now) {
        await artifacts.unpinOwner(pinOwner(jobId))
        await files.remove(jobId)
        await journal.forget(jobId)
        isFreed = true
      }
    }
    if (isFreed) log.info(await artifacts.collect(), 'space freed')
  }

  return { begin: (jobId) => journal.keep({ jobId, untilTime: 0 }), sweep }
}
