import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { streamKeyOf } from '#compute/exact/random.ts'
import { seed } from '../fixtures.ts'
import * as reference from './transformer-reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const cases = 40
const stream = 23
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

const repeated = test.each(Array.from({ length: cases }, (_, i) => [i]))

/** Runs `work` on [0, split) and [split, count), as two threads would; splits are multiples of `grain`. */
function inTwo(count: number, grain: number, work: (from: number, to: number) => void): void {
  const split = grain * bench.integer(0, Math.floor(count / grain))
  if (split > 0) work(0, split)
  if (split < count) work(split, count)
}

function expectBits(address: number, expected: Float32Array): void {
  expect(bitsOf(bench.take(address, expected.length))).toEqual(bitsOf(expected))
  expect(bench.take(address + 4 * expected.length, 1)).toEqual(Float32Array.of(Number.NaN))
}

const blank = (count: number) => bench.put(new Float32Array(count).fill(7))

describe(`activations (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const count = index < 5 ? index : bench.integer(1, 70)
    const x = bench.values(count, true).map((value) => value * 12)
    const dy = bench.values(count, true)
    const [xAt, dyAt] = [bench.put(x), bench.put(dy)]
    const y = blank(count)
    const { gelu, geluErf, geluErfGradient, geluGradient, silu, siluGradient } = reference
    bench.kernels.gelu(xAt, y, count)
    expectBits(y, x.map(gelu))
    bench.kernels.silu(xAt, y, count)
    expectBits(y, x.map(silu))
    bench.kernels.geluErf(xAt, y, count)
    expectBits(y, x.map(geluErf))
    bench.kernels.geluGradient(xAt, dyAt, y, count)
    const slopes = (slope: (x: number, dy: number) => number) =>
      x.map((value, i) => slope(value, dy[i] as number))
    expectBits(y, slopes(geluGradient))
    bench.kernels.geluErfGradient(xAt, dyAt, y, count)
    expectBits(y, slopes(geluErfGradient))
    bench.kernels.siluGradient(xAt, dyAt, y, count)
    expectBits(y, slopes(siluGradient))
    bench.kernels.multiply(xAt, dyAt, y, count)
    expectBits(
      y,
      x.map((value, i) => Math.fround(value * (dy[i] as number))),
    )
  })

  test('gelu is the tanh form, to 2e-7 of 1 + |x|', () => {
    for (let x = -12; x < 12; x += 0.01) {
      const exact = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
      const [at, y] = [bench.put(Float32Array.of(x)), blank(1)]
      bench.kernels.gelu(at, y, 1)
      expect(Math.abs((bench.take(y, 1)[0] as number) - exact)).toBeLessThan(
        4e-7 * (1 + Math.abs(x)),
      )
      bench.clear()
    }
  })

  test('geluErf is x times the share of a normal distribution, to 3e-7 of 1 + |x|', () => {
    const step = 1e-3
    let share = 0 // the integral of the bell up to x, by Simpson's rule
    const height = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
    for (let x = -12; x < 12; x += step) {
      const [at, y] = [bench.put(Float32Array.of(x)), blank(1)]
      bench.kernels.geluErf(at, y, 1)
      const found = bench.take(y, 1)[0] as number
      expect(Math.abs(found - x * share)).toBeLessThan(3e-7 * (1 + Math.abs(x)))
      share += (step / 6) * (height(x) + 4 * height(x + step / 2) + height(x + step))
      bench.clear()
    }
  })
})

describe(`norms (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const rows = bench.integer(1, 6)
    const columns = index < 17 ? index + 1 : bench.integer(1, 90)
    const size = rows * columns
    const isCentred = index % 2 === 0
    const { kernels } = bench
    const x = bench.values(size, index % 3 === 0).map((value) => value % 3)
    const [gain, bias, dy] = [columns, columns, size].map((count) => bench.values(count)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    const [xAt, gainAt, biasAt, dyAt] = [x, gain, bias, dy].map(bench.put) as [
      number,
      number,
      number,
      number,
    ]
    const y = blank(size)
    const means = isCentred ? blank(rows) : 0
    const scales = blank(rows)
    inTwo(rows, 1, (from, to) => {
      const shift = 4 * from
      kernels.normalize(
        ...([xAt + shift * columns, gainAt, isCentred ? biasAt : 0, to - from, columns] as const),
        ...([1e-5, y + shift * columns, means && means + shift, scales + shift] as const),
      )
    })
    const table = { values: x, columns }
    const expected = reference.normalize(table, gain, isCentred ? bias : undefined)
    expectBits(y, expected.y)
    expectBits(scales, expected.scales)
    if (means) expectBits(means, expected.means)

    kernels.normalizeGradient(dyAt, xAt, gainAt, means, scales, rows, columns, y)
    const figures = { ...expected, gain, isCentred }
    const given = { values: dy, columns }
    expectBits(y, reference.normalizeGradient(given, table, figures))

    const [gains, biases] = [blank(columns), isCentred ? blank(columns) : 0]
    inTwo(columns, 4, (from, to) => {
      const sides = [rows, columns, gains, biases, from, to] as const
      kernels.normalizeScaleGradient(dyAt, xAt, means, scales, ...sides)
    })
    const sums = reference.normalizeScaleGradient(given, table, figures)
    expectBits(gains, sums.gain)
    if (biases) expectBits(biases, sums.bias)
  })
})

