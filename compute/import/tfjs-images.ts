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
import { evenPad, samePad } from './windows.ts'

const axes = [0, 1] as const

/** A kernel [k, k, in, out] becomes [out, in, k, k]; a stride is taken by a pooling of 1 x 1 behind it. */
export const conv: LayerHandler = (context) => {
  expectChannelsLast(context)
  const { x, channels } = imageOf(context)
  const count = z.int().min(1).max(1_048_576)
  const filters = settingOf(context, 'filters', { schema: count, otherwise: 0 })
  const groups = settingOf(context, 'groups', { schema: count, otherwise: 1 })
  if (groups !== 1) throw refuseLayer(context, `groups = ${groups} is not supported, only 1`)
  const { kh, kw, stride, pad } = windowOf(context, 'kernel_size')
  if (kh !== kw) throw refuseLayer(context, 'windows must have equal sides, such as 3 x 3')
  const stored = context.weightOf('kernel', [kh, kw, channels, filters])
  const y = addLayer(
    context,
    { operator: 'Conv', attributes: { pad } },
    {
      values: [x],
      weights: [
        normalOf(turnKernel(context, stored), channels * kh * kw),
        ...biasOf(context, filters),
      ],
    },
  )
  if (stride === 1) return activated(context, y)
  const attributes = { kh: 1, kw: 1, stride, pad: 0 }
  const options = { values: [y], name: `${context.layer.name}/stride` }
  return activated(context, addLayer(context, { operator: 'MaxPool', attributes }, options))
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
  const attributes = windowOf(context, 'pool_size')
  return addLayer(context, { operator, attributes }, { values: [x] })
}

export const globalAveragePool: LayerHandler = (context) => {
  expectChannelsLast(context)
  const { x, channels } = imageOf(context)
  const isKept = settingOf(context, 'keepdims', { schema: flag, otherwise: false })
  const mean = addLayer(context, { operator: 'GlobalAveragePool', attributes: {} }, { values: [x] })
  return isKept ? mean : reshaped(context, mean, [channels])
}

/** The window of a convolution or pooling: one stride and one padding for all sides. */
function windowOf(context: LayerContext, size: 'kernel_size' | 'pool_size') {
  const { sides } = imageOf(context)
  const isPool = size === 'pool_size'
  const pair = (name: string, otherwise: number[]) =>
    settingOf(context, name, { schema: sidesSchema, otherwise })
  const kernel = pair(size, isPool ? [2, 2] : [])
  const strides = pair('strides', isPool ? kernel : [1, 1])
  const dilations = pair('dilation_rate', [1, 1])
  const [kh = 0, kw = 0] = kernel
  const [stride = 1] = strides
  const isPlain = kernel.length === 2 && strides.every((one) => one === stride)
  if (!isPlain || dilations.some((one) => one !== 1)) {
    const text = `a window of [${kernel.join(', ')}] with strides [${strides.join(', ')}] and dilations [${dilations.join(', ')}] is not supported; use one stride and no dilation`
    throw refuseLayer(context, text)
  }
  const padding = settingOf(context, 'padding', {
    schema: z.string().max(100),
    otherwise: 'valid',
  })
  if (padding !== 'valid' && padding !== 'same') {
    throw refuseLayer(context, `padding ${padding} is not supported; use valid or same`)
  }
  const placed = axes.map((axis) => {
    const [side, window] = [sides[axis], axis === 0 ? kh : kw]
    if (padding === 'same') return samePad(side, { window, stride })
    return { before: 0, count: Math.floor((side - window) / stride) + 1 }
  }) as [ReturnType<typeof samePad>, ReturnType<typeof samePad>]
  const [down, across] = placed
  const pad = evenPad(sides, {
    kernel: [kh, kw],
    stride,
    before: [down.before, across.before],
    counts: [down.count, across.count],
  })
  if (pad !== undefined) return { kh, kw, stride, pad }
  const text = `the padding "same" is not even on images of ${sides.join(' x ')}; use "valid", or sides that fit`
  throw refuseLayer(context, text)
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
