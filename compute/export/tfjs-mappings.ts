import { assert } from '#base/assert.ts'
import type { Attributes, OperatorName, Shape } from '../graph/graph.ts'
import { integer, real } from '../graph/operator.ts'
import { convWindows, groupsOf } from '../graph/operators/convolution.ts'
import { poolWindows } from '../graph/operators/pooling.ts'
import { type Windows, spanOf } from '../graph/windows.ts'
import type { NamedParameter } from './onnx-forward.ts'
import {
  type LayerWeight,
  type LayerWriter,
  type Written,
  reshapedLayer,
  turnedRows,
  unwritable,
} from './tfjs-layers.ts'

/** A node of the forward graph while it is written. */
export interface LayerNode {
  readonly writer: LayerWriter
  readonly attributes: Attributes
  /** Those that are computed. */
  readonly inputs: readonly Written[]
  readonly weights: readonly NamedParameter[]
  /** Of a row of the output. */
  readonly shape: Shape
  /** Of a batch normalization: the share of a running figure that stays. */
  readonly keep: number
}

type LayerMapping = (node: LayerNode) => Written

/** The layer of weights: dense1.weight is of dense1. */
function nameOf({ name }: NamedParameter): string {
  return name.replace(/[./][^./]*$/, '')
}

function inputOf({ inputs }: LayerNode): Written {
  const [x] = inputs
  assert(x, 'a node reads a value')
  return x
}

const relu: LayerMapping = (node) =>
  node.writer.add('Activation', [inputOf(node)], { activation: 'relu' })

const gemm: LayerMapping = (node) => {
  const { writer, weights, shape } = node
  const [weight, bias] = weights
  if (!weight || weight.shape.length !== 2 || integer(node.attributes, 'transposeB') !== 0) {
    throw unwritable('Gemm', 'graph.onnx')
  }
  const x = inputOf(node)
  const kernel = { part: 'kernel', shape: weight.shape, values: turnedRows(x, weight.values) }
  const config = { units: shape[0], activation: 'linear', use_bias: bias !== undefined }
  const options = { name: nameOf(weight), weights: [kernel, ...biasOf(bias)], shape }
  return { ...writer.add('Dense', [x], config, options), turned: undefined }
}

function biasOf(bias: NamedParameter | undefined): LayerWeight[] {
  return bias ? [{ part: 'bias', shape: bias.shape, values: bias.values }] : []
}

const conv: LayerMapping = (node) => {
  const { writer, weights, shape, attributes } = node
  const [weight, bias] = weights
  const x = writer.image(inputOf(node))
  if (!weight || x.turned) throw unwritable('Conv', 'graph.onnx')
  const [filters = 0, depth = 0, kh = 0, kw = 0] = weight.shape
  const windows = convWindows(attributes, weight.shape)
  const groups = groupsOf(attributes)
  const isDepthwise = groups > 1 && depth === 1
  if (groups > 1 && !isDepthwise) throw unwritable(`${groups} groups in Conv`, 'graph.onnx')
  if (isWide(windows.stride) && isWide(windows.dilation)) {
    throw unwritable('stride and dilation of one Conv', 'graph.onnx')
  }
  const isSame = isPaddedAsSame(windows, x.shape, shape)
  const [top, left, bottom, right] = windows.pads
  const padding = {
    padding: [
      [top, bottom],
      [left, right],
    ],
    data_format: 'channels_last',
  }
  const isPadded = windows.pads.some(Boolean) && !isSame
  const padded = isPadded ? writer.add('ZeroPadding2D', [x], padding) : x
  const values = turnedKernel(weight)
  const config = {
    kernel_size: [kh, kw],
    strides: [...windows.stride],
    padding: isSame ? 'same' : 'valid',
    data_format: 'channels_last',
    dilation_rate: [...windows.dilation],
    activation: 'linear',
    use_bias: bias !== undefined,
  }
  const options = (part: string, sides: number[]) => {
    const kernel = { part, shape: [kh, kw, ...sides], values }
    return { name: nameOf(weight), weights: [kernel, ...biasOf(bias)], shape }
  }
  if (isDepthwise) {
    const multiplier = filters / groups
    const own = { ...config, depth_multiplier: multiplier }
    const layer = options('depthwise_kernel', [groups, multiplier])
    return writer.add('DepthwiseConv2D', [padded], own, layer)
  }
  return writer.add('Conv2D', [padded], { filters, ...config }, options('kernel', [depth, filters]))
}

