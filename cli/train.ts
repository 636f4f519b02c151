import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { prepareJob } from '#compute/data/prepare.ts'
import type { PrepareOptions, PreparedJob } from '#compute/data/prepared.ts'
import { type BuiltModel, buildModel, checkTfjs } from '#compute/export/model.ts'
import { decodeSafetensors, takeTensor } from '#compute/export/safetensors.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { Evaluation, OpenedJob, Runner } from '#compute/runner.ts'
import { initSeedOf, partRootOf } from '#compute/train/commit.ts'
import { type Course, type CourseEnd, type CourseProgress } from '#compute/train/course.ts'
import { courseOfSeed, trainFederated } from '#compute/train/federated.ts'
import { limits } from '#wire/limits.ts'
import { type TrainSpec, trainSpecSchema } from '#wire/spec.ts'
import { taskSchema } from '#wire/task.ts'
import type { Context } from './context.ts'
import { writeModel } from './write-model.ts'
import { type ReadingFlags, integerOf, modelChoices, prepareOptionsOf } from './job/flags.ts'

interface TrainFlags extends ReadingFlags {
  readonly workers: string
  readonly out?: string
  readonly tfjs?: boolean
}

/** A training run as a file: what the flags say, and any part of the numeric specification. */
const runSchema = z.strictObject({
  files: z.array(z.string().min(1)).min(1).max(64),
  task: taskSchema.optional(),
  target: z.string().optional(),
  drop: z.array(z.string()).max(limits.columnsMax).optional(),
  noHeader: z.boolean().optional(),
  model: z.enum(modelChoices).optional(),
  context: z.int().optional(),
  testFiles: z.array(z.string().min(1)).max(64).optional(),
  testShare: z.number().gt(0).lt(1).optional(),
  workers: z.int().min(1).max(limits.workersMax).optional(),
  train: z.record(z.string(), z.unknown()).optional(),
})

interface Run {
  readonly files: readonly string[]
  readonly options: PrepareOptions
  readonly workers: number
  readonly seed: number
  readonly train: Readonly<Record<string, unknown>>
}

/** Trains, evaluates on the held-out part and prints the model's hash, which seed and data alone decide. */
export async function runTrain(
  context: Context,
  command: Command,
  files: readonly string[],
): Promise<void> {
  const flags = command.opts<TrainFlags>()
  const { threads } = await context.settings(command)
  const run = runOf(files, flags)
  checkOut(flags)
  const startMs = context.clock.nowMs()
  const prepared = await prepareJob(run.files, { ...run.options, signal: context.stopping })
  if (flags.tfjs === true) {
    checkTfjs(specOf(prepared.train, run.train), prepared.preprocessing)
  }
  const scratchDirectory = mkdtempSync(join(tmpdir(), 'quern-'))
  try {
    const trained = await train(context, { prepared, run, threads, scratchDirectory })
    if (flags.out !== undefined) writeModel(flags.out, trained.model, flags)
    const { modelHash, modelRoot } = trained.model
    const { metric: value, loss, rows } = trained.evaluation
    const metric = { name: prepared.metric, value }
    const wallMs = context.clock.nowMs() - startMs
    const { steps } = trained.end
    const event = { event: 'trained', modelHash, modelRoot, metric, loss, rows, steps, wallMs }
    const lines = [
      `model       ${modelHash}`,
      `${prepared.metric.padEnd(11)} ${value.toFixed(4)}, loss ${loss.toFixed(4)} on ${rows} held-out rows`,
      `took        ${(wallMs / 1000).toFixed(1)} s for ${steps} steps`,
    ]
    context.output.print({ ...event, directory: flags.out ?? null }, lines.join('\n'))
  } finally {
    rmSync(scratchDirectory, { recursive: true, force: true })
  }
}

function runOf(files: readonly string[], flags: TrainFlags): Run {
  const workers = integerOf('workers', flags.workers, { min: 1, max: limits.workersMax })
  const options = prepareOptionsOf(flags, workers)
  const seed = options.seed ?? 1
  const [first] = files
  if (files.length !== 1 || first === undefined || !first.endsWith('.json')) {
    return { files, options, workers, seed, train: {} }
  }
  const { files: named, workers: count = workers, train: part = {}, ...rest } = readRun(first)
  const pathOf = (file: string) => resolve(dirname(first), file)
  return {
    files: named.map(pathOf),
    options: { ...rest, testFiles: rest.testFiles?.map(pathOf), seed, workerCount: count },
    workers: count,
    seed,
    train: part,
  }
}

