import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkDenormals } from '#compute/exact/team.ts'
import { readWasm } from '../fixtures.ts'
import * as reference from './reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const script = fileURLToPath(new URL('../../../../scripts/build-kernels.ts', import.meta.url))
const cases = 60
const stream = 11
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

const repeated = test.each(Array.from({ length: cases }, (_, i) => [i]))
const side = (index: number, high: number) => (index < 4 ? index % 2 : bench.integer(1, high))

test('the committed kernels are what their sources compile to', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'quern-kernels-'))
  const file = join(directory, 'kernels.wasm')
  await promisify(execFile)(process.execPath, [script, file])
  expect((await readFile(file)).equals(await readWasm())).toBe(true)
  await rm(directory, { recursive: true })
})

describe(`gemm (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const [m, n, k] = [
      side(index, 70),
      side(index >> 1, 40),
      side(index, index % 10 === 9 ? 600 : 50),
    ]
    const turnedA = bench.integer(0, 1) === 1
    const turnedB = bench.integer(0, 1) === 1
    const a = bench.values(m * k, true)
    const b = bench.values(k * n, true)
    const [ars, acs] = turnedA ? [1, m] : [k, 1]
    const [brs, bcs] = turnedB ? [1, k] : [n, 1]
    const c = bench.put(new Float32Array(m * n).fill(7))
    const scratch = bench.scratch(bench.kernels.gemmScratchBytes())
    bench.kernels.gemm(m, n, k, bench.put(a), ars, acs, bench.put(b), brs, bcs, c, n, scratch)
    const expected = reference.gemm(
      { rows: m, columns: k, at: (i, j) => a[i * ars + j * acs] as number },
      { rows: k, columns: n, at: (i, j) => b[i * brs + j * bcs] as number },
    )
    expect(bitsOf(bench.take(c, m * n))).toEqual(bitsOf(expected))
    expect(bench.take(c + 4 * m * n, 1)).toEqual(Float32Array.of(Number.NaN))
  })

  test('keeps the order over blocks of k, rows and columns', () => {
    const [m, n, k] = [69, 1033, 515]
    const [a, b] = [bench.values(m * k), bench.values(k * n)]
    const c = bench.put(new Float32Array(m * n))
    const scratch = bench.scratch(bench.kernels.gemmScratchBytes())
    bench.kernels.gemm(m, n, k, bench.put(a), k, 1, bench.put(b), n, 1, c, n, scratch)
    const expected = reference.gemm(
      { rows: m, columns: k, at: (i, j) => a[i * k + j] as number },
      { rows: k, columns: n, at: (i, j) => b[i * n + j] as number },
    )
    expect(Buffer.from(bench.take(c, m * n).buffer).equals(Buffer.from(expected.buffer))).toBe(true)
  })
})

describe(`convolution (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const kh = bench.integer(1, 4)
    const kw = bench.integer(1, 4)
    const shape = {
      batch: bench.integer(1, 3),
      channels: bench.integer(1, 5),
      h: bench.integer(kh, kh + 9),
      w: bench.integer(kw, kw + 12),
      outs: bench.integer(1, 18),
      kh,
      kw,
      pad: bench.integer(0, Math.min(kh, kw) - 1),
    }
    const { batch, channels, h, w, outs, pad } = shape
    const [oh, ow] = reference.outputSides(shape)
    const isWild = index % 2 === 0
    const x = bench.values(batch * channels * h * w, isWild)
    const weights = bench.values(outs * channels * kh * kw, isWild)
    const bias = bench.values(outs)
    const dy = bench.values(batch * outs * oh * ow, isWild)
    const { kernels } = bench
    const [xAt, weightsAt, biasAt, dyAt] = [x, weights, bias, dy].map(bench.put) as [
      number,
      number,
      number,
      number,
    ]

    const y = bench.put(new Float32Array(dy.length))
    const split = bench.integer(0, batch)
    for (const [from, to] of [
      [0, split],
      [split, batch],
    ] as const) {
      const scratch = bench.scratch(kernels.convolveScratchBytes(channels, h, w, outs, kh, kw, pad))
      kernels.convolve(
        xAt,
        channels,
        h,
        w,
        weightsAt,
        outs,
        kh,
        kw,
        pad,
        0,
        biasAt,
        y,
        from,
        to,
        scratch,
      )
    }
    expect(bitsOf(bench.take(y, dy.length))).toEqual(
      bitsOf(reference.conv(shape, x, weights, bias)),
    )

    const dw = bench.put(new Float32Array(weights.length))
    const half = Math.floor(outs / 16) * 8
    for (const [from, to] of [
      [0, half],
      [half, outs],
    ] as const) {
      const scratch = bench.scratch(
        kernels.convolveWeightsScratchBytes(channels, h, w, outs, kh, kw, pad),
      )
      kernels.convolveWeights(
        xAt,
        channels,
        h,
        w,
        dyAt,
        outs,
        kh,
        kw,
        pad,
        dw,
        batch,
        from,
        to,
        scratch,
      )
    }
    const expected = reference.convWeightGradient(shape, x, dy)
    expect(bitsOf(bench.take(dw, weights.length))).toEqual(bitsOf(expected))

    if (kh !== kw) return
    const dx = bench.put(new Float32Array(x.length))
    const turned = kh - 1 - pad
    const scratch = bench.scratch(
      kernels.convolveScratchBytes(outs, oh, ow, channels, kh, kw, turned),
    )
    kernels.convolve(
      dyAt,
      outs,
      oh,
      ow,
      weightsAt,
      channels,
      kh,
      kw,
      turned,
      1,
      0,
      dx,
      0,
      batch,
      scratch,
    )
    expect(bitsOf(bench.take(dx, x.length))).toEqual(
      bitsOf(reference.convInputGradient(shape, dy, weights)),
    )
    expect(bench.take(dx + 4 * x.length, 1)).toEqual(Float32Array.of(Number.NaN))
  })
})

