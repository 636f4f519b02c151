import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import * as reference from './conv-reference.ts'
import { type Workbench, bitsOf, createWorkbench } from './workbench.ts'

const stream = 29
let bench: Workbench

beforeAll(async () => {
  bench = await createWorkbench(stream)
})
beforeEach(() => bench.clear())

/** Windows of which at least one fits, one in three large, one in four of a channel of its own. */
function drawShape(index: number): reference.ConvWindows {
  const { integer } = bench
  const groups = index % 4 === 1 ? integer(2, 5) : 1
  const isLarge = index % 3 === 2
  const depth = index % 8 === 1 ? 1 : integer(1, isLarge ? 9 : 4)
  const [kh, kw] = [integer(1, 4), integer(1, 4)]
  const dilations = [integer(1, 3), integer(1, 3)] as const
  const least = [dilations[0] * (kh - 1) + 1, dilations[1] * (kw - 1) + 1] as const
  const pads = [0, 1, 0, 1].map((axis) => integer(0, least[axis as 0 | 1]))
  return {
    batch: index < 3 ? index % 2 : integer(1, 3),
    channels: depth * groups,
    h: integer(least[0], least[0] + (isLarge ? 14 : 5)),
    w: integer(least[1], least[1] + (isLarge ? 40 : 9)),
    outs: integer(1, index % 8 === 1 ? 1 : 9) * groups,
    kh,
    kw,
    strides: [integer(1, 4), integer(1, 4)],
    dilations,
    pads: pads as unknown as reference.ConvWindows['pads'],
    groups,
  }
}

/** What overflows, or is infinite already, is part of the definition; which NaN comes out of it is not. */
function comparable(values: Float32Array) {
  const bits = bitsOf(values)
  return Array.from(values, (value, i) => (Number.isNaN(value) ? 'NaN' : bits[i]))
}

/** Runs a call that writes into fresh memory of `count` floats, in two parts, and checks that it stays inside. */
function written(
  count: number,
  { units, grain }: { units: number; grain: number },
  call: (to: number, part: readonly [number, number]) => void,
) {
  const to = bench.put(bench.values(count))
  const middle = Math.min(grain * bench.integer(0, Math.ceil(units / grain)), units)
  call(to, [0, middle])
  call(to, [middle, units])
  expect(bench.take(to + 4 * count, 1)).toEqual(Float32Array.of(Number.NaN))
  return comparable(bench.take(to, count))
}

/** So many taps that a strip of patches is one row. */
const long: reference.ConvWindows = {
  batch: 1,
  channels: 24,
  h: 7,
  w: 150,
  outs: 8,
  kh: 4,
  kw: 3,
  strides: [2, 1],
  dilations: [1, 2],
  pads: [1, 2, 2, 1],
  groups: 1,
}

describe(`convolution with any windows (stream ${stream})`, () => {
  test.each(Array.from({ length: 161 }, (_, i) => [i]))('case %i', (index) => {
    const { kernels } = bench
    const shape = index === 160 ? long : drawShape(index)
    const { batch, channels, h, w, outs, kh, kw, strides, dilations, pads, groups } = shape
    const [oh, ow] = reference.outputSides(shape)
    const depth = channels / groups
    const isWild = index % 2 === 0
    const x = bench.values(batch * channels * h * w, isWild)
    const dy = bench.values(batch * outs * oh * ow, isWild)
    const weights = bench.values(outs * depth * kh * kw, isWild)
    const bias = bench.values(outs, isWild)
    if (index % 5 === 3) {
      x[bench.integer(0, x.length)] = Infinity
      dy[bench.integer(0, dy.length)] = -Infinity
    }
    const [xAt, dyAt, weightsAt, biasAt] = [x, dy, weights, bias].map(bench.put) as [
      number,
      number,
      number,
      number,
    ]
    const windows = bench.put(new Int32Array(16))
    const sides = [channels, h, w, outs, kh, kw, ...strides, pads[0], pads[1]] as const
    kernels.describeWindows(windows, ...sides, ...dilations, oh, ow, groups)
    const taps = depth * kh * kw
    const turned = (outs / groups) * kh * kw
    const wide = Math.ceil(w / strides[1])
    const strips = [kernels.stripFloats(turned, wide), kernels.stripFloats(depth, wide)] as const
    const floats = Math.max(kernels.stripFloats(taps, ow), turned * depth + strips[0] + strips[1])
    const scratch = bench.scratch(4 * floats + kernels.gemmScratchBytes())

    const images = { units: batch, grain: 1 }
    for (const given of [biasAt, 0]) {
      expect(
        written(dy.length, images, (to, part) => {
          kernels.convolveWindows(windows, xAt, weightsAt, given, to, ...part, scratch)
        }),
      ).toEqual(comparable(reference.conv(shape, x, weights, given === 0 ? undefined : bias)))
    }
    expect(
      written(x.length, images, (to, part) => {
        kernels.convolveWindowsInputs(windows, dyAt, weightsAt, to, ...part, scratch)
      }),
    ).toEqual(comparable(reference.convInputGradient(shape, dy, weights)))
    const channelsOut = { units: outs, grain: groups === 1 ? 8 : outs / groups }
    expect(
      written(weights.length, channelsOut, (to, part) => {
        kernels.convolveWindowsWeights(windows, xAt, dyAt, to, batch, ...part, scratch)
      }),
    ).toEqual(comparable(reference.convWeightGradient(shape, x, dy)))
  })
})
