import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ternaryOf } from '#compute/exact/ternary.ts'
import * as reference from './reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const stream = 23
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

const integersAt = (address: number, count: number) => [
  ...new Int32Array(bench.take(address, count).buffer),
]

describe(`integer products of ternary weights (stream ${stream})`, () => {
  test.each(Array.from({ length: 60 }, (_, i) => [i]))('case %i', (index) => {
    const { kernels } = bench
    const depth = index < 4 ? index % 2 : bench.integer(1, index % 10 === 9 ? 1100 : 90)
    const columns = index < 4 ? index >> 1 : bench.integer(1, 150)
    const x = bench.values(depth, index % 3 === 0).map((value) => (Math.abs(value) > 1 ? 1 : value))
    if (index % 7 === 5) x.fill(-1) // every activation is -127
    if (index === 6) x.fill(1e-31)
    const w = bench.values(depth * columns)
    if (index % 7 === 5) w.fill(index % 2 === 0 ? 1 : -1)
    const { signs, scale } = ternaryOf(w, [depth, columns])
    const [xAt, wAt] = [bench.put(x), bench.put(w)]

    const q = bench.scratch(2 * depth + 32)
    const unit = kernels.quantizeActivations(xAt, depth, q)
    const expected = reference.quantizeActivations(x)
    const found = new Int16Array(bench.take(q, Math.ceil(depth / 16) * 8).buffer)
    expect([...found.subarray(0, depth)]).toEqual(expected.integers)
    expect([...found.subarray(depth)]).toEqual(Array.from(found.subarray(depth), () => 0))
    expect(unit).toBe(expected.unit)

    const sums = Array.from({ length: columns }, (_, j) =>
      expected.integers.reduce(
        (sum, value, k) => sum + value * (signs[k * columns + j] as number),
        0,
      ),
    )
    const packed = bench.scratch(kernels.packedTernaryBytes(depth, columns))
    const factors = bench.scratch(kernels.ternaryFactorsBytes(depth))
    const at = bench.scratch(4 * columns + 256)
    kernels.packTernary(wAt, depth, columns, scale, packed)
    kernels.ternaryFactors(q, depth, factors)
    const blocks = Math.ceil(columns / 16)
    const middle = bench.integer(0, blocks)
    kernels.ternarySums(packed, factors, depth, at, 0, middle)
    kernels.ternarySums(packed, factors, depth, at, middle, blocks)
    expect(integersAt(at, columns)).toEqual(sums)

    const wide = bench.scratch(kernels.wideTernaryBytes(depth, columns))
    kernels.widenTernary(wAt, depth, columns, scale, wide)
    const wideBlocks = Math.ceil(columns / 64)
    const wideMiddle = bench.integer(0, wideBlocks)
    kernels.ternarySumsWide(wide, q, depth, at, 0, wideMiddle)
    kernels.ternarySumsWide(wide, q, depth, at, wideMiddle, wideBlocks)
    expect(integersAt(at, columns)).toEqual(sums)

    const bias = bench.values(columns)
    const y = bench.put(new Float32Array(columns))
    const factor = Math.fround(unit * scale)
    const scaled = Float32Array.from(sums, (sum) => Math.fround(sum * factor))
    kernels.scaleSums(at, factor, 0, y, columns)
    expect(bitsOf(bench.take(y, columns))).toEqual(bitsOf(scaled))
    kernels.scaleSums(at, factor, bench.put(bias), y, columns)
    const added = scaled.map((value, j) => value + (bias[j] as number))
    expect(bitsOf(bench.take(y, columns))).toEqual(bitsOf(added))
    expect(bench.take(y + 4 * columns, 1)).toEqual(Float32Array.of(Number.NaN))
  })
})