describe(`single values and sums (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const { kernels } = bench
    const count = side(index, 200)
    const [a, b] = [bench.values(count, true), bench.values(count, true)]
    const [aAt, bAt] = [bench.put(a), bench.put(b)]
    const y = bench.put(new Float32Array(count))
    const run = (call: () => void) => {
      call()
      return bitsOf(bench.take(y, count))
    }
    expect(run(() => kernels.relu(aAt, y, count))).toEqual(bitsOf(a.map((x) => (0 < x ? x : 0))))
    const masked = b.map((x, i) => (0 < (a[i] as number) ? x : 0))
    expect(run(() => kernels.reluGradient(aAt, bAt, y, count))).toEqual(bitsOf(masked))
    const sums = a.map((x, i) => x + (b[i] as number))
    expect(run(() => kernels.add(aAt, bAt, y, count))).toEqual(bitsOf(sums))
    expect(kernels.allFinite(aAt, count)).toBe(1)
    if (count > 0) {
      const place = bench.integer(0, count - 1)
      const broken = bench.put(a.with(place, index % 2 === 0 ? Number.NaN : -Infinity))
      expect(kernels.allFinite(broken, count)).toBe(0)
    }

    const [rows, columns] = [side(index, 12), side(index >> 1, 50)]
    const x = bench.values(rows * columns, true)
    const found = bench.put(new Float32Array(columns))
    const middle = bench.integer(0, columns)
    const xAt = bench.put(x)
    kernels.sumRows(xAt, rows, columns, found, 0, middle)
    kernels.sumRows(xAt, rows, columns, found, middle, columns)
    expect(bitsOf(bench.take(found, columns))).toEqual(bitsOf(reference.sumRows(x, rows, columns)))

    const [batch, channels, area] = [side(index, 4), side(index >> 1, 5), bench.integer(1, 40)]
    const images = bench.values(batch * channels * area, true)
    const totals = bench.put(new Float32Array(channels))
    kernels.sumChannels(bench.put(images), batch, channels, area, totals, 0, channels)
    const expected = Array.from({ length: channels }, (_, c) =>
      reference.laneSum(
        Array.from({ length: batch }, (__, n) => {
          const start = (n * channels + c) * area
          return images.slice(start, start + area)
        }),
      ),
    )
    expect(bitsOf(bench.take(totals, channels))).toEqual(bitsOf(expected))
  })
})

describe(`max pooling (stream ${stream})`, () => {
  repeated('case %i', () => {
    const size = { planes: bench.integer(1, 4), h: bench.integer(2, 13), w: bench.integer(2, 21) }
    const { planes, h, w } = size
    // few levels, so that windows hold equal values
    const x = bench.values(planes * h * w).map((value) => Math.round(value * 3))
    const expected = reference.maxPool(size, x)
    const dy = bench.values(expected.length, true)
    const [xAt, dyAt] = [bench.put(x), bench.put(dy)]
    const y = bench.put(new Float32Array(expected.length))
    const dx = bench.put(bench.values(x.length))
    bench.kernels.maxPool2(xAt, y, planes, h, w)
    expect(bench.take(y, expected.length)).toEqual(expected)
    bench.kernels.maxPool2Gradient(xAt, y, dyAt, dx, planes, h, w)
    const gradient = reference.maxPoolGradient(size, x, dy)
    expect(bench.take(dx, x.length).map((value) => value + 0)).toEqual(
      gradient.map((value) => value + 0),
    )
  })
})

describe(`losses (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const { kernels } = bench
    const [rows, classes] = [side(index, 9), bench.integer(2, 30)]
    const scale = index % 3 === 0 ? 60 : 4
    const logits = bench.values(rows * classes).map((x) => x * scale)
    const labels = Int32Array.from({ length: rows }, () => bench.integer(0, classes - 1))
    const losses = bench.put(new Float32Array(rows))
    const probabilities = bench.put(new Float32Array(rows * classes))
    const labelsAt = bench.put(labels)
    kernels.softmaxCrossEntropy(bench.put(logits), labelsAt, rows, classes, losses, probabilities)
    const expected = Array.from(labels, (label, i) =>
      reference.crossEntropyRow(logits.slice(i * classes, (i + 1) * classes), label),
    )
    expect(bitsOf(bench.take(losses, rows))).toEqual(bitsOf(expected.map(({ loss }) => loss)))
    const shares = Float32Array.from(expected.flatMap(({ probabilities: row }) => [...row]))
    expect(bitsOf(bench.take(probabilities, shares.length))).toEqual(bitsOf(shares))
    const gradient = bench.put(new Float32Array(shares.length))
    kernels.softmaxCrossEntropyGradient(probabilities, labelsAt, rows, classes, 37, gradient)
    const slopes = shares.map((p, i) => {
      const isHot = i % classes === labels[Math.floor(i / classes)]
      return Math.fround(p - (isHot ? 1 : 0)) / 37
    })
    expect(bitsOf(bench.take(gradient, shares.length))).toEqual(bitsOf(slopes))
  })

  test('squared error', () => {
    const [rows, columns] = [7, 3]
    const [y, t] = [bench.values(rows * columns), bench.values(rows * columns)]
    const losses = bench.put(new Float32Array(rows))
    const gradient = bench.put(new Float32Array(rows * columns))
    const [yAt, tAt] = [bench.put(y), bench.put(t)]
    bench.kernels.squaredError(yAt, tAt, rows, columns, losses)
    const d = y.map((value, i) => value - (t[i] as number))
    const squares = d.map((value) => value * value)
    const expected = Float32Array.from({ length: rows }, (_, i) =>
      squares.slice(3 * i, 3 * i + 3).reduce((sum, value) => Math.fround(sum + value), 0),
    )
    expect(bitsOf(bench.take(losses, rows))).toEqual(bitsOf(expected))
    bench.kernels.squaredErrorGradient(yAt, tAt, rows * columns, 21, gradient)
    expect(bench.take(gradient, rows * columns)).toEqual(d.map((value) => (value * 2) / 21))
    const total = bench.put(new Float32Array(1))
    bench.kernels.meanOf(losses, rows, 21, total)
    const sum = expected.reduce((held, value) => Math.fround(held + value), 0)
    expect(bench.take(total, 1)[0]).toBe(Math.fround(sum / 21))
  })
})

