import { expect, test } from 'vitest'
import { prepareJob } from '#compute/data/prepare.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { createBatches } from '#compute/train/batches.ts'
import { evaluateRows } from '#compute/train/evaluate.ts'
import { decodeRows, loadBatch } from '#compute/train/rows.ts'
import { readWasm } from '#test/unit/compute/fixtures.ts'
import { scratch } from '#test/unit/compute/data/scratch.ts'
import { hasRealFiles, reviewsAsCsv } from './market-runs.ts'

const goal = 0.75 // a majority of the held-out reviews has 0.5
const seeds = [1, 2, 3]

test.skipIf(!hasRealFiles)('reviews are told apart by the bag of their words', async () => {
  const file = scratch('reviews.csv', reviewsAsCsv())
  const wasm = await readWasm()
  const metrics: number[] = []
  for (const seed of seeds) {
    const job = await prepareJob([file], { task: 'classify', seed })
    const { train: spec } = job
    expect(spec.model.kind).toBe('embeddingBag')
    const rows = decodeRows(job.trainSet.bytes, spec)
    const engine = await createEngine(spec, wasm)
    engine.initialize(`0x${'11'.repeat(32)}`)
    const batchAt = createBatches({
      segmentSeed: `0x${'22'.repeat(32)}`,
      rows: rows.count,
      shard: { index: 0, count: 1 },
      batchSize: spec.batchSize,
    })
    for (let step = 0; step < spec.rounds * spec.localSteps; step += 1) {
      loadBatch(engine, rows, batchAt(step))
      engine.train()
    }
    metrics.push(evaluateRows(engine, spec, decodeRows(job.heldOut.bytes, spec)).metric)
  }
  expect(metrics.reduce((a, b) => a + b, 0) / metrics.length).toBeGreaterThan(goal)
})
