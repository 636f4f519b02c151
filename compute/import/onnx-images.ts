import { sizeOf } from '../graph/graph.ts'
import type { RowValue, Weights } from './assembly.ts'
import {
  type FloatConstant,
  type Handler,
  type NodeContext,
  addNode,
  biasOf,
  constantAt,
  integerOf,
  listAt,
  listOf,
  refuseNode,
  valueAt,
  weightAt,
  weightsOf,
} from './onnx-context.ts'
import { type Pair, type Windows, spanOf } from '../graph/windows.ts'
import { attributesOfFile, convAttributes, reasonOfSize, samePad } from './windows.ts'

export const conv: Handler = (context) => {
  const weight = weightAt(context, 1)
  const [outs = 0, ...inner] = weight.shape
  const [depth = 0, kh = 0, kw = 0] = inner
  if (weight.shape.length !== 4) {
    throw refuseNode(context, 'only convolutions of images can be trained', 'ONNX_SHAPE')
  }
  const groups = integerOf(context, 'group', 1)
  const [channels = 0] = valueAt(context, 0).shape
  if (groups < 1 || channels !== depth * groups || outs % groups !== 0) {
    const text = `${groups} groups of ${depth} channels do not make ${channels} channels and ${outs} outputs`
    throw refuseNode(context, text, 'ONNX_SHAPE')
  }
  const attributes = convAttributes(windowOf(context, [kh, kw]), groups)
  const bias = constantAt(context, 2)
  return addNode(
    context,
    { operator: 'Conv', attributes },
    {
      values: [valueAt(context, 0)],
      weights: [weightsOf(weight, sizeOf(inner)), ...(bias ? [biasOf(bias)] : [])],
      isBiasMissing: bias === undefined,
    },
  )
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
  const [kh = 0, kw = 0, ...rest] = listOf(context, 'kernel_shape') ?? []
  if (rest.length > 0) throw refuseNode(context, 'windows need rows that are images', 'ONNX_SHAPE')
  const { stride, pad, dilation } = windowOf(context, [kh, kw])
  if (dilation !== 1) throw refuseNode(context, 'a pooling with dilations is not supported')
  const attributes = { kh, kw, stride, pad }
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

/** Attributes of the windows of a convolution or pooling. */
function windowOf(context: NodeContext, kernel: Pair) {
  const [stride, dilation] = ['strides', 'dilations'].map((name) => {
    const values = listOf(context, name) ?? [1, 1]
    if (values.length === 2 && values.every((one) => one > 0)) return values as unknown as Pair
    throw refuseNode(context, `${name} [${values.join(', ')}] are not two counts`, 'ONNX_SHAPE')
  }) as [Pair, Pair]
  const [, h, w] = valueAt(context, 0).shape
  if (h === undefined || w === undefined || kernel.some((side) => side < 1)) {
    throw refuseNode(context, 'windows need rows that are images', 'ONNX_SHAPE')
  }
  const windows = { kernel, stride, dilation }
  const found = attributesOfFile([h, w], { ...windows, ...placeOf(context, [h, w], windows) })
  const isPool = context.node.operator !== 'Conv'
  const reason = reasonOfSize(isPool ? { ...found, side: kernel } : found)
  if (reason !== undefined) throw refuseNode(context, reason)
  return found
}

/** Where the windows begin, and how many there are. */
function placeOf(
  context: NodeContext,
  sides: Pair,
  { kernel, stride, dilation }: Omit<Windows, 'pads'>,
): { before: Pair; counts: Pair } {
  const auto = context.node.attributes.get('auto_pad')?.text ?? 'NOTSET'
  const both = [0, 1] as const
  const spans = both.map((axis) => spanOf(kernel[axis], dilation[axis])) as unknown as Pair
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const isOddFirst = auto === 'SAME_LOWER'
    const axes = both.map((i) =>
      samePad(sides[i], { window: spans[i], stride: stride[i], isOddFirst }),
    )
    const [down, across] = axes as [(typeof axes)[0], (typeof axes)[0]]
    return { before: [down.before, across.before], counts: [down.count, across.count] }
  }
  const pads = (auto === 'NOTSET' ? listOf(context, 'pads') : undefined) ?? [0, 0, 0, 0]
  if (pads.some((pad) => pad < 0)) throw refuseNode(context, `pads [${pads.join(', ')}] cut`)
  const isCeiled = integerOf(context, 'ceil_mode', 0) !== 0
  const counts = both.map((i) => {
    const before = pads[i] ?? 0
    const last = (sides[i] + before + (pads[i + 2] ?? 0) - spans[i]) / stride[i]
    if (!isCeiled) return Math.floor(last) + 1
    // no window begins behind the image
    return Math.min(Math.ceil(last), Math.ceil((sides[i] + before) / stride[i]) - 1) + 1
  })
  return { before: [pads[0] ?? 0, pads[1] ?? 0], counts: counts as unknown as Pair }
}
