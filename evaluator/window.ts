import { least } from '#base/bigint.ts'
import type { JobFeed } from '#chain/client/feed.ts'

/** A limit in chain time, as a signal. */
export interface Window {
  readonly signal: AbortSignal
  /** Whether it ended, or will end, before others have had as long as they are due. */
  isCut(): boolean
  /** Stops listening. */
  release(): void
}

/** When a window is to end (Unix seconds), and until when it may be moved; it ends with the earlier of both. */
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
  let wanted = untilTime
  const look = () => {
    if (over.signal.aborted) return
    const { timestamp } = feed.head()
    if (timestamp >= seen + gapSeconds) wanted += timestamp - seen
    seen = timestamp
    if (timestamp >= least(wanted, lastTime)) over.abort(new Error('the window is over'))
  }
  const release = feed.onHead(look)
  look()
  const signal = AbortSignal.any([over.signal, stopping])
  return { signal, isCut: () => wanted > lastTime, release }
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
 * was over), which takes as long from then on; nobody takes more than 4/5 of the window (`lastTime`), and whoever would
 * have to says of nobody that it withheld something.
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
    readUntil: late + serving / 2n,
    servedUntil: late + serving,
    sharedUntil: late + serving + sharing,
    lastTime,
  }
}

/** All windows of an attempt, as an audit takes them. */
export interface Windows {
  readonly reading: AbortSignal
  readonly serving: AbortSignal
  readonly sharing: AbortSignal
  readonly answering: AbortSignal
  /** Whether workers have less time here than they are due. */
  isCut(): boolean
  release(): void
}

/** Opens them as `servingTimes` has them, from now on. */
export function openWindows(
  feed: Pick<JobFeed, 'head' | 'onHead'>,
  facts: Omit<WindowFacts, 'nowTime'>,
  stopping: AbortSignal,
): Windows {
  const times = servingTimes({ ...facts, nowTime: feed.head().timestamp })
  const { lastTime } = times
  const open = (untilTime: bigint) => openWindow(feed, { untilTime, lastTime }, stopping)
  const reading = open(times.readUntil)
  const serving = open(times.servedUntil)
  const sharing = open(times.sharedUntil)
  const answering = open(lastTime)
  return {
    reading: reading.signal,
    serving: serving.signal,
    sharing: sharing.signal,
    answering: answering.signal,
    isCut: serving.isCut,
    release() {
      for (const { release } of [reading, serving, sharing, answering]) release()
    },
  }
}
