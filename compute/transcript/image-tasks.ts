import type { Attributes, Node, OperatorName, Shape } from '../graph/graph.ts'
import { real } from '../graph/operator.ts'
import { convWindows } from '../graph/operators/convolution.ts'
import { poolWindows } from '../graph/operators/pooling.ts'
import { type Tasks, bitsOf } from './task.ts'

type Four = [number, number, number, number]

const four = (shape: Shape | undefined) => (shape ?? [0, 0, 0, 0]) as unknown as Four
const areaOf = (shape: Shape | undefined) => (shape?.[2] ?? 0) * (shape?.[3] ?? 0)

/** Sides of a convolution of images [n, c, h, w] to [n, o, oh, ow] by weights [o, c / groups, kh, kw]. */
function convolution(
  attributes: Attributes,
  sides: { x: Shape; y: Shape; weights: Shape; last: number },
) {
  const [, c, h, w] = four(sides.x)
  const [o, depth, kh, kw] = four(sides.weights)
  const [, , oh, ow] = four(sides.y)
  const { pads, stride, dilation } = convWindows(attributes, sides.weights)
  const [above, left] = pads
  return [c, h, w, o, kh, kw, above, oh, ow, sides.last, left, ...stride, ...dilation, depth]
}

const conv: Tasks = ({ inputs, outputs: [of], attributes }) => {
  const [x, weights, bias] = inputs
  if (!x || !weights || !of) return []
  const last = bias ? 1 : 0
  const sides = convolution(attributes, { x: x.shape, y: of.shape, weights: weights.shape, last })
  return [{ kind: 20, of, sides, reads: inputs }]
}

const convInputGradient: Tasks = ({ inputs, outputs: [of], attributes }) => {
  const [dy, weights] = inputs
  if (!dy || !weights || !of) return []
  const sides = convolution(attributes, {
    x: of.shape,
    y: dy.shape,
    weights: weights.shape,
    last: 0,
  })
  return [{ kind: 21, of, sides, reads: inputs }]
}

const convWeightGradient: Tasks = ({ inputs, outputs: [of], attributes }) => {
  const [x, dy] = inputs
  if (!x || !dy || !of) return []
  const last = x.shape[0] ?? 0
  const sides = convolution(attributes, { x: x.shape, y: dy.shape, weights: of.shape, last })
  return [{ kind: 22, of, sides, reads: inputs }]
}

function pooling(kind: number, sidesOf: (node: Node) => { image: Shape; result: Shape }): Tasks {
  return (node) => {
    const { image, result } = sidesOf(node)
    const [, , h, w] = four(image)
    const [, , oh, ow] = four(result)
    const { kernel, stride, pads } = poolWindows(node.attributes)
    const isPlain = [...kernel, ...stride].every((one) => one === 2) && !pads.some(Boolean)
    const [above, left] = pads
    const [down, across] = stride
    const sides = [h, w, oh, ow, ...kernel, down, above, across, left, isPlain ? 1 : 0]
    return [{ kind, of: node.outputs[0], sides, reads: node.inputs }]
  }
}

const forward = ({ inputs, outputs }: Node) => ({
  image: inputs[0]?.shape ?? [],
  result: outputs[0]?.shape ?? [],
})
const backward = ({ inputs, outputs }: Node) => ({
  image: outputs[0]?.shape ?? [],
  result: inputs.at(-1)?.shape ?? [],
})

/** Sums over a channel: [images, channels, area, what]. */
function channelSides(shape: Shape | undefined, what: number) {
  const [n, c] = four(shape)
  return [n, c, areaOf(shape), what]
}

const batchNormalization: Tasks = ({ inputs, outputs: [y, scale], attributes }) => {
  const [x, gain, bias, mean, variance] = inputs
  const epsilon = bitsOf(real(attributes, 'epsilon'))
  const sides = [x?.shape[1] ?? 0, areaOf(x?.shape)]
  return [
    { kind: 38, of: scale, sides: [epsilon], reads: [variance] },
    { kind: 39, of: y, sides, reads: [x, mean, scale, gain, bias] },
  ]
}

const batchNormalizationGradient: Tasks = ({ inputs, outputs }) => {
  const [dy, x, mean, scale, gain, dGain, dBias] = inputs
  const [n, c] = four(x?.shape)
  const reads = [x, mean, scale, gain, dGain, dBias, dy]
  return [{ kind: 40, of: outputs[0], sides: [c, areaOf(x?.shape), n], reads }]
}

export const imageTasks = {
  AveragePool: pooling(25, forward),
  AveragePoolGradient: pooling(26, backward),
  BatchNormalization: batchNormalization,
  BatchNormalizationGainGradient: ({ inputs: [dy, x, mean, scale], outputs }) => [
    { kind: 37, of: outputs[0], sides: channelSides(x?.shape, 3), reads: [x, mean, scale, dy] },
  ],
  BatchNormalizationGradient: batchNormalizationGradient,
  BatchStatistics: ({ inputs: [x], outputs: [mean, variance] }) => [
    { kind: 37, of: mean, sides: channelSides(x?.shape, 1), reads: [x] },
    { kind: 37, of: variance, sides: channelSides(x?.shape, 2), reads: [x, mean] },
  ],
  Conv: conv,
  ConvInputGradient: convInputGradient,
  ConvWeightGradient: convWeightGradient,
  GlobalAveragePool: ({ inputs, outputs }) => [
    { kind: 27, of: outputs[0], sides: [areaOf(inputs[0]?.shape)], reads: inputs },
  ],
  GlobalAveragePoolGradient: ({ inputs, outputs }) => [
    { kind: 28, of: outputs[0], sides: [areaOf(outputs[0]?.shape)], reads: inputs },
  ],
  MaxPool: pooling(23, forward),
  MaxPoolGradient: pooling(24, backward),
  SumChannels: ({ inputs, outputs }) => [
    { kind: 37, of: outputs[0], sides: channelSides(inputs[0]?.shape, 0), reads: inputs },
  ],
} satisfies Partial<Record<OperatorName, Tasks>>
