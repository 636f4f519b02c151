import { AppError } from '#base/error.ts'
import type { Node, OperatorName } from '../graph/graph.ts'
import { integer, real } from '../graph/operator.ts'
import { convWindows, groupsOf } from '../graph/operators/convolution.ts'
import { poolWindows } from '../graph/operators/pooling.ts'
import type { Windows } from '../graph/windows.ts'
import type { TensorFlow, TfTensor } from './tfjs-types.ts'

/** One node of the forward graph in tfjs, whose own gradients are taken: outputs in their order. */
type TfOperator = (tf: TensorFlow, inputs: readonly TfTensor[], node: Node) => readonly TfTensor[]

const channelsLast = [0, 2, 3, 1] as const
const channelsFirst = [0, 3, 1, 2] as const
const headsFirst = [0, 2, 1, 3] as const
const masked = -1e9

/** The operators of forward graphs. What is missing is refused by name when a model is opened. */
export const tfOperators: Readonly<Partial<Record<OperatorName, TfOperator>>> = {
  Add: (tf, [a, b]) => [tf.add(a as TfTensor, b as TfTensor)],
  CausalAttention: attention,
  Conv: conv,
  Gather: (tf, [table, indices]) => [tf.gather(table as TfTensor, indices as TfTensor)],
  Gelu: gelu,
  Gemm: gemm,
  LayerNormalization: layerNormalization,
  MaxPool: (tf, [x], { attributes }) => {
    const windows = poolWindows(attributes)
    const turned = tf.transpose(x as TfTensor, channelsLast)
    const y = tf.maxPool(turned, windows.kernel, windows.stride, padsOf(windows))
    return [tf.transpose(y, channelsFirst)]
  },
  Mul: (tf, [a, b]) => [tf.mul(a as TfTensor, b as TfTensor)],
  Relu: (tf, [x]) => [tf.relu(x as TfTensor)],
  Reshape: (tf, [x], { outputs }) => [tf.reshape(x as TfTensor, outputs[0]?.shape ?? [])],
  RmsNormalization: (tf, [x, gain], { attributes }) => {
    const size = tf.mean(tf.square(x as TfTensor), -1, true)
    const root = tf.sqrt(tf.add(size, tf.scalar(real(attributes, 'epsilon'))))
    return [tf.mul(tf.div(x as TfTensor, root), gain as TfTensor)]
  },
  Silu: (tf, [x]) => [tf.mul(x as TfTensor, tf.sigmoid(x as TfTensor))],
  SoftmaxCrossEntropy: (tf, [logits, labels]) => {
    const classes = (logits as TfTensor).shape[1] ?? 0
    const picked = tf.cast(tf.oneHot(labels as TfTensor, classes), 'float32')
    const losses = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits as TfTensor), picked), -1))
    return [tf.mean(losses), losses]
  },
  SquaredError: (tf, [y, t]) => {
    const squares = tf.square(tf.sub(y as TfTensor, t as TfTensor))
    return [tf.mean(squares), tf.sum(squares, -1)]
  },
  Ternary: (tf, [w]) => [tf.customGrad((x) => ternary(tf, x))(w as TfTensor)],
}

function gemm(tf: TensorFlow, inputs: readonly TfTensor[], { attributes }: Node) {
  const [a, b, bias] = inputs as [TfTensor, TfTensor, TfTensor | undefined]
  const [turnA, turnB] = ['transposeA', 'transposeB'].map((name) => integer(attributes, name) === 1)
  const product = tf.matMul(a, b, turnA, turnB)
  return [bias ? tf.add(product, bias) : product]
}

/** Places above, below, left and right of images with their channels last. */
function padsOf({ pads: [top, left, bottom, right] }: Windows) {
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ] as const
}

