import type { OpenedJob, Runner } from '#compute/runner.ts'
import { openSession, type Session } from '#compute/train/session.ts'
import type { JobSpec } from '#wire/job.ts'
import { cidOfDigest } from '#wire/cid.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { encodeRows } from '#test/unit/compute/fixtures.ts'
import { createMemoryDisk, type MemoryDisk } from './disk.ts'

/** One engine for everybody of a simulated job: what it computes is the same for all. */
export interface Lab {
  readonly spec: JobSpec
  readonly opened: OpenedJob
  readonly runner: Runner
  readonly disk: MemoryDisk
  /** Bytes of the training rows, and of a held-out part that nobody can open. */
  readonly rows: Uint8Array
  readonly heldOut: Uint8Array
}

const rowCount = 60
const trainFile = 'rows'

/** Opens the real engine on a small job, in this process and in memory. */
export async function openLab(train: TrainSpec, labels = 3): Promise<Lab> {
  const disk = createMemoryDisk()
  const rows = encodeRows(train, rowCount)
  await disk.write(trainFile, rows)
  const session = await openSession({ spec: train, trainFile, threads: 1 }, disk)
  const heldOut = Uint8Array.of(1)
  const spec = specOf(train, { session, rows, heldOut, labels })
  return { spec, opened: session.opened, runner: runnerOf(session), disk, rows, heldOut }
}

/** Calls one after another, as a runner's process makes them. */
function runnerOf(session: Session): Runner {
  let last: Promise<unknown> = Promise.resolve()
  function queued<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const done = last.then(() => {
      signal?.throwIfAborted()
      return work()
    })
    last = done.catch(() => undefined)
    return done
  }
  return {
    open: async () => session.opened,
    initialState: (task) => queued(() => session.initialState(task)),
    inspect: (state) => queued(() => session.inspect(state)),
    train: (task, { signal } = {}) =>
      queued(() => session.train(task, async () => undefined), signal),
    transcribe: (task) => queued(() => session.transcribe(task)),
    batches: (task) => queued(() => session.batches(task)),
    aggregate: (task) => queued(() => session.aggregate(task)),
    evaluate: (task) => queued(() => session.evaluate(task)),
    predict: (task) => queued(() => session.predict(task)),
    generate: (task) => queued(() => session.generate(task, async () => undefined)),
    pid: undefined,
    close: async () => undefined,
  }
}

function specOf(
  train: TrainSpec,
  made: { session: Session; rows: Uint8Array; heldOut: Uint8Array; labels: number },
): JobSpec {
  const { session, rows, heldOut, labels } = made
  const cidOf = (bytes: Uint8Array) => cidOfDigest(toHex(sha256(bytes)))
  const features = train.inputShape[0] ?? 0
  return {
    version: 1,
    name: 'simulated',
    task: 'classify',
    metric: 'accuracy',
    engineId: session.opened.engineId,
    splitSeed: 1,
    train,
    preprocessing: {
      kind: 'table',
      columnCount: features + 1,
      columns: Array.from({ length: features }, (_, i) => {
        return { kind: 'number' as const, name: `c${i}`, fill: 0, mean: 0, std: 1 }
      }),
      target: {
        kind: 'class',
        name: 'y',
        labels: Array.from({ length: labels }, (_, i) => `label ${i}`),
      },
    },
    trainSet: { cid: cidOf(rows), rows: rowCount, sizeBytes: rows.length },
    // Nobody opens it: evaluators then judge by the steps alone, and the metric is 0.
    heldOut: { cid: cidOf(heldOut), rows: 1, sizeBytes: heldOut.length, sealed: [] },
  }
}
