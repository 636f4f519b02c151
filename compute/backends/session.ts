import { AppError } from '#base/error.ts'
import type { Leaf } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { RunnerJob, TrainReport, TrainTask } from '../runner.ts'
import { createBatches } from '../train/batches.ts'
import { transcriptRootOf, zeroHash } from '../train/commit.ts'
import { type Rows, decodeRows, loadBatch } from '../train/rows.ts'
import { type Disk, type Session, openSession, readKernels, realDisk } from '../train/session.ts'
import { decodeState, encodeState, encodeUpdate, leafOfState } from '../train/state.ts'
import type { BackendModel, Batch } from './backend.ts'
import { knownBackendOf, loadBackend } from './known.ts'
import { createReference, selfTest } from './self-test.ts'

/** Steps of the job's own model by which a backend shows that it agrees with the exact engine. */
const trialSteps = 4

/**
 * A session that trains by another engine, for tolerant jobs; whatever else it is asked belongs to an exact session in
 * another process, since foreign code may change how this one rounds. Throws BACKEND_UNKNOWN,
 * BACKEND_UNAVAILABLE, BACKEND_REFUSED where it does not agree with the exact engine on this very model.
 */
export async function openBackendSession(
  job: RunnerJob & { readonly backend: string },
  disk: Disk = realDisk,
): Promise<Session> {
  const known = knownBackendOf(job.backend)
  const exact = await openSession({ ...job, threads: 1 }, disk) // it tells of the model, and trains nothing
  try {
    const { spec, trainFile } = job
    if (trainFile === undefined) throw new AppError({ code: 'ROWS_INVALID', reason: 'no rows' })
    const rows = decodeRows(await disk.read(trainFile), spec)
    const wasm = await readKernels()
    const reference = await createReference('the job', spec, { wasm, steps: trialSteps })
    const backend = loadBackend(known)
    await selfTest(backend, [reference])
    const model = await backend.open(spec)
    return {
      ...exact,
      train: (task, onStep) => train({ model, spec, rows, disk }, task, onStep),
      async close() {
        await model.close()
        await exact.close()
      },
    }
  } catch (error) {
    await exact.close()
    throw error
  }
}

interface Workbench {
  readonly model: BackendModel
  readonly spec: TrainSpec
  readonly rows: Rows
  readonly disk: Disk
}

/** Only the last step's leaf names a state: others have none that anybody could find again bit for bit. */
async function train(
  { model, spec, rows, disk }: Workbench,
  task: TrainTask,
  onStep: (step: number, loss: number) => Promise<void>,
): Promise<TrainReport> {
  const { from, to, updateTo, segmentSeed, shard, firstBatch, steps } = task
  const first = decodeState(await disk.read(from))
  model.load(first)
  model.setNoise(segmentSeed)
  const { batchSize } = spec
  const batchAt = createBatches({ segmentSeed, shard, batchSize, rows: rows.count })
  const losses: number[] = []
  const leaves: Leaf[] = []
  for (let step = 0; step < steps; step += 1) {
    const loss = await model.train(batchOf(spec, rows, batchAt(firstBatch + step)))
    losses.push(loss)
    const transcript = transcriptRootOf(zeroHash, loss)
    leaves.push({ p: zeroHash, m: zeroHash, v: zeroHash, step: first.step + step + 1, transcript })
    await onStep(step, loss)
  }
  const last = await model.state()
  const { p, m, v } = leafOfState(last)
  const end = leaves.at(-1)
  if (end) leaves.splice(-1, 1, { ...end, p, m, v })
  if (updateTo) await disk.write(updateTo, encodeUpdate(last.p))
  await disk.write(to, encodeState(last))
  const lossMean = losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, steps)
  return { leaves, losses, lossMean, updateRoot: p }
}

/** Rows as a backend takes them. */
function batchOf({ batchSize }: TrainSpec, rows: Rows, picked: ArrayLike<number>): Batch {
  const room = <T extends Float32Array | Int32Array>(all: T): T => {
    const length = (batchSize * all.length) / rows.count
    return (all instanceof Int32Array ? new Int32Array(length) : new Float32Array(length)) as T
  }
  const batch = { x: room(rows.x), y: room(rows.y) }
  loadBatch(batch, rows, picked)
  return batch
}
