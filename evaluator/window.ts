import type { JobFeed } from '#chain/client/feed.ts'

/** A limit in chain time, as a signal. */
export interface Window {
  readonly signal: AbortSignal
  /** Stops listening. */
  release(): void
}

/** Aborts once a finalised block carries this time (Unix seconds) or later, or `stopping` aborts. */
export function openWindow(
  feed: Pick<JobFeed, 'head' | 'onHead'>,
  untilTime: bigint,
  stopping: AbortSignal,
): Window {
  const over = new AbortController()
  const look = () => {
    if (feed.head().timestamp >= untilTime) over.abort(new Error('the window is over'))
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
}

const leastSeconds = 60
const bytesPerSecond = 5_000_000

/**
 * How long an evaluator waits for states: 60 s and their bytes at 5 MB/s from the drawing on, at most half of
 * the commit window. The same for all evaluators, apart from one that came late, which takes as long from then
 * on; nobody takes more than 4/5 of the window.
 */
export function servingTimes(facts: WindowFacts): ServingTimes {
  const { commitDeadline, commitSeconds, statesBytes, nowTime } = facts
  const drawn = commitDeadline - BigInt(commitSeconds)
  const wanted = leastSeconds + Math.ceil(statesBytes / bytesPerSecond)
  const serving = BigInt(Math.min(wanted, Math.floor(commitSeconds / 2)))
  const sharing = BigInt(Math.min(leastSeconds, Math.floor(commitSeconds / 5)))
  const late = nowTime > drawn + serving / 2n ? nowTime : drawn
  const last = drawn + BigInt(Math.floor((4 * commitSeconds) / 5))
  return {
    readUntil: least(late + serving / 2n, last),
    servedUntil: least(late + serving, last),
    sharedUntil: least(late + serving + sharing, last),
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
