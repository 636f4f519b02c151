import { assert } from '#base/assert.ts'
import type { Node } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { type Lowering, operandsOf, splitByUnits } from '../lowering.ts'

type Four = [number, number, number, number]

const outputGrain = 8

function fourOf({ inputs }: Node, index: number): Four {
  const shape = inputs[index]?.shape
  assert(shape?.length === 4, 'the operand has four sides')
  return shape as unknown as Four
}

/** Forward convolution; units are images. */
export const conv: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, weights, bias = 0] = ins as [number, number, number | undefined]
  const [y] = outs as [number]
  const [n, c, h, w] = fourOf(node, 0)
  const [o, , kh, kw] = fourOf(node, 1)
  const pad = integer(node.attributes, 'pad')
  return [
    {
      units: n,
      grain: 1,
      reads: [...splitByUnits(reads.slice(0, 1)), ...reads.slice(1)],
      writes: splitByUnits(writes),
      scratchBytes: context.kernels.convolveScratchBytes(c, h, w, o, kh, kw, pad),
      run(kernels, { from, to, scratch }) {
        kernels.convolve(x, c, h, w, weights, o, kh, kw, pad, 0, bias, y, from, to, scratch)
        return true
      },
    },
  ]
}

/** The same kernel over dy, with turned weights and the padding that restores the input's size. */
export const convInputGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [dy, weights] = ins as [number, number]
  const [dx] = outs as [number]
  const [n, o, h, w] = fourOf(node, 0)
  const [, c, kh, kw] = fourOf(node, 1)
  const pad = kh - 1 - integer(node.attributes, 'pad')
  return [
    {
      units: n,
      grain: 1,
      reads: [...splitByUnits(reads.slice(0, 1)), ...reads.slice(1)],
      writes: splitByUnits(writes),
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
  const [n, c, h, w] = fourOf(node, 0)
  const [, o] = fourOf(node, 1)
  const [kh, kw, pad] = ['kh', 'kw', 'pad'].map((name) => integer(node.attributes, name)) as [
    number,
    number,
    number,
  ]
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
