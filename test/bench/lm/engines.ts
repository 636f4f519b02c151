import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { BackendModel } from '#compute/backends/backend.ts'
import { type OnnxRuntime, createOnnxBackend } from '#compute/backends/onnxruntime.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { Runner } from '#compute/runner.ts'
import { createBatches } from '#compute/train/batches.ts'
import type { Rows } from '#compute/train/rows.ts'
import { decodeState, encodeState } from '#compute/train/state.ts'
import { type LmTask, lastSnapshot, snapshotOf, stepsAtOnce, tokensPerStep } from './task.ts'

export interface LmResult {
  /** Mean over the held-out tokens, in nats. */
  readonly loss: number
  readonly trainLoss: number
  /** Of the steps of this run; null where all came from snapshots. */
  readonly tokensPerSecond: number | null
}

export interface LmOptions {
  readonly threads: number
  readonly seed: `0x${string}`
  /** Hears of every snapshot. */
  readonly onSteps: (engine: string, done: { step: number; loss: number; seconds: number }) => void
}

const exact = 'exact'
const peer = 'onnxruntime-node'

/** A clock of training alone, and the loss of the last steps. */
function createPace(engine: string, { onSteps }: LmOptions) {
  let seconds = 0
  let trained = 0
  let trainLoss = Number.NaN
  return {
    add(step: number, part: { losses: readonly number[]; ms: number }) {
      seconds += part.ms / 1000
      trained += part.losses.length
      trainLoss = part.losses.reduce((sum, loss) => sum + loss, 0) / part.losses.length
      onSteps(engine, { step, loss: trainLoss, seconds })
    },
    resultOf: (loss: number): LmResult => ({
      loss,
      trainLoss,
      tokensPerSecond: trained === 0 ? null : (trained * tokensPerStep) / seconds,
    }),
  }
}

/** Trains in the exact engine, in a process of its own, with all hashing of a job, from the last snapshot on. */
export async function trainExact(
  task: LmTask,
  options: LmOptions,
): Promise<LmResult & { readonly runner: Runner; readonly state: string }> {
  const { spec, steps, trainFile, heldOutFile } = task
  const { seed, threads } = options
  const runner = createRunner()
  await runner.open({ spec, trainFile, threads, memoryBytesMax: 4_000_000_000 })
  const pace = createPace(exact, options)
  let step = lastSnapshot(task, exact)
  if (step === undefined) {
    step = 0
    await runner.initialState({ seed, to: snapshotOf(task, exact, 0) })
  }
  while (step < steps) {
    const count = Math.min(stepsAtOnce, steps - step)
    const startMs = performance.now()
    const { losses } = await runner.train({
      from: snapshotOf(task, exact, step),
      to: snapshotOf(task, exact, step + count),
      segmentSeed: seed,
      firstBatch: step,
      steps: count,
      shard: { index: 0, count: 1 },
    })
    step += count
    pace.add(step, { losses, ms: performance.now() - startMs })
    lastSnapshot(task, exact)
  }
  const state = snapshotOf(task, exact, steps)
  const { loss } = await runner.evaluate({ model: state, rowsFile: heldOutFile })
  return { ...pace.resultOf(loss), runner, state }
}

/** The same graph, first parameters and batches in onnxruntime-node. `initial` is the exact engine's first state. */
export async function trainPeer(
  task: LmTask,
  options: LmOptions & { readonly folder: string },
): Promise<LmResult> {
  const { spec, steps, train, heldOut } = task
  const { seed, threads, folder } = options
  const runtime = createRequire(join(folder, 'package.json'))(peer) as OnnxRuntime
  const backend = createOnnxBackend({ name: peer, runtime, provider: 'cpu', threads })
  const model = await backend.open(spec)
  const batchAt = createBatches({
    segmentSeed: seed,
    rows: train.count,
    shard: { index: 0, count: 1 },
    batchSize: spec.batchSize,
  })
  const pace = createPace(peer, options)
  let step = lastSnapshot(task, peer)
  if (step === undefined) {
    step = 0
    await writeInitial(task, options)
  }
  model.load(decodeState(readFileSync(snapshotOf(task, peer, step))))
  while (step < steps) {
    const count = Math.min(stepsAtOnce, steps - step)
    const losses: number[] = []
    const startMs = performance.now()
    for (let i = 0; i < count; i += 1) {
      losses.push(await model.train(batchOf(train, batchAt(step + i))))
    }
    step += count
    pace.add(step, { losses, ms: performance.now() - startMs })
    writeSnapshot(snapshotOf(task, peer, step), encodeState(await model.state()))
    lastSnapshot(task, peer)
  }
  const loss = await evaluate(model, heldOut, spec.batchSize)
  await model.close()
  return pace.resultOf(loss)
}

/** The exact engine's first state as the peer's snapshot 0. */
async function writeInitial(task: LmTask, { seed }: LmOptions): Promise<void> {
  const runner = createRunner()
  try {
    await runner.open({ spec: { ...task.spec, batchSize: 1 }, threads: 1 })
    await runner.initialState({ seed, to: snapshotOf(task, peer, 0) })
  } finally {
    await runner.close()
  }
}

function writeSnapshot(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.part`, bytes)
  renameSync(`${path}.part`, path)
}

/** Some rows as a batch. */
function batchOf(rows: Rows, picked: ArrayLike<number>) {
  const context = rows.x.length / rows.count
  const x = new Int32Array(picked.length * context)
  const y = new Int32Array(picked.length * context)
  for (let i = 0; i < picked.length; i += 1) {
    const from = (picked[i] as number) * context
    x.set(rows.x.subarray(from, from + context), i * context)
    y.set(rows.y.subarray(from, from + context), i * context)
  }
  return { x, y }
}

/** Mean loss of all tokens; the last batch is filled up with row 0, which does not count. */
async function evaluate(model: BackendModel, rows: Rows, batchSize: number): Promise<number> {
  let sum = 0
  let count = 0
  for (let first = 0; first < rows.count; first += batchSize) {
    const picked = Array.from({ length: batchSize }, (_, i) =>
      first + i < rows.count ? first + i : 0,
    )
    const { losses } = await model.forward(batchOf(rows, picked))
    const used = (Math.min(batchSize, rows.count - first) * losses.length) / batchSize
    for (const loss of losses.subarray(0, used)) sum += loss
    count += used
  }
  return sum / count
}
