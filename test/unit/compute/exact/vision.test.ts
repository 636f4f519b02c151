import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { laneSum } from './reference.ts'
import * as reference from './vision-reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const stream = 24
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

const repeated = test.each(Array.from({ length: 50 }, (_, i) => [i]))

/** Runs a call that writes into fresh memory of `count` floats, and checks that it stays inside. */
function written(count: number, call: (to: number) => void): number[] {
  const to = bench.put(bench.values(count))
  call(to)
  expect(bench.take(to + 4 * count, 1)).toEqual(Float32Array.of(Number.NaN))
  return bitsOf(bench.take(to, count))
}

describe(`pooling with any windows (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const [kh, kw] = [bench.integer(1, 4), bench.integer(1, 4)]
    const shape = {
      planes: bench.integer(0, 4),
      h: bench.integer(kh, kh + 9),
      w: bench.integer(kw, kw + 9),
      kh,
      kw,
      strides: [bench.integer(1, 4), bench.integer(1, 4)],
      pads: [kh, kw, kh, kw].map((window) => bench.integer(0, window - 1)),
    } as unknown as reference.PoolShape
    const { planes, h, w, strides, pads } = shape
    const [oh, ow] = reference.pooledSides(shape)
    const sides = [planes, h, w, kh, kw, ...strides, pads[0], pads[1], oh, ow] as const
    // few levels, so that windows hold equal values
    const levels = bench.values(planes * h * w).map((value) => Math.round(value * 3))
    const x = index % 2 === 0 ? levels : bench.values(planes * h * w, true)
    const dy = bench.values(planes * oh * ow, true)
    const [xAt, dyAt] = [bench.put(x), bench.put(dy)]
    const { kernels } = bench
    const y = bench.put(new Float32Array(dy.length))
    kernels.maxPool(xAt, y, ...sides)
    expect(bitsOf(bench.take(y, dy.length))).toEqual(bitsOf(reference.maxPool(shape, x)))
    expect(written(x.length, (to) => kernels.maxPoolGradient(xAt, y, dyAt, to, ...sides))).toEqual(
      bitsOf(reference.maxPoolGradient(shape, x, dy)),
    )
    expect(written(dy.length, (to) => kernels.averagePool(xAt, to, ...sides))).toEqual(
      bitsOf(reference.averagePool(shape, x)),
    )
    expect(written(x.length, (to) => kernels.averagePoolGradient(dyAt, to, ...sides))).toEqual(
      bitsOf(reference.averagePoolGradient(shape, dy)),
    )
    const area = h * w
    const means = Array.from({ length: planes }, (_, i) =>
      Math.fround(laneSum([x.slice(i * area, (i + 1) * area)]) / area),
    )
    expect(written(planes, (to) => kernels.planeMeans(xAt, to, planes, area))).toEqual(
      bitsOf(means),
    )
    const shares = x.map((_, i) => (dy[Math.floor(i / area)] as number) / area)
    expect(written(x.length, (to) => kernels.planeMeansGradient(dyAt, to, planes, area))).toEqual(
      bitsOf(shares),
    )
  })
})

describe(`batch normalization (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const { kernels } = bench
    const shape = {
      batch: bench.integer(1, 5),
      channels: bench.integer(1, 6),
      area: bench.integer(1, 40),
    }
    const { batch, channels, area } = shape
    const size = batch * channels * area
    const [x, dy] = [bench.values(size, index % 3 === 0), bench.values(size, index % 3 === 0)]
    const [gain, bias] = [bench.values(channels), bench.values(channels)]
    const [xAt, dyAt, gainAt, biasAt] = [x, dy, gain, bias].map(bench.put) as [
      number,
      number,
      number,
      number,
    ]
    const { mean, variance } = reference.batchStatistics(shape, x)
    const [meanAt, varianceAt] = [bench.put(bias), bench.put(bias)]
    const middle = bench.integer(0, channels)
    kernels.batchStatistics(xAt, batch, channels, area, meanAt, varianceAt, 0, middle)
    kernels.batchStatistics(xAt, batch, channels, area, meanAt, varianceAt, middle, channels)
    expect(bitsOf(bench.take(meanAt, channels))).toEqual(bitsOf(mean))
    expect(bitsOf(bench.take(varianceAt, channels))).toEqual(bitsOf(variance))

    const scale = reference.channelScales(variance, 1e-5)
    const scaleAt = bench.put(scale)
    expect(
      written(channels, (to) => kernels.channelScales(varianceAt, channels, Math.fround(1e-5), to)),
    ).toEqual(bitsOf(scale))
    const figures = { mean, scale, gain, bias }
    const planes = batch * channels
    const cut = bench.integer(0, planes)
    const pairs: readonly (readonly [number, number])[] = [
      [0, cut],
      [cut, planes],
    ]
    expect(
      written(size, (to) => {
        for (const part of pairs) {
          const places = [meanAt, scaleAt, gainAt, biasAt] as const
          kernels.normalizeChannels(xAt, channels, area, ...places, to, ...part)
        }
      }),
    ).toEqual(bitsOf(reference.normalizeChannels(shape, x, figures)))

    const expected = reference.batchNormGradient(shape, { x, dy }, figures)
    const dGain = bench.put(expected.dGain)
    const dBias = bench.put(expected.dBias)
    const sides = [batch, channels, area] as const
    expect(
      written(channels, (to) => {
        kernels.channelGainGradient(dyAt, xAt, ...sides, meanAt, scaleAt, to, 0, channels)
      }),
    ).toEqual(bitsOf(expected.dGain))
    expect(
      written(size, (to) => {
        for (const part of pairs) {
          const places = [meanAt, scaleAt, gainAt, dGain, dBias] as const
          kernels.normalizeChannelsGradient(dyAt, xAt, ...sides, ...places, to, ...part)
        }
      }),
    ).toEqual(bitsOf(expected.dx))

    const running = bench.put(gain)
    const [keep, rest] = [Math.fround(0.9), Math.fround(1 - Math.fround(0.9))]
    expect(kernels.runningMean(running, meanAt, channels, keep, rest)).toBe(1)
    const moved = gain.map((value, c) => {
      return Math.fround(value * keep) + Math.fround((mean[c] as number) * rest)
    })
    expect(bitsOf(bench.take(running, channels))).toEqual(bitsOf(moved))
    const broken = bench.put(mean.with(0, Infinity))
    expect(kernels.runningMean(running, broken, channels, keep, rest)).toBe(0)
  })
})

