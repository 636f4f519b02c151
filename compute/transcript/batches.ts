import { assert } from '#base/assert.ts'
import { bytesRoot, listRoot } from '#base/crypto/merkle.ts'
import { toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Engine } from '../exact/engine.ts'
import { createRates } from '../exact/rates.ts'
import { rotaryTableOf } from '../exact/rotary.ts'
import { integer } from '../graph/operator.ts'
import { type ModelGraph, buildTraining } from '../graph/training.ts'
import type { BatchesTask } from '../runner.ts'
import { createBatches } from '../train/batches.ts'
import { type Rows, loadBatch } from '../train/rows.ts'
import { type Entry, programOf } from './program.ts'
import { isBatch, keysOf, ratesOf, viewOf } from './tensors.ts'

const zero = new Uint8Array(32)

/**
 * `StepTensors.batchRoot` of each step of a round, without doing the steps: what a claim says that its steps were
 * given. The answer overwrites the engine's batch.
 */
export function createBatchRoots({
  spec,
  engine,
  rows,
}: {
  spec: TrainSpec
  engine: Engine
  rows: Rows
}): (task: BatchesTask) => Hex[] {
  const model = buildTraining(spec)
  const program = programOf(model, spec)
  const rates = createRates(spec)
  const { batchSize } = engine
  return ({ segmentSeed, shard, firstBatch, firstStep, steps }) => {
    const batchAt = createBatches({ segmentSeed, shard, batchSize, rows: rows.count })
    return Array.from({ length: steps }, (_, i) => {
      const step = firstStep + i
      loadBatch(engine, rows, batchAt(firstBatch + i))
      const bytesOf = (entry: Entry): Uint8Array => {
        if (entry.name === 'rates') return viewOf(ratesOf(spec, step, rates))
        if (entry.name === 'noise') return keysOf(segmentSeed, step, entry.sizeElements)
        if (entry.name === 'x') return viewOf(engine.x)
        return entry.name === 'y' ? viewOf(engine.y) : constantOf(model, entry)
      }
      const roots = program.entries.map((entry, place) =>
        isBatch(program, place) ? bytesRoot(bytesOf(entry)) : zero,
      )
      return toHex(listRoot(roots))
    })
  }
}

/** The one operator whose output no contract computes and everybody knows. */
function constantOf({ graph }: ModelGraph, { value }: Entry): Uint8Array {
  const node = graph.nodes.find(({ outputs }) => value !== undefined && outputs.includes(value))
  assert(node?.operator === 'RotaryTable', 'what is given beside the batch is a table')
  const { attributes } = node
  return viewOf(rotaryTableOf(integer(attributes, 'context'), integer(attributes, 'size')))
}
