import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import { type TrainSpec, trainSpecSchema } from '#wire/spec.ts'
import { aggregateUpdates } from '../exact/aggregate.ts'
import { type Engine, createEngine } from '../exact/engine.ts'
import { engineIdOf } from '../exact/kernels.ts'
import { createThreadTeam } from '../exact/thread-team.ts'
import { createDecoder } from '../infer/decoder.ts'
import { generateTokens } from '../infer/generate.ts'
import { createIntegerModel } from '../infer/integer-model.ts'
import { createWholeDecoder } from '../infer/whole-decoder.ts'
import { createBatchRoots } from '../transcript/batches.ts'
import { transcribeStep } from '../transcript/tensor-file.ts'
import type {
  AggregateTask,
  BatchesTask,
  EvaluateTask,
  Evaluation,
  GenerateTask,
  InitialTask,
  OpenedJob,
  PredictTask,
  RunnerJob,
  TrainReport,
  TrainTask,
  TranscribeTask,
} from '../runner.ts'
import { evaluateRows, predictRows } from './evaluate.ts'
import { type Rows, decodeRows } from './rows.ts'
import {
  decodeState,
  decodeUpdate,
  encodeState,
  encodeUpdate,
  leafOfEngine,
  leafOfState,
  loadState,
} from './state.ts'
import { trainSteps } from './trainer.ts'
import { partRootOf } from './commit.ts'

const memoryBytesDefault = 2_147_483_648
const threadsMax = 64

/** What one runner process does with files; `Runner` without the process border. */
export interface Session {
  readonly opened: OpenedJob
  initialState(task: InitialTask): Promise<Leaf>
  inspect(path: string): Promise<Leaf>
  /** `onStep` may wait; it throws to stop the work. */
  train(
    task: TrainTask,
    onStep: (step: number, loss: number) => Promise<void>,
  ): Promise<TrainReport>
  transcribe(task: TranscribeTask): Promise<void>
  batches(task: BatchesTask): Promise<readonly Hex[]>
  aggregate(task: AggregateTask): Promise<Leaf>
  evaluate(task: EvaluateTask): Promise<Evaluation>
  predict(task: PredictTask): Promise<Float32Array>
  /** `onToken` may wait; it throws to stop the work. */
  generate(task: GenerateTask, onToken: (token: number) => Promise<void>): Promise<Int32Array>
  close(): Promise<void>
}

/** Where a session's files are. Paths are those of its tasks. */
export interface Disk {
  /** Throws FILE_FAILED, FILE_TOO_LARGE. */
  read(path: string): Promise<Uint8Array>
  /** Writes a file whole or not at all. */
  write(path: string, bytes: Uint8Array): Promise<void>
}

/** The machine's own disk. */
export const realDisk: Disk = { read: readWhole, write: writeWhole }

/** Checks the specification, reads the rows, starts the engine. */
export async function openSession(job: RunnerJob, disk: Disk = realDisk): Promise<Session> {
  const spec = parseSpec(job.spec)
  const { memoryBytesMax = memoryBytesDefault } = job
  const threads = Math.max(1, Math.min(job.threads, threadsMax))
  const rows = job.trainFile ? decodeRows(await disk.read(job.trainFile), spec) : undefined
  const wasm = await readKernels()
  const options = { threads, memoryBytesMax, createTeam: createThreadTeam }
  const engine = await createEngine(spec, wasm, options)
  const opened = {
    engineId: engineIdOf(wasm),
    parameterCount: engine.parameterCount,
    flopsPerStep: engine.flopsPerStep,
    stateBytes: 4 * (engine.p.length + engine.m.length + engine.v.length),
    rows: rows?.count ?? 0,
  }
  return createSession({ spec, engine, rows, opened, wasm, memoryBytesMax, disk })
}

/** The compiled kernels that belong to this code. */
export async function readKernels(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL('../exact/kernels.wasm', import.meta.url)))
}

function parseSpec(spec: unknown): TrainSpec {
  const parsed = trainSpecSchema.safeParse(spec)
  if (parsed.success) return parsed.data
  const reasons = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new AppError({ code: 'SPEC_INVALID', reasons })
}

interface SessionParts {
  readonly spec: TrainSpec
  readonly engine: Engine
  readonly rows: Rows | undefined
  readonly opened: OpenedJob
  readonly wasm: Uint8Array<ArrayBuffer>
  readonly memoryBytesMax: number
  readonly disk: Disk
}