function conv(tf: TensorFlow, inputs: readonly TfTensor[], { attributes }: Node) {
  const [x, weights, bias] = inputs as [TfTensor, TfTensor, TfTensor | undefined]
  const windows = convWindows(attributes, weights.shape)
  if (windows.dilation.some((one) => one !== 1)) {
    throw new AppError({ code: 'UNSUPPORTED', operator: 'Conv', instead: 'a dilation of 1' })
  }
  const image = tf.transpose(x, channelsLast)
  const groups = groupsOf(attributes)
  const depth = weights.shape[1] ?? 0
  const each = (weights.shape[0] ?? 0) / groups
  const parts = Array.from({ length: groups }, (_, group) => {
    const seen = groups === 1 ? image : sliceOf(tf, image, { axis: 3, group, size: depth })
    const own = groups === 1 ? weights : sliceOf(tf, weights, { axis: 0, group, size: each })
    const filter = tf.transpose(own, [2, 3, 1, 0]) // [kh, kw, c / groups, o / groups]
    return tf.conv2d(seen, filter, windows.stride, padsOf(windows))
  })
  const turned = groups === 1 ? (parts[0] as TfTensor) : tf.concat(parts, 3)
  return [tf.transpose(bias ? tf.add(turned, bias) : turned, channelsFirst)]
}

/** One of the equal parts of a tensor along an axis. */
function sliceOf(
  tf: TensorFlow,
  x: TfTensor,
  { axis, group, size }: { axis: number; group: number; size: number },
): TfTensor {
  const begin = x.shape.map((_, i) => (i === axis ? group * size : 0))
  return tf.slice(
    x,
    begin,
    x.shape.map((side, i) => (i === axis ? size : side)),
  )
}

function gelu(tf: TensorFlow, [given]: readonly TfTensor[]) {
  const x = given as TfTensor
  const stretch = tf.add(tf.mul(tf.square(x), tf.scalar(0.044715)), tf.scalar(1))
  return [tf.mul(x, tf.sigmoid(tf.mul(tf.mul(x, stretch), tf.scalar(1.5957691))))]
}

function layerNormalization(tf: TensorFlow, inputs: readonly TfTensor[], { attributes }: Node) {
  const [x, gain, bias] = inputs as [TfTensor, TfTensor, TfTensor]
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const variance = tf.mean(tf.square(centred), -1, true)
  const root = tf.sqrt(tf.add(variance, tf.scalar(real(attributes, 'epsilon'))))
  return [tf.add(tf.mul(tf.div(centred, root), gain), bias)]
}

function attention(tf: TensorFlow, inputs: readonly TfTensor[], { attributes }: Node) {
  const heads = integer(attributes, 'heads')
  const context = integer(attributes, 'context')
  const [rows = 0, width = 0] = inputs[0]?.shape ?? []
  const size = width / heads
  const [q, k, v] = inputs.map((x) =>
    tf.transpose(tf.reshape(x, [rows / context, context, heads, size]), headsFirst),
  ) as [TfTensor, TfTensor, TfTensor]
  const mask = Float32Array.from({ length: context * context }, (_, i) =>
    i % context > Math.floor(i / context) ? masked : 0,
  )
  const scores = tf.mul(tf.matMul(q, k, false, true), tf.scalar(1 / Math.sqrt(size)))
  const weights = tf.softmax(tf.add(scores, tf.tensor(mask, [context, context], 'float32')))
  return [tf.reshape(tf.transpose(tf.matMul(weights, v), headsFirst), [rows, width]), weights]
}

/** SPEC.md's ternary weights; the gradient passes straight through. */
function ternary(tf: TensorFlow, w: TfTensor) {
  const sizes = tf.abs(w)
  const scale = tf.mean(sizes)
  const isLarge = tf.cast(tf.greater(sizes, tf.mul(scale, tf.scalar(0.5))), 'float32')
  const value = tf.mul(tf.mul(tf.sign(w), isLarge), scale)
  return { value, gradFunc: (dy: TfTensor) => dy }
}