describe(`gather (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const [rows, columns] = [bench.integer(1, 20), index < 3 ? index + 1 : bench.integer(1, 40)]
    const tableRows = bench.integer(1, 9)
    const table = bench.values(tableRows * columns, true)
    const indices = Int32Array.from({ length: rows }, () => bench.integer(0, tableRows - 1))
    const dy = bench.values(rows * columns, true)
    const [tableAt, indicesAt, dyAt] = [table, indices, dy].map(bench.put) as [
      number,
      number,
      number,
    ]
    const y = blank(rows * columns)
    bench.kernels.gather(tableAt, indicesAt, rows, columns, y)
    const expected = dy.map((_, i) => {
      return table[(indices[Math.floor(i / columns)] as number) * columns + (i % columns)] as number
    })
    expectBits(y, expected)

    const gradient = blank(table.length)
    inTwo(columns, 1, (from, to) => {
      const sides = [rows, columns, tableRows, gradient, from, to] as const
      bench.kernels.gatherGradient(dyAt, indicesAt, ...sides)
    })
    const sums = new Float32Array(table.length)
    for (const [i, value] of dy.entries()) {
      const place = (indices[Math.floor(i / columns)] as number) * columns + (i % columns)
      sums[place] = (sums[place] as number) + value
    }
    expectBits(gradient, sums)
  })
})

describe(`attention (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const shape = {
      sequences: bench.integer(1, 2),
      heads: bench.integer(1, 3),
      context: index < 10 ? index + 1 : bench.integer(1, 30),
      size: index % 3 === 0 ? 8 * bench.integer(1, 3) : bench.integer(1, 21),
    }
    const { heads, context, size } = shape
    const units = shape.sequences * heads
    const count = units * context * size
    const isWild = index % 4 === 0
    const values = Array.from({ length: 4 }, () => bench.values(count, isWild).map((x) => x % 4))
    const [q, k, v, dy] = values as [Float32Array, Float32Array, Float32Array, Float32Array]
    const [qAt, kAt, vAt, dyAt] = values.map(bench.put) as [number, number, number, number]
    const [y, probabilities] = [blank(count), blank(units * context * context)]
    const scale = Math.fround(1 / Math.fround(Math.sqrt(size)))
    const sides = [heads, context, size, scale] as const
    const scratch = () => bench.scratch(bench.kernels.attentionScratchBytes(context, size))
    inTwo(units, 1, (from, to) => {
      bench.kernels.attend(qAt, kAt, vAt, y, probabilities, ...sides, from, to, scratch())
    })
    const expected = reference.attend(shape, q, k, v)
    expectBits(probabilities, expected.probabilities)
    expectBits(y, expected.y)

    const found = [blank(count), blank(count), blank(count)] as const
    inTwo(units, 1, (from, to) => {
      const given = [qAt, kAt, vAt, probabilities, dyAt] as const
      bench.kernels.attendGradient(...given, ...found, ...sides, from, to, scratch())
    })
    const { dq, dk, dv } = reference.attendGradient(shape, { q, k, v, dy }, expected.probabilities)
    for (const [i, gradient] of [dq, dk, dv].entries()) expectBits(found[i] as number, gradient)
  })
})

describe(`rotary positions (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const shape = {
      context: bench.integer(1, 9),
      heads: bench.integer(1, 3),
      size: 2 * (1 + (index % 9)),
    }
    const { context, heads, size } = shape
    const rows = context * bench.integer(1, 2)
    const table = blank(context * 2 * size)
    bench.kernels.rotaryTable(table, context, size, 0)
    const turns = bench.take(table, context * 2 * size)
    const x = bench.values(rows * heads * size, true)
    const [xAt, y] = [bench.put(x), blank(x.length)]
    for (const isInverse of [false, true]) {
      inTwo(rows, 1, (from, to) => {
        const shift = 4 * from * heads * size
        const sides = [context, heads, size, isInverse ? 1 : 0] as const
        bench.kernels.rotate(xAt + shift, table, y + shift, to - from, from, ...sides)
      })
      expectBits(y, reference.rotate(x, turns, { ...shape, isInverse }))
    }
  })

  test('the table is right to half a unit in the last place of 1, up to position 16,384', () => {
    const [context, size] = [16_384, 16]
    const table = blank(context * 2 * size)
    bench.kernels.rotaryTable(table, context, size, 0)
    const found = bench.take(table, context * 2 * size)
    const expected = reference.rotaryTable(context, size)
    const worst = expected.reduce((most, value, i) => {
      return Math.max(most, Math.abs(value - (found[i] as number)))
    }, 0)
    expect(worst).toBeLessThan(3.1e-8)
    const part = blank(2 * size)
    bench.kernels.rotaryTable(part, 1, size, 777)
    expectBits(part, found.slice(777 * 2 * size, 778 * 2 * size))
  })
})

describe(`dropout (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const count = index < 5 ? index : bench.integer(1, 200)
    const x = bench.values(count, true)
    const key = streamKeyOf(seed, index, 3)
    const keyAt = bench.put(new Float32Array(key.buffer))
    const limit = index === 7 ? 65_535 : bench.integer(0, 65_535)
    const scale = Math.fround(65_536 / (65_536 - limit))
    const [xAt, y] = [bench.put(x), blank(count)]
    inTwo(count, 32, (from, to) => {
      bench.kernels.dropout(xAt, y, from, to, keyAt, limit, scale, bench.scratch(16))
    })
    expectBits(y, reference.dropout(x, key, { limit, scale }))
  })
})