function createSession(parts: SessionParts): Session {
  const { spec, engine, rows, opened, wasm, memoryBytesMax, disk } = parts
  let batchRoots: ReturnType<typeof createBatchRoots> | undefined
  return {
    opened,
    async initialState({ seed, to }) {
      engine.initialize(seed)
      await disk.write(to, encodeState(engine))
      return leafOfEngine(engine)
    },
    async inspect(path) {
      return leafOfState(await readModel(path, parts))
    },
    train: (task, onStep) => train(parts, task, onStep),
    async transcribe(task) {
      if (!rows) throw noRows()
      const state = decodeState(await disk.read(task.from))
      await transcribeStep({ spec, rows, wasm, memoryBytesMax }, { ...task, state })
    },
    async batches(task) {
      if (!rows) throw noRows()
      batchRoots ??= createBatchRoots({ spec, engine, rows })
      return batchRoots(task)
    },
    async aggregate({ from, to, updates, method, transcript }) {
      const state = decodeState(await disk.read(from))
      loadState(engine, state)
      const vectors: Float32Array[] = []
      for (const path of updates) vectors.push((await readModel(path, parts)).p)
      engine.p.set(await aggregateUpdates(vectors, method, { wasm, memoryBytesMax }))
      await disk.write(to, encodeState(engine))
      return { ...leafOfEngine(engine), transcript }
    },
    async evaluate({ model, rowsFile }) {
      engine.p.set((await readModel(model, parts)).p)
      return evaluateRows(engine, spec, decodeRows(await disk.read(rowsFile), spec))
    },
    async predict({ model, x, isInteger = false }) {
      const { p } = await readModel(model, parts)
      if (isInteger) {
        const integers = await createIntegerModel(spec, { parameters: p, wasm })
        return integers.predict(unlabelled(x, engine).x as Float32Array)
      }
      engine.p.set(p)
      return predictRows(engine, spec, unlabelled(x, engine))
    },
    async generate({ model, isInteger = false, ...generation }, onToken) {
      const { p } = await readModel(model, parts)
      const isWhole = spec.model.kind === 'graph' && !isInteger
      const decoder = isWhole
        ? await createWholeDecoder(spec, p, wasm)
        : await createDecoder(spec, p, wasm, { isInteger })
      const tokens: number[] = []
      for (const token of generateTokens(decoder, generation)) {
        tokens.push(token)
        await onToken(token)
      }
      return Int32Array.from(tokens)
    },
    close: () => engine.close(),
  }
}

async function train(
  { engine, rows, disk }: SessionParts,
  task: TrainTask,
  onStep: (step: number, loss: number) => Promise<void>,
): Promise<TrainReport> {
  if (!rows) throw noRows()
  const { from, to, updateTo, snapshots, steps } = task
  loadState(engine, decodeState(await disk.read(from)))
  const leafOf: (() => Leaf)[] = []
  const losses: number[] = []
  for (const { leaf, loss } of trainSteps(engine, rows, task)) {
    leafOf.push(leaf)
    losses.push(loss)
    await onStep(losses.length - 1, loss)
    if (snapshots && losses.length % snapshots.everySteps === 0) {
      const name = `${losses.length}.safetensors`
      await disk.write(join(snapshots.directory, name), encodeState(engine))
    }
  }
  const leaves = leafOf.map((leaf) => leaf())
  if (updateTo) await disk.write(updateTo, encodeUpdate(engine.p))
  await disk.write(to, encodeState(engine))
  const lossMean = losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, steps)
  return { leaves, losses, lossMean, updateRoot: leaves.at(-1)?.p ?? partRootOf(engine.p) }
}

function noRows(): AppError {
  return new AppError({ code: 'ROWS_INVALID', reason: 'no train file was opened' })
}

/** A state file, or an update file, which has parameters alone. */
async function readModel(path: string, { engine, disk }: SessionParts) {
  const bytes = await disk.read(path)
  const empty = new Float32Array(0)
  const isUpdate = bytes.length === 4 * engine.parameterCount
  const state = isUpdate
    ? { p: decodeUpdate(bytes), m: empty, v: empty, step: 0 }
    : decodeState(bytes)
  if (state.p.length !== engine.parameterCount) {
    const reason = `p has ${state.p.length} values instead of ${engine.parameterCount}`
    throw new AppError({ code: 'STATE_INVALID', reason })
  }
  return state
}

function unlabelled(x: Float32Array, engine: Engine): Rows {
  const width = engine.x.length / engine.batchSize
  if (x.length % width !== 0 || x.length === 0) {
    throw new AppError({
      code: 'ROWS_INVALID',
      reason: `${x.length} values are no rows of ${width}`,
    })
  }
  const count = x.length / width
  const perRow = engine.y.length / engine.batchSize
  return { count, x, y: new Float32Array(count * perRow) }
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    const sizeBytesMax = limits.artifactBytesMax
    if (size > sizeBytesMax) throw new AppError({ code: 'FILE_TOO_LARGE', path, sizeBytesMax })
    return await readFile(path)
  } catch (error) {
    throw fileFault(path, error)
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}.part`
  try {
    await writeFile(partial, bytes)
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {})
    throw fileFault(path, error)
  }
}

function fileFault(path: string, error: unknown): unknown {
  if (error instanceof AppError) return error
  const reason = (error as NodeJS.ErrnoException).code ?? String(error)
  return new AppError({ code: 'FILE_FAILED', path, reason }, { cause: error })
}