describe(`bags of embeddings (stream ${stream})`, () => {
  repeated('case %i', (index) => {
    const { kernels } = bench
    const [vocabulary, width] = [bench.integer(1, 12), bench.integer(1, 40)]
    const [rows, positions] = [bench.integer(0, 6), bench.integer(1, 9)]
    const shape = { vocabulary, width, rows, positions }
    const isWild = index % 2 === 0
    const table = bench.values(vocabulary * width, isWild)
    const dy = bench.values(rows * width, isWild)
    const tokens = Int32Array.from({ length: rows * positions }, () => {
      return bench.integer(-2, vocabulary) // padding, and a token that is no row
    })
    const [tableAt, dyAt, tokensAt] = [bench.put(table), bench.put(dy), bench.put(tokens)]
    expect(
      written(rows * width, (to) => {
        kernels.embeddingBag(tableAt, vocabulary, width, tokensAt, positions, rows, to)
      }),
    ).toEqual(bitsOf(reference.embeddingBag(shape, table, tokens)))
    const middle = bench.integer(0, width)
    expect(
      written(vocabulary * width, (to) => {
        const rest = [positions, rows, to, vocabulary, width] as const
        kernels.embeddingBagGradient(dyAt, tokensAt, ...rest, 0, middle)
        kernels.embeddingBagGradient(dyAt, tokensAt, ...rest, middle, width)
      }),
    ).toEqual(bitsOf(reference.embeddingBagGradient(shape, dy, tokens)))
  })
})
