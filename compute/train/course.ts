import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '#base/assert.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, ListedUpdate } from '#wire/segment.ts'
import { type TrainSpec, momentsOf } from '#wire/spec.ts'
import type { Runner, TrainReport } from '../runner.ts'
import { listHashOf } from './certificate.ts'
import { initSeedOf, segmentSeedOf } from './commit.ts'
import { firstBatchOf, segmentOfRound } from './records.ts'
import { encodeState } from './state.ts'

/** One attempt of a job as numbers see it: what fixes every bit of it, apart from the rows. */
export interface Course {
  readonly chainId: number
  readonly jobId: Hex
  readonly beacon: Hex
  readonly attempt: number
  /** Workers in index order. */
  readonly active: readonly Hex[]
  readonly train: TrainSpec
}

export interface CourseDeps {
  /** Opened with the course's spec and rows; worker i is computed by runner i modulo their number. */
  readonly runners: readonly Runner[]
  /** An existing directory for states, emptied of what this leaves in it. */
  readonly scratchDirectory: string
}

export interface CourseOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CourseProgress) => void
  /** Where p begins instead of at the seed. */
  readonly initialParameters?: Float32Array
}

export interface CourseProgress {
  readonly round: number
  readonly rounds: number
  /** Mean of the listed workers' losses in the round. */
  readonly loss: number
  /** Steps done so far, aggregations included. */
  readonly steps: number
}

/** What one round gave, by worker index; undefined for a worker that the list leaves out. */
export interface RoundOutcome {
  readonly round: number
  readonly list: readonly ListedUpdate[]
  readonly reports: readonly (TrainReport | undefined)[]
  readonly aggregated: readonly Leaf[]
  /** Paths of the states before the round: there until the round after it ends. */
  readonly before: readonly string[]
}

export interface CourseEnd {
  /** Part root of the last parameters. */
  readonly modelRoot: Hex
  /** Path of a state with them, in the scratch directory. */
  readonly state: string
  readonly steps: number
}

/** What decides the rounds of a course, and looks at each. */
export interface CourseRules {
  /** Who takes part in a round. */
  readonly membersOf: (round: number) => readonly Hex[]
  /** The list of a round whose steps were done; an end of the course when it returns undefined. */
  readonly listOf: (
    round: number,
    reports: ReadonlyMap<Hex, TrainReport>,
  ) => readonly ListedUpdate[] | undefined
  /** Called after each round; the course ends when it returns false. */
  readonly onRound?: (outcome: RoundOutcome) => boolean
}

/** Runs every step of every worker, round after round. Answers undefined where a rule ended it. */
export async function runCourse(
  deps: CourseDeps,
  { course, rules }: { course: Course; rules: CourseRules },
  options: CourseOptions = {},
): Promise<CourseEnd | undefined> {
  const folder = join(deps.scratchDirectory, 'course')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const bench: Bench = { ...deps, course, folder, options }
  const first = join(folder, 'initial.safetensors')
  const initial = await writeInitial(bench, first)
  let states: readonly string[] = course.active.map(() => first)
  let modelRoot = initial.p
  let steps = 0
  for (let round = 0; round < course.train.rounds; round += 1) {
    options.signal?.throwIfAborted()
    const members = rules.membersOf(round)
    const reports = await trainRound(bench, { round, states, members })
    const list = rules.listOf(round, reports)
    if (list === undefined) return undefined
    const closed = await closeRound(bench, { round, states, list })
    const byIndex = course.active.map((worker) => reports.get(worker))
    steps += members.length * course.train.localSteps + closed.aggregated.length
    const isGoingOn =
      rules.onRound?.({
        round,
        list,
        reports: byIndex,
        aggregated: closed.aggregated,
        before: states,
      }) ?? true
    if (!isGoingOn) return undefined
    report(options, { round, rounds: course.train.rounds, reports, steps })
    states = closed.states
    modelRoot = (closed.aggregated[0] as Leaf).p
  }
  return { modelRoot, state: states[0] as string, steps }
}

async function writeInitial({ course, options, ...deps }: Bench, to: string): Promise<Leaf> {
  const runner = runnerOf(deps, 0)
  const p = options.initialParameters
  if (!p) {
    const seed = initSeedOf(course.jobId, course.beacon)
    return runner.initialState({ seed, to }, options)
  }
  const moments = momentsOf(course.train)
  const zeros = (vector: 'm' | 'v') => new Float32Array(moments.includes(vector) ? p.length : 0)
  await writeFile(to, encodeState({ p, m: zeros('m'), v: zeros('v'), step: 0 }))
  return runner.inspect(to, options)
}

interface Bench extends CourseDeps {
  readonly course: Course
  readonly folder: string
  readonly options: CourseOptions
}

function runnerOf({ runners }: Pick<CourseDeps, 'runners'>, index: number): Runner {
  const runner = runners[index % runners.length]
  assert(runner !== undefined, 'a course has a runner')
  return runner
}

const localState = (folder: string, index: number) => join(folder, `local-${index}.safetensors`)
const updateFile = (folder: string, index: number) => join(folder, `update-${index}.bin`)
const nextState = (folder: string, index: number, round: number) =>
  join(folder, `state-${index}-${round % 2}.safetensors`)

async function trainRound(
  { course, folder, options, ...deps }: Bench,
  { round, states, members }: { round: number; states: readonly string[]; members: readonly Hex[] },
): Promise<ReadonlyMap<Hex, TrainReport>> {
  const { train, active } = course
  const segment = segmentOfRound(train, round)
  const reports = members.map(async (worker) => {
    const index = active.indexOf(worker)
    assert(index >= 0, 'a member is an active worker')
    await rm(localState(folder, index), { force: true })
    await rm(updateFile(folder, index), { force: true })
    const done = await runnerOf(deps, index).train(
      {
        from: states[index] as string,
        to: localState(folder, index),
        segmentSeed: segmentSeedOf({ ...course, segment, worker }),
        firstBatch: firstBatchOf(train, round),
        steps: train.localSteps,
        shard: { index, count: active.length },
        updateTo: updateFile(folder, index),
      },
      options,
    )
    return [worker, done] as const
  })
  return new Map(await Promise.all(reports))
}

async function closeRound(
  { course, folder, options, ...deps }: Bench,
  {
    round,
    states,
    list,
  }: { round: number; states: readonly string[]; list: readonly ListedUpdate[] },
): Promise<{ states: readonly string[]; aggregated: readonly Leaf[] }> {
  const { active, train } = course
  const transcript = listHashOf(list)
  const updates = list.map(({ worker }) => updateFile(folder, active.indexOf(worker)))
  const isListed = (worker: Hex) => list.some((update) => update.worker === worker)
  const closed = active.map(async (worker, index) => {
    const from = isListed(worker) ? localState(folder, index) : (states[index] as string)
    const to = nextState(folder, index, round)
    await rm(to, { force: true })
    const task = { from, to, updates, method: train.aggregation, transcript }
    return { to, leaf: await runnerOf(deps, index).aggregate(task, options) }
  })
  const ends = await Promise.all(closed)
  return { states: ends.map(({ to }) => to), aggregated: ends.map(({ leaf }) => leaf) }
}

function report(
  { onProgress }: CourseOptions,
  done: { round: number; rounds: number; steps: number; reports: ReadonlyMap<Hex, TrainReport> },
): void {
  const { reports, ...rest } = done
  const losses = [...reports.values()].map(({ lossMean }) => lossMean)
  const loss = losses.reduce((sum, one) => sum + one, 0) / Math.max(losses.length, 1)
  onProgress?.({ ...rest, loss })
}
