import { z } from 'zod'
import { isSameShape, sizeOf } from '../graph/graph.ts'
import {
  type LayerContext,
  type LayerHandler,
  type Placed,
  addLayer,
  evenOf,
  flag,
  flattened,
  inputOf,
  normalOf,
  refuseLayer,
  reshaped,
  settingOf,
  turnRows,
} from './tfjs-context.ts'
import { insteadOfActivation } from './tfjs-advice.ts'

const word = z.string().max(100)

/** The activation that stands in a layer's settings, behind a value. */
export function activated(context: LayerContext, x: Placed): Placed {
  const name = settingOf(context, 'activation', { schema: word, otherwise: 'linear' })
  const options = { values: [x], name: `${context.layer.name}/${name}` }
  const { turned } = x
  if (name === 'linear') return x
  if (name === 'relu') {
    return { ...addLayer(context, { operator: 'Relu', attributes: {} }, options), turned }
  }
  if (name === 'gelu_new') {
    return { ...addLayer(context, { operator: 'Gelu', attributes: {} }, options), turned }
  }
  if (name === 'softmax' && context.isLast) {
    context.note('the softmax at the end is part of the loss')
    return x
  }
  throw refuseLayer(context, insteadOfActivation(name))
}

export const activation: LayerHandler = (context) => activated(context, inputOf(context))

/** A ReLU without a slope, threshold or end. */
export const relu: LayerHandler = (context) => {
  for (const name of ['max_value', 'negative_slope', 'threshold']) {
    const value = settingOf(context, name, { schema: z.number(), otherwise: 0 })
    if (value !== 0) throw refuseLayer(context, `its ${name} of ${value} is not supported`)
  }
  const x = inputOf(context)
  const y = addLayer(context, { operator: 'Relu', attributes: {} }, { values: [x] })
  return { ...y, turned: x.turned }
}

export const softmax: LayerHandler = (context) => {
  if (!context.isLast) throw refuseLayer(context, insteadOfActivation('softmax'))
  context.note('the softmax at the end is part of the loss')
  return inputOf(context)
}

export const dropout: LayerHandler = (context) => {
  context.note(`${context.layer.operator} is left out`)
  return inputOf(context)
}

/**
 * Rows and targets are scaled by what the data say, pixels to 0 to 1, so that such a layer has nothing left to do at
 * the ends.
 */
export const rescaling: LayerHandler = (context) => {
  const x = inputOf(context)
  const isFirst = x.name === context.assembly.input.name
  if (!isFirst && !context.isLast) throw refuseLayer(context, 'it is only supported at the ends')
  const offset = settingOf(context, 'offset', { schema: z.number(), otherwise: 0 })
  if (isFirst && offset !== 0) {
    throw refuseLayer(context, `an offset of ${offset} is not supported: pixels are 0 to 1`)
  }
  context.note('Rescaling is left out: rows and targets are scaled as the data say')
  return x
}

/** x W + b over vectors; rows of W behind a Flatten are turned. */
export const dense: LayerHandler = (context) => {
  const x = inputOf(context)
  const [features = 0, ...rest] = x.shape
  if (rest.length > 0) {
    throw refuseLayer(context, 'its input is an image; put Flatten before it', 'TFJS_SHAPE')
  }
  const units = settingOf(context, 'units', {
    schema: z.int().min(1).max(1_048_576),
    otherwise: 0,
  })
  const kernel = turnRows(context, context.weightOf('kernel', [features, units]), x.turned)
  const y = addLayer(
    context,
    { operator: 'Gemm', attributes: {} },
    { values: [x], weights: [normalOf(kernel, features), ...biasOf(context, units)] },
  )
  return activated(context, y)
}

/** The bias of a layer that has one. */
export function biasOf(context: LayerContext, units: number) {
  const hasBias = settingOf(context, 'use_bias', { schema: flag, otherwise: true })
  return hasBias ? [evenOf(context.weightOf('bias', [units]), 'zeros')] : []
}

export const flatten: LayerHandler = (context) => {
  expectChannelsLast(context)
  const x = inputOf(context)
  return flattened(context, x)
}

/** Refuses images with channels first, which nobody but us has. */
export function expectChannelsLast(context: LayerContext): void {
  const format = settingOf(context, 'data_format', { schema: word, otherwise: 'channels_last' })
  if (format === 'channels_last' || format === 'channelsLast') return
  throw refuseLayer(context, `data_format ${format} is not supported, only channels_last`)
}

const target = z.array(z.int().min(-1).max(1_048_576)).min(1).max(3)

/** A vector becomes an image again, or an image a vector. */
export const reshape: LayerHandler = (context) => {
  const x = inputOf(context)
  const wanted = settingOf(context, 'target_shape', { schema: target, otherwise: [-1] })
  const known = wanted.filter((side) => side > 0)
  const size = sizeOf(x.shape)
  const shape = wanted.map((side) => (side === -1 ? size / sizeOf(known) : side))
  if (sizeOf(shape) !== size || !shape.every((side) => Number.isInteger(side) && side > 0)) {
    const text = `rows of ${size} values cannot become [${wanted.join(', ')}]`
    throw refuseLayer(context, text, 'TFJS_SHAPE')
  }
  if (shape.length === 1) return flattened(context, x)
  const [height = 1, width = 1, channels = 1] = shape
  const image = [channels, height, width]
  if (isSameShape(image, x.shape)) return x
  const isVector = x.shape.length === 1
  const isRestored = x.turned !== undefined && isSameShape(image, x.turned)
  const isPlain = x.turned === undefined && channels === 1
  if (isVector && (isRestored || isPlain)) return reshaped(context, x, image)
  if (isVector && height * width === 1) {
    return { ...reshaped(context, x, image), turned: x.turned }
  }
  throw refuseLayer(context, 'it would mix channels and places; put Flatten and Dense there')
}

/** A residual sum of two values. */
export const add: LayerHandler = (context) => {
  const [a, b, ...rest] = context.inputs
  if (!a || !b || rest.length > 0 || String(a.turned) !== String(b.turned)) {
    throw refuseLayer(context, 'only sums of two values in the same order are supported')
  }
  const sum = addLayer(context, { operator: 'Add', attributes: {} }, { values: [a, b] })
  return { ...sum, turned: a.turned }
}
