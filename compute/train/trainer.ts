import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import type { Engine } from '../exact/engine.ts'
import type { Misbehaviour } from '../runner.ts'
import { type Shard, createBatches } from './batches.ts'
import { transcriptRootOf } from './commit.ts'
import { claimStep, lieOf } from './misbehave.ts'
import { type Rows, loadBatch } from './rows.ts'
import { leafOfEngine } from './state.ts'

export interface SegmentTask {
  readonly segmentSeed: Hex
  readonly firstBatch: number
  readonly steps: number
  readonly shard: Shard
  readonly misbehave?: Misbehaviour
}

export interface StepReport {
  readonly loss: number
  /** The leaf after the step. Most of it is hashed during the next step, so ask after that, or wait for it. */
  readonly leaf: () => Leaf
}

/**
 * Steps of a segment, one at a time, from the state that the engine holds. Denormals are checked before the
 * first and after the last. Runs in Node and in browsers.
 */
export function* trainSteps(
  engine: Engine,
  rows: Rows,
  task: SegmentTask,
): Generator<StepReport, void> {
  const { segmentSeed, shard, firstBatch, steps, misbehave } = task
  const batchSize = engine.batchSize
  const batchAt = createBatches({ segmentSeed, shard, batchSize, rows: rows.count })
  engine.checkDenormals()
  engine.setNoise(segmentSeed)
  const lie = lieOf(misbehave, engine)
  let last: StepReport = { leaf: () => leafOfEngine(engine), loss: 0 }
  for (let step = 0; step < steps; step += 1) {
    if (lie.skips(step)) {
      const claimed = claimStep(engine, misbehave, last.leaf())
      last = { ...last, leaf: () => claimed }
    } else {
      loadBatch(engine, rows, batchAt(firstBatch + step))
      lie.before()
      const loss = engine.train()
      lie.after()
      last = { leaf: leafOfStep(engine, loss), loss }
    }
    yield last
  }
  engine.checkDenormals()
}

/** The leaf of the step that the engine just did. */
function leafOfStep(engine: Engine, loss: number): () => Leaf {
  const roots = engine.partRootsLater()
  const { step } = engine
  return () => {
    const { p, g, m, v } = roots()
    return { p, m, v, step, transcript: transcriptRootOf(g, loss) }
  }
}
