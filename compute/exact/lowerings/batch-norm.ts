import { type Node, sizeOf } from '#compute/graph/graph.ts'
import { real } from '#compute/graph/operator.ts'
import { type Call, type Lowering, operandsOf } from '../lowering.ts'

const channelGrain = 1

function sidesOf({ inputs }: Node) {
  const [n = 0, c = 0, h = 0, w = 0] = inputs[0]?.shape ?? []
  return { n, c, area: h * w }
}

/** Units are channels: each thread reads all images. */
export const batchStatistics: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x] = ins as [number]
  const [mean, variance] = outs as [number, number]
  const { n, c, area } = sidesOf(node)
  return [
    {
      units: c,
      grain: channelGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.batchStatistics(x, n, c, area, mean, variance, from, to)
        return true
      },
    },
  ]
}

/** The scales in one thread, then the planes. */
export const batchNormalization: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, gain, bias, mean, variance] = ins as [number, number, number, number, number]
  const [y, scale] = outs as [number, number]
  const { n, c, area } = sidesOf(node)
  const epsilon = Math.fround(real(node.attributes, 'epsilon'))
  const scaling: Call = {
    units: 1,
    grain: 1,
    reads: reads.slice(4),
    writes: writes.slice(1),
    scratchBytes: 0,
    run(kernels) {
      kernels.channelScales(variance, c, epsilon, scale)
      return true
    },
  }
  const normalizing: Call = {
    units: n * c,
    grain: 1,
    reads: [...reads.slice(0, 4), ...writes.slice(1)],
    writes: writes.slice(0, 1),
    scratchBytes: 0,
    run(kernels, { from, to }) {
      kernels.normalizeChannels(x, c, area, mean, scale, gain, bias, y, from, to)
      return true
    },
  }
  return [scaling, normalizing]
}

export const batchNormalizationGainGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [dy, x, mean, scale] = ins as [number, number, number, number]
  const [dGain] = outs as [number]
  const { n, c, area } = sidesOf(node)
  return [
    {
      units: c,
      grain: channelGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.channelGainGradient(dy, x, n, c, area, mean, scale, dGain, from, to)
        return true
      },
    },
  ]
}

export const batchNormalizationGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [dy = 0, x = 0, mean = 0, scale = 0, gain = 0, dGain = 0, dBias = 0] = ins
  const [dx] = outs as [number]
  const { n, c, area } = sidesOf(node)
  return [
    {
      units: n * c,
      grain: 1,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const figures = [mean, scale, gain, dGain, dBias] as const
        kernels.normalizeChannelsGradient(dy, x, n, c, area, ...figures, dx, from, to)
        return true
      },
    },
  ]
}

/** In one thread: a running figure has one value for each channel. */
export const runningMean: Lowering = (node, context) => {
  const { ins, reads } = operandsOf(node, context)
  const [running, found] = ins as [number, number]
  const count = sizeOf(node.inputs[0]?.shape ?? [])
  const keep = Math.fround(real(node.attributes, 'keep'))
  return [
    {
      units: 1,
      grain: 1,
      reads,
      writes: reads.slice(0, 1),
      scratchBytes: 0,
      run: (kernels) =>
        kernels.runningMean(running, found, count, keep, Math.fround(1 - keep)) === 1,
    },
  ]
}
