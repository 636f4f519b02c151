import { assert } from '#base/assert.ts'
import type { Node, Shape } from '#compute/graph/graph.ts'
import { convWindows, groupsOf } from '#compute/graph/operators/convolution.ts'
import { evenPadOf } from '#compute/graph/windows.ts'
import type { Kernels } from '../kernels.ts'
import { type Lowering, floatBytes, operandsOf, splitByUnits } from '../lowering.ts'

type Four = [number, number, number, number]

const outputGrain = 8
const describedBytes = 64

function fourOf({ inputs }: Node, index: number): Four {
  const shape = inputs[index]?.shape
  assert(shape?.length === 4, 'the operand has four sides')
  return shape as unknown as Four
}

/** The one padding of convolutions with stride 1 that the faster kernels take; undefined for others. */
function plainPadOf({ attributes }: Node, weights: Shape): number | undefined {
  const windows = convWindows(attributes, weights)
  const pad = evenPadOf(windows)
  const isPlain = [...windows.stride, ...windows.dilation, groupsOf(attributes)].every(
    (one) => one === 1,
  )
  return isPlain && pad !== undefined && windows.kernel.every((side) => pad < side)
    ? pad
    : undefined
}

interface Described {
  readonly image: Shape
  readonly result: Shape
  readonly weights: Shape
}

/** What kernels of any windows need: a description, written before each call, and scratch space behind it. */
function describe({ attributes }: Node, { image, result, weights }: Described, kernels: Kernels) {
  const [, channels = 0, h = 0, w = 0] = image
  const [, outs = 0, oh = 0, ow = 0] = result
  const [, depth = 0, kh = 0, kw = 0] = weights
  const { stride, dilation, pads } = convWindows(attributes, weights)
  const groups = groupsOf(attributes)
  const sides = [channels, h, w, outs, kh, kw, ...stride, pads[0], pads[1]] as const
  const taps = kh * kw * depth
  const turned = (kh * kw * outs) / groups
  const wide = Math.ceil(w / stride[1])
  const bytesOf = (floats: number) => describedBytes + floats * floatBytes
  return {
    write(kernel: Kernels, scratch: number) {
      kernel.describeWindows(scratch, ...sides, ...dilation, oh, ow, groups)
      return scratch + describedBytes
    },
    outs: outs / groups,
    groups,
    scratchBytes: bytesOf(kernels.stripFloats(taps, ow)) + kernels.gemmScratchBytes(),
    inputScratchBytes:
      bytesOf(
        turned * depth + kernels.stripFloats(turned, wide) + kernels.stripFloats(depth, wide),
      ) + kernels.gemmScratchBytes(),
  }
}

/** Forward convolution; units are images. */
export const conv: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, weights, bias = 0] = ins as [number, number, number | undefined]
  const [y] = outs as [number]
  const image = fourOf(node, 0)
  const [n, c, h, w] = image
  const [o, , kh, kw] = fourOf(node, 1)
  const call = {
    units: n,
    grain: 1,
    reads: [...splitByUnits(reads.slice(0, 1)), ...reads.slice(1)],
    writes: splitByUnits(writes),
  }
  const pad = plainPadOf(node, fourOf(node, 1))
  if (pad === undefined) {
    const sides = { image, result: node.outputs[0]?.shape ?? [], weights: fourOf(node, 1) }
    const described = describe(node, sides, context.kernels)
    return [
      {
        ...call,
        scratchBytes: described.scratchBytes,
        run(kernels, { from, to, scratch }) {
          const rest = described.write(kernels, scratch)
          kernels.convolveWindows(scratch, x, weights, bias, y, from, to, rest)
          return true
        },
      },
    ]
  }
  return [
    {
      ...call,
      scratchBytes: context.kernels.convolveScratchBytes(c, h, w, o, kh, kw, pad),
      run(kernels, { from, to, scratch }) {
        kernels.convolve(x, c, h, w, weights, o, kh, kw, pad, 0, bias, y, from, to, scratch)
        return true
      },
    },
  ]
}

/** With stride 1 the same kernel over dy, with turned weights and the padding that restores the input's size. */
export const convInputGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [dy, weights] = ins as [number, number]
  const [dx] = outs as [number]
  const [n, o, h, w] = fourOf(node, 0)
  const [, c, kh, kw] = fourOf(node, 1)
  const call = {
    units: n,
    grain: 1,
    reads: [...splitByUnits(reads.slice(0, 1)), ...reads.slice(1)],
    writes: splitByUnits(writes),
  }
  const forwardPad = plainPadOf(node, fourOf(node, 1))
  if (forwardPad === undefined || kh !== kw) {
    const image = node.outputs[0]?.shape ?? []
    const sides = { image, result: fourOf(node, 0), weights: fourOf(node, 1) }
    const described = describe(node, sides, context.kernels)
    return [
      {
        ...call,
        scratchBytes: described.inputScratchBytes,
        run(kernels, { from, to, scratch }) {
          const rest = described.write(kernels, scratch)
          kernels.convolveWindowsInputs(scratch, dy, weights, dx, from, to, rest)
          return true
        },
      },
    ]
  }
  const pad = kh - 1 - forwardPad
  return [
    {
      ...call,
      scratchBytes: context.kernels.convolveScratchBytes(o, h, w, c, kh, kw, pad),
      run(kernels, { from, to, scratch }) {
        kernels.convolve(dy, o, h, w, weights, c, kh, kw, pad, 1, 0, dx, from, to, scratch)
        return true
      },
    },
  ]
}

/** Units are output channels: each thread reads all images. */
export const convWeightGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, dy] = ins as [number, number]
  const [dw] = outs as [number]
  const image = fourOf(node, 0)
  const [n, c, h, w] = image
  const [, o] = fourOf(node, 1)
  const weights = node.outputs[0]?.shape ?? []
  const [, , kh = 0, kw = 0] = weights
  const pad = plainPadOf(node, weights)
  if (pad === undefined) {
    const described = describe(node, { image, result: fourOf(node, 1), weights }, context.kernels)
    return [
      {
        units: o,
        grain: described.groups === 1 ? outputGrain : described.outs,
        reads,
        writes,
        scratchBytes: described.scratchBytes,
        run(kernels, { from, to, scratch }) {
          const rest = described.write(kernels, scratch)
          kernels.convolveWindowsWeights(scratch, x, dy, dw, n, from, to, rest)
          return true
        },
      },
    ]
  }
  return [
    {
      units: o,
      grain: outputGrain,
      reads,
      writes,
      scratchBytes: context.kernels.convolveWeightsScratchBytes(c, h, w, o, kh, kw, pad),
      run(kernels, { from, to, scratch }) {
        kernels.convolveWeights(x, c, h, w, dy, o, kh, kw, pad, dw, n, from, to, scratch)
        return true
      },
    },
  ]
}

export const sumChannels: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x] = ins as [number]
  const [sums] = outs as [number]
  const [n, c, h, w] = fourOf(node, 0)
  return [
    {
      units: c,
      grain: 1,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.sumChannels(x, n, c, h * w, sums, from, to)
        return true
      },
    },
  ]
}
