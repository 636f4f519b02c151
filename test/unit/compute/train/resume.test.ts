import { describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { createBatches } from '#compute/train/batches.ts'
import { stateRootOf } from '#compute/train/commit.ts'
import { loadBatch } from '#compute/train/rows.ts'
import { decodeState, encodeState, leafOfState, loadState } from '#compute/train/state.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { createRows, mlpSpec, readWasm, seed, segmentSeed } from '../fixtures.ts'

const steps = 24
const base: TrainSpec = { ...mlpSpec, rounds: 4, localSteps: 8, warmupSteps: 6 }
const momentum: TrainSpec['optimizer'] = { kind: 'sgd', learningRate: 0.05, momentum: 0.9 }
const cases: Readonly<Record<string, TrainSpec>> = {
  'AdamW, linear': { ...base, schedule: 'linear' },
  'AdamW, cosine': { ...base, schedule: 'cosine' },
  'SGD, constant': {
    ...base,
    schedule: 'constant',
    optimizer: { kind: 'sgd', learningRate: 0.05 },
  },
  'SGD with momentum, cosine': { ...base, schedule: 'cosine', optimizer: momentum },
  'ternary, SGD with momentum': {
    ...base,
    model: { kind: 'mlp', hidden: [30], ternary: true },
    optimizer: momentum,
  },
}

async function start(spec: TrainSpec, threads: number) {
  const engine = await createEngine(spec, await readWasm(), {
    threads,
    createTeam: createThreadTeam,
  })
  const rows = createRows(spec, 200)
  const batchAt = createBatches({
    segmentSeed,
    rows: rows.count,
    shard: { index: 0, count: 1 },
    batchSize: spec.batchSize,
  })
  const run = (from: number, to: number) => {
    const losses: number[] = []
    for (let step = from; step < to; step += 1) {
      loadBatch(engine, rows, batchAt(step))
      losses.push(engine.train())
    }
    return losses
  }
  return { engine, run }
}

describe('resuming in the middle equals a straight run', () => {
  test.each(Object.keys(cases))('%s', async (name) => {
    const spec = cases[name] as TrainSpec
    const [straight, first, second] = [
      await start(spec, 1),
      await start(spec, 2),
      await start(spec, 4),
    ]
    straight.engine.initialize(seed)
    first.engine.initialize(seed)
    second.engine.initialize(`0x${'11'.repeat(32)}`)
    second.run(0, 3)
    const losses = straight.run(0, steps)
    const early = first.run(0, 10)
    loadState(second.engine, decodeState(encodeState(first.engine)))
    expect([...early, ...second.run(10, steps)]).toEqual(losses)
    const { engine } = second
    expect(stateRootOf(leafOfState(engine))).toBe(stateRootOf(leafOfState(straight.engine)))
    expect(losses.at(-1)).toBeLessThan(losses[0] as number)
    await Promise.all([straight, first, second].map((run) => run.engine.close()))
  })

  test('SGD with momentum carries m and no v', async () => {
    const { engine } = await start({ ...base, optimizer: momentum }, 1)
    expect(engine.m).toHaveLength(engine.parameterCount)
    expect(engine.v).toHaveLength(0)
    const plain = await start(cases['SGD, constant'] as TrainSpec, 1)
    expect(plain.engine.m).toHaveLength(0)
    const none = { kind: 'sgd', learningRate: 0.05, momentum: 0 } as const
    const unmoved = await start({ ...base, schedule: 'constant', optimizer: none }, 1)
    expect(unmoved.engine.m).toHaveLength(0)
    plain.engine.initialize(seed)
    unmoved.engine.initialize(seed)
    expect(unmoved.run(0, 5)).toEqual(plain.run(0, 5))
  })
})
