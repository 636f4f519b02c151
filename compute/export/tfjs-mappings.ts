import { assert } from '#base/assert.ts'
import type { Attributes, OperatorName, Shape } from '../graph/graph.ts'
import { integer, real } from '../graph/operator.ts'
import { windowOf } from '../graph/operators/pooling.ts'
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
  const { writer, weights, shape } = node
  const [weight, bias] = weights
  const x = writer.image(inputOf(node))
  if (!weight || x.turned) throw unwritable('Conv', 'graph.onnx')
  const [filters = 0, channels = 0, kh = 0, kw = 0] = weight.shape
  const pad = integer(node.attributes, 'pad')
  const isSame = 2 * pad === kh - 1 && 2 * pad === kw - 1
  const padding = { padding: [pad, pad].map((one) => [one, one]), data_format: 'channels_last' }
  const padded = pad === 0 || isSame ? x : writer.add('ZeroPadding2D', [x], padding)
  const kernel = {
    part: 'kernel',
    shape: [kh, kw, channels, filters],
    values: turnedKernel(weight),
  }
  const config = {
    filters,
    kernel_size: [kh, kw],
    strides: [1, 1],
    padding: isSame ? 'same' : 'valid',
    data_format: 'channels_last',
    dilation_rate: [1, 1],
    activation: 'linear',
    use_bias: bias !== undefined,
  }
  const options = { name: nameOf(weight), weights: [kernel, ...biasOf(bias)], shape }
  return writer.add('Conv2D', [padded], config, options)
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
    const { kh, kw, stride, pad } = windowOf(node.attributes)
    const x = node.writer.image(inputOf(node))
    const isSame = [kh, kw].every((window, i) => {
      const [side, count] = [x.shape[i + 1] as number, node.shape[i + 1] as number]
      const both = Math.max(0, (count - 1) * stride + window - side)
      return count === Math.ceil(side / stride) && Math.floor(both / 2) === pad
    })
    if (pad > 0 && !isSame) throw unwritable(`a padding of ${pad} in ${kind}`, 'graph.onnx')
    const config = {
      pool_size: [kh, kw],
      strides: [stride, stride],
      padding: pad > 0 ? 'same' : 'valid',
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
