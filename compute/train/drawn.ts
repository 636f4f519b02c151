import { assert } from '#base/assert.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, SegmentRecord, Transcript } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { firstBatchOf } from './records.ts'
import { type AuditRate, sampleSteps } from './sample.ts'

interface Place {
  readonly worker: Hex
  readonly segment: number
  /** Within the segment, from 0, aggregations included. */
  readonly step: number
  readonly round: number
  readonly before: Leaf
  readonly after: Leaf
}

/** What to repeat: local steps from the state before them, or an aggregation from its list. */
export type DrawnStep =
  | (Place & {
      readonly kind: 'local'
      /** Number of the first one's batch within the segment. */
      readonly batch: number
      /** How many lead from `before` to `after`: 1 of an exact job, a round's of a tolerant one. */
      readonly steps: number
    })
  | (Place & { readonly kind: 'aggregation'; readonly list: RoundList })

/** How steps of a worker are drawn. */
export interface Draw {
  readonly auditSeed: Hex
  readonly rate?: AuditRate
  /** Steps have no one right outcome: the rounds of the drawn steps are repeated whole. */
  readonly isTolerant?: boolean
}

/**
 * The drawn steps of a transcript whose layout was checked. The state before each has to be served. Of a tolerant job
 * they are the local steps and the aggregation of each drawn round; the first round, whose start everybody knows, is
 * always among them.
 */
export function drawSteps(train: TrainSpec, transcript: Transcript, draw: Draw): DrawnStep[] {
  const { auditSeed, rate = 'normal', isTolerant = false } = draw
  const segmentCount = transcript.records.length
  return transcript.records.flatMap((record) => {
    const { attempt, worker, segment } = record
    const drawn = { attempt, worker, segment, stepCount: stepCountOf(record), segmentCount }
    const sampled = sampleSteps(auditSeed, drawn, rate)
    const steps = sampled.map((step) => locateStep(train, transcript, { segment, step }))
    return isTolerant ? wholeRounds(train, transcript, { segment, steps }) : steps
  })
}

/** The rounds of a segment that have one of the steps, each as its local steps and its aggregation. */
function wholeRounds(
  train: TrainSpec,
  transcript: Transcript,
  { segment, steps }: { segment: number; steps: readonly DrawnStep[] },
): DrawnStep[] {
  const wanted = new Set(steps.map(({ round }) => round))
  if (segment === 0) wanted.add(0)
  let first = 0
  const found: DrawnStep[] = []
  for (const { round, steps: local } of transcript.records[segment]?.rounds ?? []) {
    const aggregation = first + local.length
    if (wanted.has(round)) {
      const last = locateStep(train, transcript, { segment, step: aggregation })
      const begin = locateStep(train, transcript, { segment, step: first })
      if (begin.kind === 'local') found.push({ ...begin, steps: local.length, after: last.before })
      found.push(last)
    }
    first = aggregation + 1
  }
  return found
}

/** Steps of a segment: the local ones and one aggregation a round. */
export function stepCountOf({ rounds }: SegmentRecord): number {
  return rounds.reduce((sum, { steps }) => sum + steps.length + 1, 0)
}

/** What stands before and after one step of a transcript whose layout was checked. */
export function locateStep(
  train: TrainSpec,
  transcript: Transcript,
  { segment, step }: { segment: number; step: number },
): DrawnStep {
  const record = transcript.records[segment]
  assert(
    record !== undefined && step >= 0 && step < stepCountOf(record),
    'the segment has the step',
  )
  const { worker } = record
  let first = 0
  let before = record.input
  for (const round of record.rounds) {
    const within = step - first
    if (within > round.steps.length) {
      first += round.steps.length + 1
      before = round.aggregated
      continue
    }
    const leaves = [before, ...round.steps, round.aggregated]
    const place = {
      worker,
      segment,
      step,
      round: round.round,
      before: leaves[within] as Leaf,
      after: leaves[within + 1] as Leaf,
    }
    return within < round.steps.length
      ? { ...place, kind: 'local', batch: firstBatchOf(train, round.round) + within, steps: 1 }
      : { ...place, kind: 'aggregation', list: transcript.rounds[round.round] as RoundList }
  }
  throw new Error('a step lies in a round')
}
