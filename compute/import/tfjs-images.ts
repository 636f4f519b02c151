import { z } from 'zod'
import {
  type LayerContext,
  type LayerHandler,
  type Placed,
  type Stored,
  addLayer,
  evenOf,
  flag,
  imageOf,
  inputOf,
  normalOf,
  refuseLayer,
  reshaped,
  settingOf,
  sides as sidesSchema,
  turnRows,
} from './tfjs-context.ts'
import { activated, biasOf, expectChannelsLast } from './tfjs-layers.ts'
import { type Pair, spanOf } from '../graph/windows.ts'
import { attributesOfFile, convAttributes, reasonOfSize, samePad } from './windows.ts'

const axes = [0, 1] as const
const count = z.int().min(1).max(1_048_576)

/** A kernel [kh, kw, in / groups, out] becomes [out, in / groups, kh, kw]. */
export const conv: LayerHandler = (context) => {
  expectChannelsLast(context)
  const { x, channels } = imageOf(context)
  const filters = settingOf(context, 'filters', { schema: count, otherwise: 0 })
  const groups = settingOf(context, 'groups', { schema: count, otherwise: 1 })
  const depth = channels / groups
  if (!Number.isInteger(depth) || filters % groups !== 0) {
    const text = `${groups} groups do not share ${channels} channels and ${filters} filters`
    throw refuseLayer(context, text, 'TFJS_SHAPE')
  }
  const { kernel, attributes } = windowOf(context, 'kernel_size')
  const stored = context.weightOf('kernel', [...kernel, depth, filters])
  return convolved(context, x, { stored, attributes, groups })
}

/** Each channel for itself: a kernel [kh, kw, in, multiplier] becomes [in * multiplier, 1, kh, kw]. */
export const depthwiseConv: LayerHandler = (context) => {
  expectChannelsLast(context)
  const { x, channels } = imageOf(context)
  const multiplier = settingOf(context, 'depth_multiplier', { schema: count, otherwise: 1 })
  const { kernel, attributes } = windowOf(context, 'kernel_size')
  const stored = context.weightOf('depthwise_kernel', [...kernel, channels, multiplier])
  const shape = [...kernel, 1, channels * multiplier]
  return convolved(context, x, { stored: { ...stored, shape }, attributes, groups: channels })
}

interface Kernel {
  /** [kh, kw, in / groups, out] */
  readonly stored: Stored
  readonly attributes: ReturnType<typeof attributesOfFile>
  readonly groups: number
}

function convolved(
  context: LayerContext,
  x: Placed,
  { stored, attributes, groups }: Kernel,
): Placed {
  const [kh = 0, kw = 0, depth = 0, filters = 0] = stored.shape
  const weights = normalOf(turnKernel(context, stored), depth * kh * kw)
  const y = addLayer(
    context,
    { operator: 'Conv', attributes: convAttributes(attributes, groups) },
    { values: [x], weights: [weights, ...biasOf(context, filters)] },
  )
  return activated(context, y)
}

function turnKernel({ copyOf }: LayerContext, stored: Stored): Stored {
  const [kh = 0, kw = 0, channels = 0, filters = 0] = stored.shape
  const values = copyOf(stored.values)
  let at = 0
  for (let place = 0; place < kh * kw; place += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (let filter = 0; filter < filters; filter += 1, at += 1) {
        values[(filter * channels + channel) * kh * kw + place] = stored.values[at] as number
      }
    }
  }
  return { ...stored, shape: [filters, channels, kh, kw], values }
}

export const maxPool: LayerHandler = (context) => pool(context, 'MaxPool')
export const averagePool: LayerHandler = (context) => pool(context, 'AveragePool')

function pool(context: LayerContext, operator: 'MaxPool' | 'AveragePool'): Placed {
  expectChannelsLast(context)
  const { x } = imageOf(context)
  const { kernel, attributes: found } = windowOf(context, 'pool_size')
  const { stride, pad, dilation } = found
  if (dilation !== 1) throw refuseLayer(context, 'a pooling with dilations is not supported')
  const attributes = { kh: kernel[0], kw: kernel[1], stride, pad }
  return addLayer(context, { operator, attributes }, { values: [x] })
}

export const globalAveragePool: LayerHandler = (context) => {
  expectChannelsLast(context)
  const { x, channels } = imageOf(context)
  const isKept = settingOf(context, 'keepdims', { schema: flag, otherwise: false })
  const mean = addLayer(context, { operator: 'GlobalAveragePool', attributes: {} }, { values: [x] })
  return isKept ? mean : reshaped(context, mean, [channels])
}

