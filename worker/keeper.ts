import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type Head, isOver, type JobFeed } from '#chain/client/feed.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Duty, dueCall, patienceOf, type StoredJob } from './duties.ts'

/** Sends what anyone may send for the jobs of this worker, when it is due and nobody else did. */
export interface Keeper {
  /** Looks at every job once; ends when what was due is sent. */
  tend(head: Head): Promise<void>
}

const retryBlocks = 5n

/** Creates the keeper. Expected refusals, such as that another party was faster, are not errors. */
export function createKeeper(deps: {
  feed: Pick<JobFeed, 'jobs'>
  chain: Pick<Transactor, 'send' | 'read'>
  self: Hex
  log: Logger
}): Keeper {
  const { chain, feed, log, self } = deps
  /** Since which height a call has been due, or when to try again. */
  const due = new Map<string, bigint>()

  async function tend(head: Head): Promise<void> {
    for (const view of feed.jobs()) {
      if (isOver(view) || !isParty(view, self)) continue
      await tendJob(view, head).catch((error: unknown) => {
        log.debug({ err: error, jobId: view.jobId, code: codeOf(error) }, 'job not tended')
      })
    }
  }

  async function tendJob(view: JobView, head: Head): Promise<void> {
    const job = await chain.read<StoredJob>('JobManager', 'jobState', [view.jobId])
    const duty = dueCall(job, view, head)
    if (!duty) return
    const key = `${view.jobId}/${view.attempt}/${duty.call}`
    const sinceHeight = due.get(key) ?? head.number
    due.set(key, sinceHeight)
    if (head.number < sinceHeight + patienceOf(view, self)) return
    due.set(key, head.number + retryBlocks)
    await send(view, duty)
    log.info({ jobId: view.jobId, call: duty.call }, 'did what was due')
  }

  async function send(view: JobView, duty: Duty): Promise<void> {
    try {
      await chain.send('JobManager', duty.call, argumentsOf(view, duty))
    } catch (error) {
      // Evaluators that do not agree need a further panel.
      const isSplit = error instanceof AppError && error.fields['reason'] === 'NoQuorum'
      if (!isSplit) throw error
      await chain.send('JobManager', 'expire', [view.terms])
    }
  }

  return { tend }
}

function argumentsOf({ terms }: JobView, duty: Duty): readonly unknown[] {
  if (duty.call === 'assignWorkers') return [terms, []]
  return 'verdict' in duty ? [terms, duty.verdict] : [terms]
}

function isParty(view: JobView, self: Hex): boolean {
  return view.workers.includes(self) || view.volunteers.includes(self)
}