function isWide(values: readonly number[]): boolean {
  return values.some((value) => value !== 1)
}

/** Whether `same` pads an image [c, h, w] as these windows do, of which `result` [c, h, w] tells how many fit. */
function isPaddedAsSame(windows: Windows, image: Shape, result: Shape): boolean {
  const { kernel, stride, dilation, pads } = windows
  return ([0, 1] as const).every((axis) => {
    const [side, count] = [image[axis + 1] as number, result[axis + 1] as number]
    const span = spanOf(kernel[axis], dilation[axis])
    const all = Math.max(0, (count - 1) * stride[axis] + span - side)
    return count === Math.ceil(side / stride[axis]) && Math.floor(all / 2) === pads[axis]
  })
}

/** [out, in, k, k] -> [k, k, in, out] */
function turnedKernel({ shape, values }: NamedParameter): Float32Array {
  const [filters = 0, channels = 0, kh = 0, kw = 0] = shape
  const result = new Float32Array(values.length)
  let at = 0
  for (let place = 0; place < kh * kw; place += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (let filter = 0; filter < filters; filter += 1, at += 1) {
        result[at] = values[(filter * channels + channel) * kh * kw + place] as number
      }
    }
  }
  return result
}

const pool =
  (kind: 'AveragePooling2D' | 'MaxPooling2D'): LayerMapping =>
  (node) => {
    const windows = poolWindows(node.attributes)
    const x = node.writer.image(inputOf(node))
    const isPadded = windows.pads.some(Boolean)
    if (isPadded && !isPaddedAsSame(windows, x.shape, node.shape)) {
      throw unwritable(`a padding of ${windows.pads.join(', ')} in ${kind}`, 'graph.onnx')
    }
    const config = {
      pool_size: [...windows.kernel],
      strides: [...windows.stride],
      padding: isPadded ? 'same' : 'valid',
      data_format: 'channels_last',
    }
    return node.writer.add(kind, [x], config, { shape: node.shape })
  }

const globalAveragePool: LayerMapping = (node) => {
  const x = node.writer.image(inputOf(node))
  const config = { data_format: 'channels_last' }
  const y = node.writer.add('GlobalAveragePooling2D', [x], config, { shape: node.shape })
  return { ...y, isVector: true }
}

const batchNormalization: LayerMapping = (node) => {
  const { writer, keep } = node
  const x = inputOf(node)
  const [gain] = node.weights
  assert(gain, 'a normalization has a gain')
  const config = {
    axis: -1,
    momentum: keep,
    epsilon: real(node.attributes, 'epsilon'),
    center: true,
    scale: true,
  }
  const parts = ['gamma', 'beta', 'moving_mean', 'moving_variance']
  return writer.add('BatchNormalization', [x], config, {
    name: nameOf(gain),
    weights: scalesOf(node, parts),
  })
}

function scalesOf(node: LayerNode, parts: readonly string[]): LayerWeight[] {
  return parts.map((part, i) => {
    const weight = node.weights[i]
    assert(weight, `a normalization has ${part}`)
    return { part, shape: weight.shape, values: turnedRows(inputOf(node), weight.values) }
  })
}

const layerNormalization: LayerMapping = (node) => {
  const [gain] = node.weights
  assert(gain, 'a normalization has a gain')
  const epsilon = real(node.attributes, 'epsilon')
  const weights = scalesOf(node, ['gamma', 'beta'])
  const config = { axis: -1, epsilon, center: true, scale: true }
  return node.writer.add('LayerNormalization', [inputOf(node)], config, {
    name: nameOf(gain),
    weights,
  })
}

const add: LayerMapping = (node) => {
  const inputs = node.inputs.map(node.writer.image)
  const [a, b] = inputs
  if (!a || !b || String(a.turned) !== String(b.turned)) throw unwritable('Add', 'graph.onnx')
  return node.writer.add('Add', inputs, {})
}

/** Operators of the forward graph as layers. tfjs reads no GELU by tanh from a file, though it writes one. */
export const layerMappings: Readonly<Partial<Record<OperatorName, LayerMapping>>> = {
  Add: add,
  AveragePool: pool('AveragePooling2D'),
  BatchNormalization: batchNormalization,
  Conv: conv,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  LayerNormalization: layerNormalization,
  MaxPool: pool('MaxPooling2D'),
  Relu: relu,
  Reshape: (node) => reshapedLayer(node.writer, inputOf(node), node.shape),
}
