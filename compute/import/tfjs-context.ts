import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { type Shape, sizeOf } from '../graph/graph.ts'
import type { Assembly, NodeDraft, Operands, RowValue, Weights } from './assembly.ts'
import { modelError } from './fault.ts'
import type { TfjsLayer } from './tfjs-file.ts'

/** Weights as the file has them. */
export interface Stored {
  readonly name: string
  readonly shape: Shape
  readonly values: Float32Array<ArrayBuffer>
}

/**
 * A value in our order, channels first. `turned` is the image [c, h, w] that it was flattened from where tfjs, channels
 * last, has its features in another order.
 */
export interface Placed extends RowValue {
  readonly turned?: Shape
}

/** One layer while it is taken over. */
export interface LayerContext {
  readonly layer: TfjsLayer
  readonly file: string
  readonly assembly: Assembly
  /** Whether nothing comes behind it. */
  readonly isLast: boolean
  readonly inputs: readonly Placed[]
  /** A part of the layer's weights in a shape, as a copy. Throws TFJS_INVALID or TFJS_SHAPE. */
  readonly weightOf: (part: string, shape: Shape) => Stored
  readonly copyOf: (values: { readonly length: number }) => Float32Array<ArrayBuffer>
  readonly note: (text: string) => void
}

export type LayerHandler = (context: LayerContext) => Placed

/** Refuses a layer with its name and kind. */
export function refuseLayer(
  { layer, file }: Pick<LayerContext, 'layer' | 'file'>,
  text: string,
  code = 'TFJS_UNSUPPORTED',
): AppError {
  return modelError(code, { file, node: layer.name, operator: layer.operator }, text)
}

/** A setting of the layer, `otherwise` where it is absent or null. Throws TFJS_INVALID. */
export function settingOf<Output>(
  context: Pick<LayerContext, 'layer' | 'file'>,
  name: string,
  { schema, otherwise }: { schema: z.ZodType<Output>; otherwise: NoInfer<Output> },
): Output {
  const { config } = context.layer
  const value = Object.hasOwn(config, name) ? (config[name] ?? undefined) : undefined
  if (value === undefined) return otherwise
  const found = schema.safeParse(value)
  if (found.success) return found.data
  const text = `its ${name} is not valid: ${found.error.issues[0]?.message}`
  throw refuseLayer(context, text, 'TFJS_INVALID')
}

export const flag = z.boolean()
const side = z.int().min(1).max(16_384)
export const sides = z.union([side.transform((one) => [one, one]), z.array(side).max(3)])

/** The one input of a layer. Throws TFJS_UNSUPPORTED. */
export function inputOf(context: LayerContext): Placed {
  const [input, other] = context.inputs
  if (input && !other) return input
  throw refuseLayer(context, `it takes ${context.inputs.length} inputs instead of one`)
}

/** An input that is an image [channels, height, width]. Throws TFJS_SHAPE, TFJS_UNSUPPORTED. */
export function imageOf(context: LayerContext): {
  x: Placed
  channels: number
  sides: readonly [number, number]
} {
  const x = inputOf(context)
  const [channels, height, width] = x.shape
  if (x.turned) throw refuseLayer(context, 'its input is a flattened image; use Dense')
  if (channels !== undefined && height !== undefined && width !== undefined) {
    return { x, channels, sides: [height, width] }
  }
  throw refuseLayer(context, `rows of [${x.shape.join(', ')}] are no images`, 'TFJS_SHAPE')
}

/** Adds a node of ours, named after the layer. */
export function addLayer(
  context: LayerContext,
  draft: NodeDraft,
  operands: Omit<Operands, 'name'> & { readonly name?: string },
): Placed {
  const { layer, assembly } = context
  try {
    return assembly.add(draft, { name: layer.name, ...operands })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SHAPE_MISMATCH') throw error
    const shapes = operands.values.map(({ shape }) => `rows of [${shape.join(', ')}]`)
    throw refuseLayer(context, `it does not fit ${shapes.join(' and ')}`, 'TFJS_SHAPE')
  }
}

/** Each row in another shape; the order of its values stays. */
export function reshaped(context: LayerContext, x: Placed, shape: Shape): Placed {
  if (shape.join() === x.shape.join()) return x
  const attributes = { shape: [...shape] }
  return addLayer(context, { operator: 'Reshape', attributes }, { values: [x] })
}

/** An image as a vector, with the order that tfjs gives it. */
export function flattened(context: LayerContext, x: Placed): Placed {
  if (x.shape.length === 1) return x
  const [channels = 1, height = 1, width = 1] = x.shape
  const isSameOrder = channels === 1 || height * width === 1
  const turned = x.turned ?? (isSameOrder ? undefined : x.shape)
  return { ...reshaped(context, x, [sizeOf(x.shape)]), turned }
}

/** Rows of weights, one for each feature of a vector, in our order. */
export function turnRows(
  context: Pick<LayerContext, 'copyOf'>,
  stored: Stored,
  turned: Shape | undefined,
): Stored {
  if (turned === undefined) return stored
  const [channels = 0, height = 0, width = 0] = turned
  const area = height * width
  const rowLength = stored.values.length / (channels * area)
  const values = context.copyOf(stored.values)
  for (let place = 0; place < area; place += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const from = (place * channels + channel) * rowLength
      values.set(
        stored.values.subarray(from, from + rowLength),
        (channel * area + place) * rowLength,
      )
    }
  }
  return { ...stored, values }
}

/** Weights that begin as normals when they begin from a seed. */
export function normalOf({ name, shape, values }: Stored, fanIn: number): Weights {
  return { name, shape, values, initial: { kind: 'normal', gain: 1, fanIn } }
}

/** Weights that begin as zeros, or ones. */
export function evenOf({ name, shape, values }: Stored, kind: 'zeros' | 'ones'): Weights {
  return { name, shape, values, initial: { kind } }
}
