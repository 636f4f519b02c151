import { describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { evaluateRows } from '#compute/train/evaluate.ts'
import { decodeState, encodeState, loadState } from '#compute/train/state.ts'
import { trainSteps } from '#compute/train/trainer.ts'
import { partRootOf } from '#compute/train/commit.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import type { TrainSpec, TransformerSpec } from '#wire/spec.ts'
import { gptSpec, llamaSpec, readWasm, rowsOf, seed, segmentSeed } from '../fixtures.ts'

const wasm = await readWasm()
const rowCount = 24

function withModel(spec: TrainSpec, changes: Partial<TransformerSpec>): TrainSpec {
  return { ...spec, model: { ...(spec.model as TransformerSpec), ...changes } }
}

const droppingSpec = withModel(gptSpec, { dropout: 0.2 })
const ternarySpec = withModel(llamaSpec, { dropout: 0.1, ternary: true })

interface Run {
  readonly threads?: number
  readonly segmentSeed?: Hex
  /** Steps after which the state is written, and read by a new engine. */
  readonly restartAt?: number
}

/** State after six steps, as the bytes of its file, and the loss of each. */
async function train(spec: TrainSpec, run: Run = {}) {
  const { threads = 1, restartAt = 6 } = run
  const start = () => createEngine(spec, wasm, { threads, createTeam: createThreadTeam })
  const rows = rowsOf(spec, rowCount)
  const shard = { index: 0, count: 1 }
  const task = { segmentSeed: run.segmentSeed ?? segmentSeed, shard }
  let engine = await start()
  engine.initialize(seed)
  const first = [...trainSteps(engine, rows, { ...task, firstBatch: 0, steps: restartAt })]
  const state = encodeState(engine)
  await engine.close()
  engine = await start()
  loadState(engine, decodeState(state))
  const rest = { ...task, firstBatch: restartAt, steps: 6 - restartAt }
  const last = [...trainSteps(engine, rows, rest)]
  const evaluation = evaluateRows(engine, spec, rows)
  const end = encodeState(engine)
  await engine.close()
  return { end, evaluation, losses: [...first, ...last].map(({ loss }) => loss) }
}

describe.each([
  ['gpt', droppingSpec],
  ['bitnet', ternarySpec],
] as const)('trainSteps of a %s with dropout', (_name, spec) => {
  test('gives the same bits when it is resumed in the middle', async () => {
    expect(await train(spec, { restartAt: 2 })).toEqual(await train(spec))
  })

  test.each([2, 3, 4])('gives the same bits on %i threads', async (threads) => {
    expect(await train(spec, { threads })).toEqual(await train(spec))
  })

  test.each([undefined, 'skip', 'noise', 'ulp'] as const)(
    'has the same leaves however late they are asked for (%s)',
    async (misbehave) => {
      const engine = await createEngine(spec, wasm, { threads: 2, createTeam: createThreadTeam })
      const task = {
        segmentSeed,
        shard: { index: 0, count: 1 },
        firstBatch: 0,
        steps: 5,
        misbehave,
      }
      const steps = () => {
        engine.initialize(seed)
        return trainSteps(engine, rowsOf(spec, rowCount), task)
      }
      const atOnce: Leaf[] = []
      for (const { leaf } of steps()) atOnce.push(leaf())
      const asked = [...steps()].map(({ leaf }) => leaf())
      expect(asked).toEqual(atOnce)
      expect(asked.at(-1)).toMatchObject({ p: partRootOf(engine.p), step: 5 })
      await engine.close()
    },
  )

  test('drops by the seed of the segment', async () => {
    const one = await train({ ...spec, batchSize: rowCount })
    const other = await train({ ...spec, batchSize: rowCount }, { segmentSeed: seed })
    expect(other.losses[0]).not.toBeCloseTo(one.losses[0] as number, 4)
  })
})

describe('evaluateRows of tokens', () => {
  test.each([gptSpec, llamaSpec])(
    'drops nothing and counts every place ($model.norm)',
    async (spec) => {
      const dropping = withModel(spec, { dropout: 0.5 })
      const engines = [await createEngine(spec, wasm), await createEngine(dropping, wasm)]
      const rows = rowsOf(spec, 7) // one whole batch of five, and two more
      const [plain, other] = engines.map((engine) => {
        engine.initialize(seed)
        return evaluateRows(engine, spec, rows)
      })
      expect(other).toEqual(plain)
      const places = 7 * (spec.inputShape[0] as number)
      expect(plain?.rows).toBe(7)
      expect(plain?.loss).toBeCloseTo(Math.log(spec.outputs), 1)
      const hits = (plain?.metric ?? 0) * places
      expect(Math.abs(hits - Math.round(hits))).toBeLessThan(1e-9)
    },
  )
})

test('MEMORY_LIMIT: a transformer whose attention asks for more than a memory has', async () => {
  const spec = { ...withModel(gptSpec, { width: 8192, heads: 1 }), inputShape: [16_384] }
  const code = 'MEMORY_LIMIT'
  await expect(createEngine(spec, wasm)).rejects.toThrow(expect.objectContaining({ code }))
})
