import { sizeOf } from '../graph/graph.ts'
import type { RowValue, Weights } from './assembly.ts'
import {
  type FloatConstant,
  type Handler,
  type NodeContext,
  addNode,
  biasOf,
  constantAt,
  expectAttribute,
  integerOf,
  listAt,
  listOf,
  refuseNode,
  valueAt,
  weightAt,
  weightsOf,
} from './onnx-context.ts'
import { evenPad, samePad } from './windows.ts'

/** A stride is taken by a pooling of 1 x 1 behind the convolution. */
export const conv: Handler = (context) => {
  const weight = weightAt(context, 1)
  const [, ...inner] = weight.shape
  if (weight.shape.length !== 4) {
    throw refuseNode(context, 'only convolutions of images can be trained', 'ONNX_SHAPE')
  }
  if (inner[1] !== inner[2]) {
    throw refuseNode(context, 'windows must have equal sides, such as 3 x 3', 'ONNX_SHAPE')
  }
  expectAttribute(context, 'group', 1)
  const { pad, stride } = windowOf(context, inner.slice(1))
  const bias = constantAt(context, 2)
  const convolved = addNode(
    context,
    { operator: 'Conv', attributes: { pad } },
    {
      values: [valueAt(context, 0)],
      weights: [weightsOf(weight, sizeOf(inner)), ...(bias ? [biasOf(bias)] : [])],
      isBiasMissing: bias === undefined,
    },
  )
  if (stride === 1) return convolved
  const attributes = { kh: 1, kw: 1, stride, pad: 0 }
  return addNode(context, { operator: 'MaxPool', attributes }, { values: [convolved] })
}

export const maxPool: Handler = (context) => pool(context, 'MaxPool')

export const averagePool: Handler = (context) => {
  const hasPads = (listOf(context, 'pads') ?? []).some((pad) => pad !== 0)
  if (hasPads && integerOf(context, 'count_include_pad', 0) !== 0) {
    throw refuseNode(context, 'padding must not count; use AvgPool2d(count_include_pad=False)')
  }
  return pool(context, 'AveragePool')
}

function pool(context: NodeContext, operator: 'MaxPool' | 'AveragePool') {
  const attributes = windowOf(context, listOf(context, 'kernel_shape') ?? [])
  return addNode(context, { operator, attributes }, { values: [valueAt(context, 0)] })
}

export const globalAveragePool: Handler = (context) => {
  const values = [valueAt(context, 0)]
  return addNode(context, { operator: 'GlobalAveragePool', attributes: {} }, { values })
}

/** The mean of each channel alone: what `x.mean([2, 3])` becomes. */
export const reduceMean: Handler = (context) => {
  const x = valueAt(context, 0)
  const axes = listAt(context, 1)?.values ?? listOf(context, 'axes') ?? []
  const places = axes.map((axis) => (typeof axis === 'number' && axis < 0 ? axis + 4 : axis))
  const isPlane = places.length === 2 && places.includes(2) && places.includes(3)
  if (x.shape.length !== 3 || !isPlane) {
    const text = `only the mean of an image's height and width is supported, not over [${axes.join(', ')}]`
    throw refuseNode(context, text)
  }
  const mean = globalAveragePool(context) as RowValue
  if (integerOf(context, 'keepdims', 1) === 1) return mean
  return reshaped(context, mean, [x.shape[0] as number])
}

