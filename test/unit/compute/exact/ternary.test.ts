import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { ternaryOf, ternaryValues } from '#compute/exact/ternary.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { loadBatch } from '#compute/train/rows.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { createRows, mlpSpec, readWasm, seed } from '../fixtures.ts'
import * as reference from './reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const stream = 21
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

const ternarySpec: TrainSpec = {
  ...mlpSpec,
  model: { kind: 'mlp', hidden: [37, 20], ternary: true },
}
const plainSpec: TrainSpec = { ...mlpSpec, model: { kind: 'mlp', hidden: [37, 20] } }

describe(`ternary weights (stream ${stream})`, () => {
  test.each(Array.from({ length: 40 }, (_, i) => [i]))('case %i', (index) => {
    const rows = index < 4 ? index % 2 : bench.integer(1, 30)
    const columns = index < 4 ? index >> 1 : bench.integer(1, 40)
    const w = bench.values(rows * columns, index % 3 === 0)
    if (index === 39) w.fill(0)
    const [wAt, sums] = [bench.put(w), bench.put(new Float32Array(rows))]
    const q = bench.put(new Float32Array(w.length))
    const middle = bench.integer(0, rows)
    const { kernels } = bench
    kernels.absoluteSums(wAt, columns, sums, 0, middle)
    kernels.absoluteSums(wAt, columns, sums, middle, rows)
    const scale = kernels.ternaryScale(sums, rows, w.length)
    kernels.quantizeTernary(wAt, q, w.length, scale)
    const expected = bitsOf(reference.ternary(w, rows, columns))
    expect(bitsOf(bench.take(q, w.length))).toEqual(expected)
    expect(bench.take(q + 4 * w.length, 1)).toEqual(Float32Array.of(Number.NaN))
    const found = ternaryOf(w, [rows, columns])
    expect(bitsOf(ternaryValues(found))).toEqual(expected)
    if (scale > 1e-30) {
      const rounded = w.map((x) => Math.max(-1, Math.min(1, x / scale)))
      const levels = rounded.map((x) => (Math.abs(x) > 0.5 ? Math.sign(x) : 0))
      expect(Array.from(found.signs, (sign) => sign + 0)).toEqual([...levels].map((x) => x + 0))
    }
  })
})

describe('a ternary model', () => {
  test('has the loss and the gradients of the model with the weights it rounds to', async () => {
    const wasm = await readWasm()
    const [engine, plain] = [
      await createEngine(ternarySpec, wasm),
      await createEngine(plainSpec, wasm),
    ]
    const rows = createRows(plainSpec, plainSpec.batchSize)
    const picked = Array.from({ length: rows.count }, (_, i) => i)
    engine.initialize(seed)
    plain.p.set(engine.p)
    for (const { name, shape, offset, size } of plain.parameters) {
      if (name !== 'dense1.weight' && name !== 'dense2.weight') continue
      const weights = engine.p.slice(offset, offset + size)
      plain.p.set(reference.ternary(weights, shape[0] as number, shape[1] as number), offset)
    }
    loadBatch(engine, rows, picked)
    loadBatch(plain, rows, picked)
    expect(engine.train()).toBe(plain.train())
    expect(bitsOf(engine.g)).toEqual(bitsOf(plain.g))
  })

  test('learns, with the same bits for 1, 2 and 4 threads', async () => {
    const wasm = await readWasm()
    const rows = createRows(ternarySpec, ternarySpec.batchSize)
    const picked = Array.from({ length: rows.count }, (_, i) => i)
    const results: number[][] = []
    for (const threads of [1, 2, 4]) {
      const engine = await createEngine(ternarySpec, wasm, {
        threads,
        createTeam: createThreadTeam,
      })
      engine.initialize(seed)
      loadBatch(engine, rows, picked)
      const losses = Array.from({ length: 30 }, () => engine.train())
      expect(losses.at(-1)).toBeLessThan((losses[0] as number) * 0.9)
      results.push([...bitsOf(engine.p), ...bitsOf(losses)])
      await engine.close()
    }
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})
