import { describe, expect, test } from 'vitest'
import { aggregateUpdates } from '#compute/exact/aggregate.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { evaluateRows } from '#compute/train/evaluate.ts'
import { loadBatch } from '#compute/train/rows.ts'
import { decodeState, encodeState, loadState } from '#compute/train/state.ts'
import { type TrainSpec, trainSpecSchema } from '#wire/spec.ts'
import { cnnSpec, createRows, readWasm, seed } from '../fixtures.ts'

const spec: TrainSpec = {
  ...cnnSpec,
  model: { kind: 'cnn', channels: [6, 12], dense: [24], batchNorm: true, head: 'globalAverage' },
}
const rows = createRows(spec, 120)

/** Steps on rows first, first + 1, … of the set. */
async function trained(first: number, { steps = 12, threads = 1 } = {}) {
  const options = { threads, createTeam: createThreadTeam }
  const engine = await createEngine(spec, await readWasm(), options)
  engine.initialize(seed)
  const losses = Array.from({ length: steps }, (_, step) => {
    const start = first + ((step * spec.batchSize) % 60)
    loadBatch(
      engine,
      rows,
      Array.from({ length: spec.batchSize }, (__, i) => (start + i) % 120),
    )
    return engine.train()
  })
  return { engine, losses }
}

type Trained = Awaited<ReturnType<typeof trained>>

/** The values of a vector that belong to buffers whose names end so. */
function buffersOf({ engine }: Trained, end: string, vector: Float32Array): number[] {
  return engine.parameters
    .filter(({ name, isBuffer }) => isBuffer && name.endsWith(end))
    .flatMap(({ offset, size }) => [...vector.subarray(offset, offset + size)])
}

describe('running figures of batch normalization', () => {
  test('move with the batches and have no gradient and no moments', async () => {
    const found = await trained(0)
    const { engine } = found
    const means = buffersOf(found, 'runningMean', engine.p)
    expect(means).toHaveLength(18)
    expect(means.every((value) => value !== 0)).toBe(true)
    expect(buffersOf(found, 'runningVariance', engine.p).every((v) => v > 0 && v !== 1)).toBe(true)
    for (const vector of [engine.g, engine.m, engine.v]) {
      expect(new Set(buffersOf(found, '', vector))).toEqual(new Set([0]))
    }
    const names = engine.parameters.map(({ name }) => name)
    expect(names.slice(0, 5)).toEqual([
      'conv1.weight',
      'norm1.weight',
      'norm1.bias',
      'norm1.runningMean',
      'norm1.runningVariance',
    ])
  })

  test('are what predictions use: rows do not see each other', async () => {
    const { engine } = await trained(0, { steps: 40 })
    const picked = { count: 1, x: rows.x.slice(0, 196), y: rows.y.slice(0, 1) }
    loadBatch(engine, rows, [0, 1, 2, 3])
    const first = engine.forward().logits.slice(0, 10)
    loadBatch(engine, picked, [0])
    expect(engine.forward().logits.slice(0, 10)).toEqual(first)
    expect(new Set(first).size).toBe(10)
  })

  test('are averaged over workers and stay variances', async () => {
    const [a, b] = [await trained(0), await trained(50)]
    const options = { wasm: await readWasm(), memoryBytesMax: 1 << 24 }
    for (const rule of ['mean', 'centeredClip'] as const) {
      const p = await aggregateUpdates([a.engine.p, b.engine.p], rule, options)
      const [ofA, ofB, both] = [a.engine.p, b.engine.p, p].map((vector) =>
        buffersOf(a, 'runningVariance', vector),
      ) as [number[], number[], number[]]
      for (const [i, value] of both.entries()) {
        const [low, high] = [ofA[i] as number, ofB[i] as number].toSorted((x, y) => x - y)
        expect(value).toBeGreaterThanOrEqual(low as number)
        expect(value).toBeLessThanOrEqual(high as number)
        expect(value).toBeGreaterThan(0)
      }
      const { engine } = await trained(0, { steps: 0 })
      engine.p.set(p)
      expect(evaluateRows(engine, spec, rows).loss).toBeLessThan(3)
    }
  })

  test('come back with the state, and the bits do not depend on threads', async () => {
    const straight = await trained(0, { steps: 12 })
    const half = await trained(0, { steps: 6, threads: 2 })
    const resumed = await trained(0, { steps: 0, threads: 4 })
    loadState(resumed.engine, decodeState(encodeState(half.engine)))
    for (let step = 6; step < 12; step += 1) {
      const start = (step * spec.batchSize) % 60
      loadBatch(
        resumed.engine,
        rows,
        Array.from({ length: spec.batchSize }, (_, i) => (start + i) % 120),
      )
      expect(resumed.engine.train()).toBe(straight.losses[step])
    }
    expect(resumed.engine.p).toEqual(straight.engine.p)
    await half.engine.close()
    await resumed.engine.close()
  })
})

test('a cnn without the new fields is the cnn of before', () => {
  expect(trainSpecSchema.parse(cnnSpec)).toEqual(cnnSpec)
  const unknown = { ...cnnSpec, model: { ...cnnSpec.model, pooling: 'min' } }
  expect(trainSpecSchema.safeParse(unknown).error?.issues[0]?.path).toEqual(['model', 'pooling'])
})
