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

/** A step to repeat: a local one from the state before it, or an aggregation from its list. */
export type DrawnStep =
  | (Place & {
      readonly kind: 'local'
      /** Number of its batch within the segment. */ readonly batch: number
    })
  | (Place & { readonly kind: 'aggregation'; readonly list: RoundList })

/** The drawn steps of a transcript whose layout was checked. */
export function drawSteps(
  train: TrainSpec,
  transcript: Transcript,
  { auditSeed, rate = 'normal' }: { readonly auditSeed: Hex; readonly rate?: AuditRate },
): DrawnStep[] {
  const segmentCount = transcript.records.length
  return transcript.records.flatMap((record) => {
    const { attempt, worker, segment } = record
    const drawn = { attempt, worker, segment, stepCount: stepCountOf(record), segmentCount }
    const steps = sampleSteps(auditSeed, drawn, rate)
    return steps.map((step) => locateStep(train, transcript, { segment, step }))
  })
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
      ? { ...place, kind: 'local', batch: firstBatchOf(train, round.round) + within }
      : { ...place, kind: 'aggregation', list: transcript.rounds[round.round] as RoundList }
  }
  throw new Error('a step lies in a round')
}
