import { isOver, type JobFeed } from '#chain/client/feed.ts'
import type { Hex } from '#wire/primitives.ts'

/**
 * How many jobs count against an owner's concurrency: those it works on, and those it volunteered for that have no
 * workers yet. A job that is over counts no more, however long its session takes to put things away.
 */
export function placesTaken(
  feed: Pick<JobFeed, 'jobs' | 'job'>,
  self: Hex,
  sessions: readonly Hex[],
): number {
  const isWorkedOn = (jobId: Hex) => {
    const view = feed.job(jobId)
    return view !== undefined && !isOver(view)
  }
  const hopes = feed
    .jobs()
    .filter(({ phase, volunteers }) => phase === 'posted' && volunteers.includes(self))
  return sessions.filter(isWorkedOn).length + hopes.length
}
