import { least, most } from '#base/bigint.ts'
import type { JobFeed } from '#chain/client/feed.ts'

/** A limit in chain time, as a signal. */
export interface Window {
  readonly signal: AbortSignal
  /** Stops listening. */
  release(): void
}

/** When a window ends (Unix seconds), and until when it may be moved. */
export interface WindowEnd {
  readonly untilTime: bigint
  readonly lastTime: bigint
}

/** Two heads this far apart (seconds): the process slept, or heard nothing. */
const gapSeconds = 15n

/**
 * Aborts once a finalised block carries this time or later, or `stopping` aborts. Time in which no head came is
 * given back up to `lastTime`: who slept has not seen that something was withheld.
 */
export function openWindow(
  feed: Pick<JobFeed, 'head' | 'onHead'>,
  { untilTime, lastTime }: WindowEnd,
  stopping: AbortSignal,
): Window {
  const over = new AbortController()
  let seen = feed.head().timestamp
  let end = untilTime
  const look = () => {
    const { timestamp } = feed.head()
    if (timestamp >= seen + gapSeconds) end = most(end, least(end + timestamp - seen, lastTime))
    seen = timestamp
    if (timestamp >= end) over.abort(new Error('the window is over'))
  }
  const release = feed.onHead(look)
  look()
  return { signal: AbortSignal.any([over.signal, stopping]), release }
}

/** What the windows of an attempt follow from. */
export interface WindowFacts {
  /** Unix seconds. */
  readonly commitDeadline: bigint
  readonly commitSeconds: number
  /** Bytes that the drawn states have together. */
  readonly statesBytes: number
  /** Chain time at which this evaluator began to look. */
  readonly nowTime: bigint
}

export interface ServingTimes {
  /** Until then transcripts may be served: without them nobody knows what else was drawn. */
  readonly readUntil: bigint
  /** Until then workers may serve what was drawn. */
  readonly servedUntil: bigint
  /** Until then what another evaluator had in time may still be fetched. */
  readonly sharedUntil: bigint
  /** Nobody takes longer. */
  readonly lastTime: bigint
}

const leastSeconds = 60
const bytesPerSecond = 5_000_000

/**
 * How long an evaluator waits for states: 60 s and their bytes at 5 MB/s from the drawing on, at most half of
 * the commit window. The same for all evaluators, apart from one that came late (half of the time for transcripts
 * was over), which takes as long from then on; nobody takes more than 4/5 of the window.
 */
export function servingTimes(facts: WindowFacts): ServingTimes {
  const { commitDeadline, commitSeconds, statesBytes, nowTime } = facts
  const drawn = commitDeadline - BigInt(commitSeconds)
  const wanted = leastSeconds + Math.ceil(statesBytes / bytesPerSecond)
  const serving = BigInt(Math.min(wanted, Math.floor(commitSeconds / 2)))
  const sharing = BigInt(Math.min(leastSeconds, Math.floor(commitSeconds / 5)))
  const late = nowTime > drawn + serving / 4n ? nowTime : drawn
  const lastTime = drawn + BigInt(Math.floor((4 * commitSeconds) / 5))
  return {
    readUntil: least(late + serving / 2n, lastTime),
    servedUntil: least(late + serving, lastTime),
    sharedUntil: least(late + serving + sharing, lastTime),
    lastTime,
  }
}
