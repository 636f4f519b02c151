import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepareJob } from '#compute/data/prepare.ts'
import { encodeSafetensors } from '#compute/export/safetensors.ts'
import { type Rows, decodeRows } from '#compute/train/rows.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { type TrainSpec, trainSpecSchema } from '#wire/spec.ts'

export const context = 128
export const lmBatchSize = 16
export const tokensPerStep = lmBatchSize * context
/** Steps between two snapshots. */
export const stepsAtOnce = 32

/** One training of the benchmark: what is trained, on what, and where its snapshots lie. */
export interface LmTask {
  readonly spec: TrainSpec
  readonly steps: number
  readonly trainFile: string
  readonly heldOutFile: string
  readonly train: Rows
  readonly heldOut: Rows
  readonly folder: string
}

/** About 10.7 million parameters. */
export const lmModel = {
  kind: 'transformer',
  layers: 6,
  width: 384,
  heads: 6,
  hidden: 1024,
  norm: 'rms',
  feedForward: 'swiglu',
  positions: 'rotary',
  dropout: 0,
  tied: true,
  ternary: false,
} as const

/** Cuts the text into rows and makes the task's folder. `engineId` names the arithmetic of its snapshots. */
export async function prepareTask(
  file: string,
  options: { tokens: number; seed: number; cache: string; engineId: string },
): Promise<LmTask> {
  const { seed, engineId } = options
  const steps = Math.max(1, Math.round(options.tokens / tokensPerStep))
  const prepared = await prepareJob([file], {
    task: 'language-model',
    context,
    seed,
    workerCount: 1,
  })
  const spec = trainSpecSchema.parse({
    ...prepared.train,
    model: lmModel,
    batchSize: lmBatchSize,
    optimizer: { ...prepared.train.optimizer, learningRate: 0.001, beta2: 0.95 },
    schedule: 'cosine',
    warmupSteps: steps >= 64 ? 32 : undefined,
    localSteps: Math.min(stepsAtOnce, steps),
    rounds: Math.ceil(steps / stepsAtOnce),
  })
  const identity = canonicalBytes({
    ...spec,
    seed,
    engineId,
    file: digestOf(prepared.trainSet.bytes),
  })
  const folder = join(options.cache, digestOf(identity).slice(0, 16))
  mkdirSync(folder, { recursive: true })
  const [trainFile, heldOutFile] = [join(folder, 'train.rows'), join(folder, 'held-out.rows')]
  writeFileSync(trainFile, prepared.trainSet.bytes)
  const heldOut = shorten(decodeRows(prepared.heldOut.bytes, spec), steps * lmBatchSize)
  writeFileSync(heldOutFile, encodeRows(heldOut))
  return {
    spec,
    steps,
    trainFile,
    heldOutFile,
    train: decodeRows(prepared.trainSet.bytes, spec),
    heldOut,
    folder,
  }
}

/** The first rows: a short run is not held against more rows than it has learned from. */
function shorten(rows: Rows, most: number): Rows {
  const count = Math.min(rows.count, most)
  const size = count * context
  return { count, x: rows.x.subarray(0, size), y: rows.y.subarray(0, size) }
}

function encodeRows({ count, x, y }: Rows): Uint8Array {
  const part = (values: Rows['x']) => {
    const shape = [count, context]
    return { dtype: 'I32' as const, shape, values: Int32Array.from(values) }
  }
  return encodeSafetensors({ x: part(x), y: part(y) })
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Path of an engine's snapshot. */
export function snapshotOf({ folder }: LmTask, engine: string, step: number): string {
  return join(folder, `${engine}-${step}.safetensors`)
}

/** The last step of which an engine has a snapshot; undefined where it has none. Earlier ones are removed. */
export function lastSnapshot(task: LmTask, engine: string): number | undefined {
  const pattern = new RegExp(`^${engine}-(\\d+)\\.safetensors$`)
  const found = readdirSync(task.folder)
    .map((name) => Number(pattern.exec(name)?.[1] ?? -1))
    .filter((step) => step >= 0)
    .toSorted((a, b) => b - a)
  const [last, ...earlier] = found
  for (const step of earlier) rmSync(snapshotOf(task, engine, step))
  return last
}