/** Of images, and of vectors as images of one place. The running figures go on running. */
export const batchNormalization: Handler = (context) => {
  if (integerOf(context, 'training_mode', 0) !== 0) {
    throw refuseNode(context, 'export in evaluation mode: model.eval()')
  }
  const x = valueAt(context, 0)
  const [gain, bias, mean, variance] = [1, 2, 3, 4].map((index) => weightAt(context, index)) as [
    FloatConstant,
    FloatConstant,
    FloatConstant,
    FloatConstant,
  ]
  if (!variance.values.every((value) => value >= 0)) {
    throw refuseNode(context, 'a running variance is negative', 'ONNX_INVALID')
  }
  const { attributes } = context.node
  const epsilon = attributes.get('epsilon')?.float ?? 1e-5
  const keep = attributes.get('momentum')?.float ?? 0.9
  const isVector = x.shape.length === 1
  const image = isVector ? reshaped(context, x, [x.shape[0] as number, 1, 1]) : x
  const weights = [onesOf(biasOf(gain)), biasOf(bias), own(mean), onesOf(own(variance))]
  const draft = { operator: 'BatchNormalization' as const, attributes: { epsilon, keep } }
  const y = addNode(context, draft, { values: [image], weights })
  return isVector ? reshaped(context, y, x.shape) : y

  /** Running figures are of one normalization, even where the file stores equal ones once. */
  function own(figure: FloatConstant): Weights {
    const values = context.copyOf(figure.values)
    values.set(figure.values)
    return biasOf({ ...figure, values })
  }
}

function onesOf(weights: Weights): Weights {
  return { ...weights, initial: { kind: 'ones' } }
}

function reshaped(context: NodeContext, x: RowValue, shape: readonly number[]): RowValue {
  const attributes = { shape: [...shape] }
  return addNode(context, { operator: 'Reshape', attributes }, { values: [x] })
}

/** The window of a convolution or pooling: one stride and one padding for all sides. */
function windowOf(context: NodeContext, kernel: readonly number[]) {
  const strides = listOf(context, 'strides') ?? [1, 1]
  const dilations = listOf(context, 'dilations') ?? []
  const [stride = 1] = strides
  const [kh = 0, kw = 0] = kernel
  const isPlain =
    kernel.length === 2 &&
    stride > 0 &&
    strides.every((one) => one === stride) &&
    dilations.every((one) => one === 1)
  if (!isPlain) {
    const text = `a window of [${kernel.join(', ')}] with strides [${strides.join(', ')}] and dilations [${dilations.join(', ')}] is not supported; use one stride and no dilation`
    throw refuseNode(context, text)
  }
  const [, h, w] = valueAt(context, 0).shape
  if (h === undefined || w === undefined) {
    throw refuseNode(context, 'windows need rows that are images', 'ONNX_SHAPE')
  }
  const placed = placeOf(context, { sides: [h, w], kernel: [kh, kw], stride })
  const pad = evenPad([h, w], { kernel: [kh, kw], stride, ...placed })
  if (pad !== undefined) return { kh, kw, stride, pad }
  const { before, counts } = placed
  const text = `its ${counts.join(' x ')} windows from ${-before[0]}, ${-before[1]} on have no padding that is the same on all sides; use such a padding, or images of sides that fit`
  throw refuseNode(context, text)
}

type Sides = readonly [number, number]

/** Where the windows begin, and how many there are. */
function placeOf(
  context: NodeContext,
  { sides, kernel, stride }: { sides: Sides; kernel: Sides; stride: number },
): { before: Sides; counts: Sides } {
  const auto = context.node.attributes.get('auto_pad')?.text ?? 'NOTSET'
  const both = [0, 1] as const
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const isOddFirst = auto === 'SAME_LOWER'
    const axes = both.map((i) => samePad(sides[i], { window: kernel[i], stride, isOddFirst }))
    const [down, across] = axes as [(typeof axes)[0], (typeof axes)[0]]
    return { before: [down.before, across.before], counts: [down.count, across.count] }
  }
  const pads = (auto === 'NOTSET' ? listOf(context, 'pads') : undefined) ?? [0, 0, 0, 0]
  const isCeiled = integerOf(context, 'ceil_mode', 0) !== 0
  const counts = both.map((i) => {
    const before = pads[i] ?? 0
    const last = (sides[i] + before + (pads[i + 2] ?? 0) - kernel[i]) / stride
    if (!isCeiled) return Math.floor(last) + 1
    // no window begins behind the image
    return Math.min(Math.ceil(last), Math.ceil((sides[i] + before) / stride) - 1) + 1
  })
  return { before: [pads[0] ?? 0, pads[1] ?? 0], counts: counts as unknown as Sides }
}
