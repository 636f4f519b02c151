import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { TrainReport } from '#compute/runner.ts'
import { firstPace, nextPace, type Pace } from '#compute/train/pace.ts'
import { recordHashOf, recordOf, segmentOfRound, segmentRounds } from '#compute/train/records.ts'
import type { Leaf, RoundList, RoundSteps, SegmentRecord, Transcript } from '#wire/segment.ts'
import { type TrainSpec, segmentsPerWorker } from '#wire/spec.ts'
import type { Agreement } from './agreement.ts'
import type { Exchange } from './exchange.ts'
import type { AttemptJournal } from './journal.ts'
import type { MisbehaveKind } from './misbehave.ts'
import type { AttemptPlace } from './place.ts'
import type { Progress } from './progress.ts'
import type { Trainer } from './trainer.ts'
import { ownIn, type Updates } from './updates.ts'

export interface AttemptDeps {
  readonly clock: Clock
  readonly journal: AttemptJournal
  readonly trainer: Trainer
  readonly updates: Updates
  readonly exchange: Exchange
  readonly agreement: Agreement
  readonly onProgress: (progress: Progress) => void
}

export interface AttemptOptions {
  readonly train: TrainSpec
  readonly flopsPerStep: number
  readonly updateBytes: number
  readonly misbehave?: MisbehaveKind
}

interface Attempt extends AttemptDeps, AttemptOptions {
  readonly place: AttemptPlace
}

/**
 * Trains all rounds of an attempt with the peers, from wherever the journal says it stopped. Answers what was
 * committed. Rejects with the signal's reason when the attempt is over before that.
 */
export async function runAttempt(
  deps: AttemptDeps,
  { place, options }: { place: AttemptPlace; options: AttemptOptions },
  signal: AbortSignal,
): Promise<Transcript> {
  const attempt: Attempt = { ...deps, ...options, place }
  const { journal, train } = attempt
  await attempt.trainer.initial()
  let pace = firstPace(place.active)
  let round = 0
  for (; round < train.rounds; round += 1) {
    const list = journal.list(round)
    if (!list || !journal.steps(round)) break
    pace = nextPace(pace, list.list)
  }
  if (round > 0) deps.onProgress({ kind: 'resumed', attempt: place.attempt, round })
  for (; round < train.rounds; round += 1) {
    signal.throwIfAborted()
    pace = await runRound(attempt, { round, pace }, signal)
  }
  return transcriptOf(attempt)
}

async function runRound(
  attempt: Attempt,
  { round, pace }: { round: number; pace: Pace },
  signal: AbortSignal,
): Promise<Pace> {
  const { clock, journal, trainer, place } = attempt
  const startMs = clock.nowMs()
  const known = journal.list(round)
  const agreed: Agreed = known ? { list: known } : await agree(attempt, { round, pace }, signal)
  if (!known) await journal.setList(agreed.list)
  const steps = await trainer.finish(agreed.list, agreed.report, signal)
  await journal.setSteps(steps)
  await trainer.tidy(round)
  const durationMs = clock.nowMs() - startMs
  attempt.onProgress({
    kind: 'round',
    attempt: place.attempt,
    round,
    rounds: attempt.train.rounds,
    loss: agreed.report?.lossMean,
    listed: agreed.list.list.length,
    durationMs,
    isClosedOnChain: agreed.list.isClosedOnChain,
  })
  await announceSegment(attempt, round)
  return nextPace(pace, agreed.list.list, agreed.workMs)
}

interface Agreed {
  readonly list: RoundList
  readonly report?: TrainReport
  /** Unknown for rounds that were over before this worker came to them. */
  readonly workMs?: number
}

/** Trains and agrees at the same time; a list that leaves this worker out ends its training. */
async function agree(
  attempt: Attempt,
  { round, pace }: { round: number; pace: Pace },
  signal: AbortSignal,
): Promise<Agreed> {
  const { agreement, exchange, place } = attempt
  agreement.open(round, pace)
  await exchange.settled()
  const found = agreement.outcome()
  if (found) return { list: found } // it went on without this worker, or before a restart
  const leftOut = new AbortController()
  const own = trainAndAnnounce(attempt, round, AbortSignal.any([signal, leftOut.signal]))
  const list = await Promise.race([agreement.fixed(signal), neverUnlessFailed(own)])
  const isListed = ownIn(list.list, place.self) !== undefined
  if (!isListed) leftOut.abort()
  const report = await own.catch((error: unknown) => {
    if (leftOut.signal.aborted && !signal.aborted) return undefined
    throw error
  })
  const workMs = agreement.workMs()
  return isListed && report ? { list, report, workMs } : { list, workMs }
}

async function neverUnlessFailed(work: Promise<unknown>): Promise<never> {
  await work
  return new Promise<never>(() => undefined)
}

async function trainAndAnnounce(
  attempt: Attempt,
  round: number,
  signal: AbortSignal,
): Promise<TrainReport> {
  const { trainer, updates, exchange, updateBytes } = attempt
  const report = await trainer.train(round, signal)
  const copied =
    attempt.misbehave === 'copy-update' ? await attempt.agreement.foreignUpdate(signal) : undefined
  const cid = copied?.cid ?? (await updates.publish(trainer.updateFile(round)))
  await exchange.announceUpdate({
    round,
    updateRoot: copied?.updateRoot ?? report.updateRoot,
    cid,
    sizeBytes: updateBytes,
    loss: report.lossMean,
  })
  return report
}

async function announceSegment(attempt: Attempt, round: number): Promise<void> {
  const { train, place, exchange } = attempt
  const segment = segmentOfRound(train, round)
  const { first, count } = segmentRounds(train, segment)
  if (round !== first + count - 1) return
  const recordHash = recordHashOf(recordAt(attempt, segment))
  await exchange.announceSegment(segment, recordHash)
  attempt.onProgress({ kind: 'segment', attempt: place.attempt, segment, recordHash })
}

type Recorded = Pick<Attempt, 'journal' | 'place' | 'train' | 'flopsPerStep'>

function recordAt(
  { journal, place, train, flopsPerStep }: Recorded,
  segment: number,
): SegmentRecord {
  const { first, count } = segmentRounds(train, segment)
  const input = first === 0 ? journal.initial() : journal.steps(first - 1)?.aggregated
  const rounds = Array.from({ length: count }, (_, i) => journal.steps(first + i) as RoundSteps)
  const { jobId, attempt, self: worker } = place
  return recordOf(
    { jobId, attempt, worker, segment },
    { input: input as Leaf, rounds },
    flopsPerStep,
  )
}

/** All that the journal of a finished attempt commits to. */
export function transcriptIn(
  journal: AttemptJournal,
  place: AttemptPlace,
  work: Pick<AttemptOptions, 'train' | 'flopsPerStep'>,
): Transcript {
  return transcriptOf({ journal, place, ...work })
}

function transcriptOf(attempt: Recorded): Transcript {
  const { place, journal, train } = attempt
  const { jobId, self: worker } = place
  const segments = segmentsPerWorker(train)
  return {
    version: 1,
    jobId,
    attempt: place.attempt,
    worker,
    records: Array.from({ length: segments }, (_, segment) => recordAt(attempt, segment)),
    rounds: Array.from({ length: train.rounds }, (_, round) => journal.list(round) as RoundList),
  }
}

/** True for the errors that an aborted call leaves behind. */
export function isAbort(error: unknown): boolean {
  return codeOf(error) === 'ABORTED' || (error as Error | undefined)?.name === 'AbortError'
}
