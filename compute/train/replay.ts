import { assert } from '#base/assert.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps, Transcript } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { leafHashOf } from './commit.ts'
import {
  type Course,
  type CourseDeps,
  type CourseEnd,
  type CourseOptions,
  type RoundOutcome,
  runCourse,
} from './course.ts'
import { segmentOfRound, segmentRounds } from './records.ts'

export interface Replayed {
  /** Empty when every leaf of every worker is what the committed ones say. */
  readonly findings: readonly Finding[]
  /** Undefined after a finding: what follows from a wrong step is wrong everywhere. */
  readonly end?: CourseEnd
  /** Leaves compared with committed ones. */
  readonly compared: number
}

/**
 * Repeats a whole attempt from its specification, beacon, workers and round lists, and compares every leaf of
 * every transcript, and every listed update, also those of workers that left no transcript. Stops at the end
 * of the first round in which something differs.
 */
export async function replayJob(
  deps: CourseDeps,
  work: {
    course: Course
    lists: readonly RoundList[]
    transcripts: ReadonlyMap<Hex, Transcript>
  },
  options: CourseOptions = {},
): Promise<Replayed> {
  const { course, lists, transcripts } = work
  assert(lists.length === course.train.rounds, 'every round has its list')
  const findings: Finding[] = []
  let compared = 0
  const listAt = (round: number) => (lists[round] as RoundList).list
  const end = await runCourse(
    deps,
    {
      course,
      rules: {
        membersOf: (round) => listAt(round).map(({ worker }) => worker),
        listOf: listAt,
        onRound: (outcome) => {
          const compares = course.active.map((worker, index) => {
            return { index, worker, transcript: transcripts.get(worker), outcome }
          })
          compared += compares.reduce((sum, one) => sum + leavesOf(one).length, 0)
          findings.push(...compares.flatMap((one) => compareSteps(course.train, one)))
          // What aggregates a wrong update is wrong everywhere, and proves nothing.
          if (findings.length > 0) return false
          findings.push(...compares.flatMap((one) => compareAggregation(course.train, one)))
          return findings.length === 0
        },
      },
    },
    options,
  )
  return { findings, end, compared }
}

interface Compared {
  readonly index: number
  readonly worker: Hex
  readonly transcript: Transcript | undefined
  readonly outcome: RoundOutcome
}

/** What is compared with the transcript, if there is one. */
function leavesOf({ index, transcript, outcome }: Compared): readonly Leaf[] {
  if (transcript === undefined) return []
  return [...(outcome.reports[index]?.leaves ?? []), outcome.aggregated[index] as Leaf]
}

function compareSteps(train: TrainSpec, compared: Compared): Finding[] {
  const { index, worker, transcript, outcome } = compared
  const { round } = outcome
  const report = outcome.reports[index]
  const place = { worker, segment: segmentOfRound(train, round), round }
  const listed = outcome.list.find((update) => update.worker === worker)
  if (transcript !== undefined) {
    const { first, steps } = committedSteps(train, transcript, round)
    const leaves = report?.leaves ?? []
    const at = leaves.findIndex((leaf, i) => !isSame(leaf, steps[i]))
    if (at >= 0 || steps.length !== leaves.length) {
      return [
        {
          kind: 'step',
          ...place,
          step: first + Math.max(at, 0),
          ...hashesOf(leaves[at], steps[at]),
        },
      ]
    }
  }
  if (!listed || !report || listed.updateRoot === report.updateRoot) return []
  const { updateRoot: expected } = report
  return [{ kind: 'updateRoot', ...place, expected, committed: listed.updateRoot }]
}

function compareAggregation(train: TrainSpec, compared: Compared): Finding[] {
  const { index, worker, transcript, outcome } = compared
  if (transcript === undefined) return []
  const { round } = outcome
  const { first, steps, aggregated } = committedSteps(train, transcript, round)
  const leaf = outcome.aggregated[index] as Leaf
  if (isSame(leaf, aggregated)) return []
  const place = { worker, segment: segmentOfRound(train, round), round }
  return [
    { kind: 'aggregation', ...place, step: first + steps.length, ...hashesOf(leaf, aggregated) },
  ]
}

function isSame(leaf: Leaf, committed: Leaf | undefined): boolean {
  return committed !== undefined && leafHashOf(committed) === leafHashOf(leaf)
}

function hashesOf(leaf: Leaf | undefined, committed: Leaf | undefined) {
  return { expected: leaf && leafHashOf(leaf), committed: committed && leafHashOf(committed) }
}

/** The leaves that a transcript has of a round, and the step of the first one within its segment. */
function committedSteps(train: TrainSpec, transcript: Transcript, round: number) {
  const segment = segmentOfRound(train, round)
  const position = round - segmentRounds(train, segment).first
  const rounds: readonly RoundSteps[] = transcript.records[segment]?.rounds ?? []
  const first = rounds.slice(0, position).reduce((sum, { steps }) => sum + steps.length + 1, 0)
  const { steps = [], aggregated } = rounds[position] ?? {}
  return { first, steps, aggregated }
}