/** The windows of a convolution or pooling and their attributes. */
function windowOf(context: LayerContext, size: 'kernel_size' | 'pool_size') {
  const { sides } = imageOf(context)
  const pair = (name: string, otherwise: number[]) => {
    const found = settingOf(context, name, { schema: sidesSchema, otherwise })
    if (found.length === 2) return found as unknown as Pair
    throw refuseLayer(context, `${name} [${found.join(', ')}] is not of height and width`)
  }
  const kernel = pair(size, size === 'pool_size' ? [2, 2] : [])
  const stride = pair('strides', size === 'pool_size' ? [...kernel] : [1, 1])
  const dilation = pair('dilation_rate', [1, 1])
  const padding = settingOf(context, 'padding', {
    schema: z.string().max(100),
    otherwise: 'valid',
  })
  if (padding !== 'valid' && padding !== 'same') {
    throw refuseLayer(context, `padding ${padding} is not supported; use valid or same`)
  }
  const [down, across] = axes.map((axis) => {
    const window = spanOf(kernel[axis], dilation[axis])
    if (padding === 'same') return samePad(sides[axis], { window, stride: stride[axis] })
    return { before: 0, count: Math.floor((sides[axis] - window) / stride[axis]) + 1 }
  }) as [ReturnType<typeof samePad>, ReturnType<typeof samePad>]
  const attributes = attributesOfFile(sides, {
    kernel,
    stride,
    dilation,
    before: [down.before, across.before],
    counts: [down.count, across.count],
  })
  const reason = reasonOfSize(size === 'pool_size' ? { ...attributes, side: kernel } : attributes)
  if (reason !== undefined) throw refuseLayer(context, reason)
  return { kernel, attributes }
}

const axis = z.union([z.int().transform((one) => [one]), z.array(z.int()).max(4)])
const small = z.number().positive().max(1)
const share = z.number().min(0).max(1)

/** Normalizes the last axis: channels of images, or vectors as images of one place. */
export const batchNormalization: LayerHandler = (context) => {
  const x = inputOf(context)
  const [channels = 0, ...rest] = x.shape
  expectLastAxis(context, rest.length === 0 ? 1 : 3)
  const epsilon = settingOf(context, 'epsilon', { schema: small, otherwise: 1e-3 })
  const keep = settingOf(context, 'momentum', { schema: share, otherwise: 0.99 })
  const figures = scalesOf(context, x)
  const mean = turnRows(context, context.weightOf('moving_mean', [channels]), x.turned)
  const variance = turnRows(context, context.weightOf('moving_variance', [channels]), x.turned)
  if (!variance.values.every((value) => value >= 0)) {
    throw refuseLayer(context, 'a moving variance is negative', 'TFJS_INVALID')
  }
  const image = rest.length === 0 ? reshaped(context, x, [channels, 1, 1]) : x
  const weights = [...figures, evenOf(mean, 'zeros'), evenOf(variance, 'ones')]
  const draft = { operator: 'BatchNormalization' as const, attributes: { epsilon, keep } }
  const y = addLayer(context, draft, { values: [image], weights })
  return { ...reshaped(context, y, x.shape), turned: x.turned }
}

export const layerNormalization: LayerHandler = (context) => {
  const x = inputOf(context)
  if (x.shape.length !== 1) throw refuseLayer(context, 'only vectors can be normalized')
  expectLastAxis(context, 1)
  const epsilon = settingOf(context, 'epsilon', { schema: small, otherwise: 1e-3 })
  const y = addLayer(
    context,
    { operator: 'LayerNormalization', attributes: { epsilon } },
    { values: [x], weights: scalesOf(context, x) },
  )
  return { ...y, turned: x.turned }
}

function expectLastAxis(context: LayerContext, last: number): void {
  const found = settingOf(context, 'axis', { schema: axis, otherwise: [-1] })
  if (found.length === 1 && (found[0] === -1 || found[0] === last)) return
  throw refuseLayer(context, `axis [${found.join(', ')}] is not supported, only the last`)
}

/** Gain and bias of a normalization; one that the layer leaves out is there as ones or zeros. */
function scalesOf(context: LayerContext, x: Placed) {
  const shape = [x.shape[0] as number]
  const stands = (name: string) => settingOf(context, name, { schema: flag, otherwise: true })
  const even = (part: string, value: number): Stored => {
    const values = context.copyOf({ length: shape[0] as number }).fill(value)
    return { name: `${context.layer.name}/${part}`, shape, values }
  }
  const gain = stands('scale') ? context.weightOf('gamma', shape) : even('gamma', 1)
  const bias = stands('center') ? context.weightOf('beta', shape) : even('beta', 0)
  const turn = (stored: Stored) => turnRows(context, stored, x.turned)
  return [evenOf(turn(gain), 'ones'), evenOf(turn(bias), 'zeros')]
}
