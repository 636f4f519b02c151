import { AppError } from '#base/error.ts'
import { type Shape, sizeOf } from '#compute/graph/graph.ts'
import type { Assembly, NodeDraft, Operands, RowValue, Weights } from '../assembly.ts'
import { modelError } from '../fault.ts'
import type { OnnxNode } from '../onnx-file.ts'

/** What a name of a decoder's file stands for. Shapes are those of the file, the batch included. */
export type Item = Tokens | Constant | View | Pending

export interface Tokens {
  readonly kind: 'tokens'
  readonly shape: Shape
}

/** Numbers that no input changes. */
export interface Constant {
  readonly kind: 'constant'
  /** Of the stored tensor that they come from. */
  readonly name: string
  readonly shape: Shape
  readonly values: ArrayLike<number>
  readonly isInteger: boolean
}

/** One run of places, `stride` elements apart; the batch has no stride in a row. */
export interface Atom {
  readonly size: number
  readonly stride: number
  readonly isBatch?: true
}

/** Elements of a value of the graph in another order: each axis runs over its atoms, the last one fastest. */
export interface View {
  readonly kind: 'view'
  readonly base: Base
  readonly axes: readonly (readonly Atom[])[]
  readonly offset: number
  /** What each element is multiplied by. */
  readonly factor: number
}

/** A matrix [context, width] of each row of the batch, which is put into the graph when it is taken. */
export interface Base {
  readonly width: number
  /** The matrix of some of its columns, of all in their order where none are named. Throws ONNX_*. */
  readonly take: (context: NodeContext, columns?: readonly number[]) => RowValue
  /** The same product with a bias; only where it has none yet. */
  readonly withBias?: (bias: Constant) => Base
  /** The same product without the bias that it has. */
  readonly withoutBias?: Base
}

/** A node that is only understood as a part of something larger. */
export interface Pending {
  readonly kind: 'pending'
  readonly node: OnnxNode
  readonly operator: string
  readonly inputs: readonly Item[]
  readonly shape: Shape
  /** Nodes of this kind on the longest way to something that is understood. */
  readonly depth: number
  /** Of a Concat. */
  readonly axis?: number
  /** What it became; undefined when it fits nothing by itself. */
  settled?: { readonly view: View | undefined }
}

/** What is true of the whole import. */
export interface Course {
  readonly file: string
  /** Rows that the file names; a prime beyond every side where it leaves them open. */
  readonly batch: number
  /** Tokens of a row. */
  readonly context: number
  readonly assembly: Assembly
  readonly copyOf: (values: { readonly length: number }) => Float32Array
  readonly notes: Set<string>
  /** Takes room for a constant. Throws ONNX_TOO_LARGE. */
  readonly spend: (context: NodeContext, size: number) => void
  /** Parameters that were cut from stored tensors. */
  readonly cuts: Map<ArrayLike<number>, Cuts>
  /** The table that tokens choose rows of. */
  embedding?: Constant
}

/** Which columns of a tensor became which parameters. */
export interface Cuts {
  readonly taken: Uint8Array
  readonly weightsOf: Map<string, Weights>
}

/** One node while it is read. */
export interface NodeContext {
  readonly node: OnnxNode
  readonly course: Course
  readonly inputs: readonly (Item | undefined)[]
}

export type Handler = (context: NodeContext) => Item | readonly Item[]

/** What a value is by itself; undefined where it is only a part of something. */
export type Settle = (context: NodeContext, item: Item) => View | undefined

/** Refuses a node with its name and operator. */
export function refuse(
  { node, course: { file } }: Pick<NodeContext, 'node' | 'course'>,
  text: string,
  code = 'ONNX_UNSUPPORTED',
): AppError {
  return modelError(code, { file, node: node.name, operator: node.operator }, text)
}

export function shapeOf(item: Item): Shape {
  if (item.kind !== 'view') return item.shape
  return item.axes.map((atoms) => sizeOf(atoms.map(({ size }) => size)))
}

/** An input that must be there. */
export function itemAt(context: NodeContext, index: number): Item {
  const item = context.inputs[index]
  if (item) return item
  throw refuse(context, `its input ${index} is missing`, 'ONNX_INVALID')
}

/** An input that is known before the model runs, such as a shape; undefined where it is left out. */
export function constantAt(context: NodeContext, index: number): Constant | undefined {
  const item = context.inputs[index]
  if (item === undefined || item.kind === 'constant') return item
  throw refuse(context, `its input ${index} (${context.node.inputs[index]}) must be a constant`)
}

/** Integers of an input, or of an attribute where older files have them; undefined where neither is there. */
export function listAt(
  context: NodeContext,
  index: number,
  attribute?: string,
): readonly number[] | undefined {
  const constant = constantAt(context, index)
  const found = constant
    ? Array.from(constant.values)
    : context.node.attributes.get(attribute ?? '')?.integers
  if (found === undefined || (found.length <= 64 && found.every(Number.isSafeInteger))) return found
  throw refuse(context, `its input ${index} is no list of integers`, 'ONNX_INVALID')
}

/** An axis counted from the front. Throws ONNX_INVALID. */
export function axisOf(context: NodeContext, axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis
  if (found >= 0 && found < rank) return found
  throw refuse(context, `the axis ${axis} of ${rank} is none`, 'ONNX_INVALID')
}

/** An integer attribute. */
export function integerOf({ node }: NodeContext, name: string, otherwise: number): number {
  return node.attributes.get(name)?.integers?.[0] ?? otherwise
}

/** Adds a node of ours; what it gives is named after the output of the file's. Throws ONNX_SHAPE. */
export function addNode(
  context: NodeContext,
  draft: NodeDraft,
  operands: Omit<Operands, 'name'> & { readonly name?: string },
): RowValue {
  const { node, course } = context
  try {
    return course.assembly.add(draft, { name: node.outputs[0] as string, ...operands })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SHAPE_MISMATCH') throw error
    const shapes = [...operands.values, ...(operands.weights ?? [])]
    const text = shapes.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')
    throw refuse(context, `its inputs do not fit together: ${text}`, 'ONNX_SHAPE')
  }
}

const depthMax = 200

/** A part of something larger. Throws ONNX_TOO_LARGE where nothing is understood for too long. */
export function pendingOf(
  context: NodeContext,
  inputs: readonly Item[],
  {
    shape,
    operator = context.node.operator,
    axis,
  }: { shape: Shape; operator?: string; axis?: number },
): Pending {
  const depths = inputs.map((item) => {
    return item.kind === 'pending' && item.settled?.view === undefined ? item.depth : 0
  })
  const depth = 1 + Math.max(0, ...depths)
  if (depth > depthMax) {
    throw refuse(context, `${depth} nodes before it fit nothing that is known`, 'ONNX_TOO_LARGE')
  }
  const { node } = context
  return {
    kind: 'pending',
    node,
    operator,
    inputs,
    shape,
    depth,
    ...(axis !== undefined && { axis }),
  }
}

/** The shape that two shapes are stretched to. Throws ONNX_SHAPE. */
export function broadcast(context: NodeContext, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const [left, right] = [a.at(i - rank) ?? 1, b.at(i - rank) ?? 1].map((side, j) => {
      const shape = j === 0 ? a : b
      return i - rank + shape.length < 0 ? 1 : side
    }) as [number, number]
    if (left === right || right === 1) return left
    if (left === 1) return right
    const text = `its inputs [${a.join(', ')}] and [${b.join(', ')}] do not fit together`
    throw refuse(context, text, 'ONNX_SHAPE')
  })
}