describe('exp and log', () => {
  test('follow their formulas bit for bit and stay close to the true value', () => {
    for (let x = -90; x <= 89; x += 0.137) {
      const value = Math.fround(x)
      const found = bench.kernels.exp1(value)
      expect(found).toBe(reference.exp(value))
      const truth = Math.exp(Math.min(88, Math.max(-87, value)))
      expect(Math.abs(found / truth - 1)).toBeLessThan(2.5e-7)
    }
    for (let x = 1e-30; x < 1e30; x *= 1.37) {
      const value = Math.fround(x)
      const found = bench.kernels.log1(value)
      expect(found).toBe(reference.log(value))
      const error = Math.abs(found - Math.log(value))
      expect(error / Math.max(0.1, Math.abs(found))).toBeLessThan(2.5e-7)
    }
  })
})

/** Some values become tiny, as moments do that only decay. */
const fade = (value: number) => (value > 0.5 ? value * 1e-35 : value)

describe(`optimizers (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const { kernels } = bench
    const count = side(index, 90)
    const parts = {
      p: bench.values(count, true),
      g: bench.values(count).map((value) => (value < -0.5 ? 0 : value)),
      m: bench.values(count).map(fade),
      v: bench.values(count).map((value) => fade(value * value)),
    }
    const rates = Float32Array.of(0.9, 0.1, 0.999, 0.001, 0.003, 2.5, 1e-8)
    const keep = index % 2 === 0 ? 1 : Math.fround(0.9999)
    const [p, g, m, v] = [parts.p, parts.g, parts.m, parts.v].map(bench.put) as [
      number,
      number,
      number,
      number,
    ]
    expect(kernels.adamw(p, g, m, v, count, bench.put(rates), keep)).toBe(1)
    const expected = reference.adamw(parts, { rates, keep })
    expect(bitsOf(bench.take(p, count))).toEqual(bitsOf(expected.p))
    expect(bitsOf(bench.take(m, count))).toEqual(bitsOf(expected.m))
    expect(bitsOf(bench.take(v, count))).toEqual(bitsOf(expected.v))
    const plain = bench.put(parts.p)
    expect(kernels.sgd(plain, g, count, 0.25)).toBe(1)
    const next = parts.p.map((value, i) => value - Math.fround((parts.g[i] as number) * 0.25))
    expect(bitsOf(bench.take(plain, count))).toEqual(bitsOf(next))
    const [moved, held] = [bench.put(parts.p), bench.put(parts.m)]
    expect(kernels.sgdMomentum(moved, g, held, count, bench.put(rates))).toBe(1)
    const pushed = reference.sgdMomentum(parts, { momentum: 0.9, rate: 0.003 })
    expect(bitsOf(bench.take(moved, count))).toEqual(bitsOf(pushed.p))
    expect(bitsOf(bench.take(held, count))).toEqual(bitsOf(pushed.m))
    if (count === 0) return
    const broken = bench.put(
      parts.g.with(bench.integer(0, count - 1), index % 2 === 0 ? Number.NaN : Infinity),
    )
    expect(kernels.adamw(p, broken, m, v, count, bench.put(rates), keep)).toBe(0)
    expect(kernels.sgd(plain, broken, count, 0.25)).toBe(0)
    expect(kernels.sgdMomentum(moved, broken, held, count, bench.put(rates))).toBe(0)
  })
})

test('the denormal check passes here, and knows a product that was flushed', () => {
  expect(checkDenormals(bench.kernels)).toBe(true)
  expect(bench.kernels.keepsDenormals(1e-30, 1e-30)).toBe(0) // rounds to zero, as if flushed
})

test('the kernels hold no table that a second instance would overwrite', async () => {
  const module = new WebAssembly.Module(await readWasm())
  expect(WebAssembly.Module.imports(module)).toEqual([
    { module: 'env', name: 'memory', kind: 'memory' },
  ])
})