function readRun(path: string): z.infer<typeof runSchema> {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new AppError({ code: 'FILE_UNREADABLE', path }, { cause: error })
  }
  const run = runSchema.safeParse(parsed)
  if (run.success) return run.data
  const [issue] = run.error.issues
  const message = `${path}: ${issue?.path.join('.')} ${issue?.message}`
  throw new AppError({ code: 'INPUT_INVALID', path, message })
}

/** The specification that the data suggest, with what the file says instead. Throws INPUT_INVALID. */
function specOf(suggested: TrainSpec, part: Run['train']): TrainSpec {
  const parsed = trainSpecSchema.safeParse({ ...suggested, ...part })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const message = `train.${issue?.path.join('.')}: ${issue?.message}`
  throw new AppError({ code: 'INPUT_INVALID', message })
}

interface Trained {
  readonly end: CourseEnd
  readonly model: BuiltModel
  readonly evaluation: Evaluation
}

async function train(
  context: Context,
  work: { prepared: PreparedJob; run: Run; threads: number; scratchDirectory: string },
): Promise<Trained> {
  const { prepared, run, scratchDirectory } = work
  const spec = specOf(prepared.train, run.train)
  const course = courseOfSeed(spec, run.seed, run.workers)
  const rowsFile = join(scratchDirectory, 'train.safetensors')
  writeFileSync(rowsFile, prepared.trainSet.bytes)
  const pool = await openRunners(
    { spec, trainFile: rowsFile },
    { ...work, signal: context.stopping },
  )
  try {
    const { runners, opened } = pool
    const options = {
      signal: context.stopping,
      onProgress: showProgress(context),
      initialParameters: prepared.initialParameters,
    }
    const end = await trainFederated({ runners, scratchDirectory }, course, options)
    const heldOut = join(scratchDirectory, 'held-out.safetensors')
    writeFileSync(heldOut, prepared.heldOut.bytes)
    const evaluation = await (runners[0] as Runner).evaluate({
      model: end.state,
      rowsFile: heldOut,
    })
    return { end, model: modelOf({ prepared, course, opened, end }), evaluation }
  } finally {
    await Promise.all(pool.runners.map((runner) => runner.close()))
  }
}

/** Up to one process a worker; what is left of the threads works inside of each. */
export async function openRunners(
  job: Pick<Parameters<Runner['open']>[0], 'spec' | 'trainFile'>,
  options: { threads: number; run: { workers: number }; signal: AbortSignal },
): Promise<{ runners: Runner[]; opened: OpenedJob }> {
  const { threads, signal } = options
  const count = Math.max(1, Math.min(threads, options.run.workers))
  const runners = Array.from({ length: count }, () => createRunner())
  try {
    const each = Math.max(1, Math.floor(threads / count))
    const all = await Promise.all(
      runners.map((runner) => runner.open({ ...job, threads: each }, { signal })),
    )
    return { runners, opened: all[0] as OpenedJob }
  } catch (error) {
    await Promise.all(runners.map((runner) => runner.close()))
    throw error
  }
}

function showProgress({ output }: Context): (progress: CourseProgress) => void {
  return (progress) => {
    const { round, rounds, loss } = progress
    const isShown = (round + 1) % Math.max(1, Math.floor(rounds / 10)) === 0
    const text = `round ${round + 1} of ${rounds}, loss ${loss.toFixed(4)}`
    output.print({ event: 'round', ...progress }, isShown ? text : undefined)
  }
}

function modelOf(made: {
  prepared: PreparedJob
  course: Course
  opened: OpenedJob
  end: CourseEnd
}): BuiltModel {
  const { prepared, course, opened, end } = made
  const { task, metric, splitSeed, preprocessing } = prepared
  const { engineId } = opened
  const state = decodeSafetensors(readFileSync(end.state), { source: 'state' })
  return buildModel({
    job: {
      name: '',
      task,
      metric,
      engineId,
      splitSeed,
      train: course.train,
      preprocessing,
    },
    ...(prepared.initialParameters
      ? { initialRoot: partRootOf(prepared.initialParameters) }
      : { initialSeed: initSeedOf(course.jobId, course.beacon) }),
    parameters: takeTensor(state, 'p', 'F32').values,
  })
}

/** Throws FLAG_INVALID where there is no place for what is asked for. */
function checkOut({ out, tfjs }: TrainFlags): void {
  if (tfjs !== true || out !== undefined) return
  const message = '--tfjs writes into the folder of --out; give both'
  throw new AppError({ code: 'FLAG_INVALID', flag: 'tfjs', message })
}
