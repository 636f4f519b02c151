import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { loadBatch } from '#compute/train/rows.ts'
import { createRows, mlpSpec, readWasm, seed } from '../fixtures.ts'
import * as reference from './reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const stream = 22
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

describe(`gemv (stream ${stream})`, () => {
  test.each(Array.from({ length: 60 }, (_, i) => [i]))('case %i', (index) => {
    const depth = index < 4 ? index % 2 : bench.integer(1, 50)
    const columns = index < 4 ? index >> 1 : bench.integer(1, 70)
    const isWild = index % 2 === 0
    const x = bench.values(depth, isWild)
    const w = bench.values(depth * columns, isWild)
    const [xAt, wAt] = [bench.put(x), bench.put(w)]
    const y = bench.put(new Float32Array(columns).fill(7))
    const middle = bench.integer(0, columns)
    const row = { rows: 1, columns: depth, at: (_: number, k: number) => x[k] as number }
    const expected = reference.gemm(row, {
      rows: depth,
      columns,
      at: (k, j) => w[k * columns + j] as number,
    })
    bench.kernels.gemv(xAt, depth, wAt, columns, y, 0, middle)
    bench.kernels.gemv(xAt, depth, wAt, columns, y, middle, columns)
    expect(bitsOf(bench.take(y, columns))).toEqual(bitsOf(expected))

    const turned = reference.gemm(row, {
      rows: depth,
      columns,
      at: (k, j) => w[j * depth + k] as number,
    })
    bench.kernels.gemvTurned(xAt, depth, wAt, y, 0, middle)
    bench.kernels.gemvTurned(xAt, depth, wAt, y, middle, columns)
    expect(bitsOf(bench.take(y, columns))).toEqual(bitsOf(turned))
    expect(bench.take(y + 4 * columns, 1)).toEqual(Float32Array.of(Number.NaN))
  })
})

test('a batch of one row has the bits that the row has in any batch', async () => {
  const wasm = await readWasm()
  const rows = createRows(mlpSpec, 3)
  const whole = await createEngine({ ...mlpSpec, batchSize: 3 }, wasm)
  whole.initialize(seed)
  loadBatch(whole, rows, [0, 1, 2])
  const expected = bitsOf(whole.forward().logits.subarray(10, 20))
  for (const threads of [1, 2]) {
    const options = { threads, createTeam: createThreadTeam }
    const single = await createEngine({ ...mlpSpec, batchSize: 1 }, wasm, options)
    single.initialize(seed)
    loadBatch(single, rows, [1])
    expect(bitsOf(single.forward().logits)).toEqual(expected)
    await single.close()
  }
})
