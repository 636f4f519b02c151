import { AppError } from '#base/error.ts'
import type { Shape } from '../graph/graph.ts'
import type { Assembly, NodeDraft, Operands, RowValue, Weights } from './assembly.ts'
import { modelError } from './fault.ts'
import type { OnnxNode } from './onnx-file.ts'

/** What a name of the file stands for: a value of the graph, weights, or a list such as a shape. */
export type Known = RowValue | FloatConstant | IntegerConstant
export interface FloatConstant {
  readonly kind: 'floats'
  readonly name: string
  readonly shape: Shape
  readonly values: Float32Array
}
export interface IntegerConstant {
  readonly kind: 'integers'
  readonly shape: Shape
  /** `rows` is the size of the batch, which no graph fixes. */
  readonly values: readonly (number | 'rows')[]
}

/** One node of the file while it is taken over. */
export interface NodeContext {
  readonly node: OnnxNode
  readonly file: string
  /** The batch size that the file names, if it names one. */
  readonly rows: number | undefined
  /** How often the file reads a value. */
  readonly usesOf: (name: string) => number
  readonly assembly: Assembly
  readonly input: (index: number) => Known | undefined
  /** Room for as many values; ONNX_TOO_LARGE where the file asks for more copies than a model may have parameters. */
  readonly copyOf: (values: Float32Array) => Float32Array
}

/** An operator of the file becomes what its first output stands for. */
export type Handler = (context: NodeContext) => Known

/** Refuses a node with its name and operator. */
export function refuseNode(
  { node, file }: Pick<NodeContext, 'node' | 'file'>,
  text: string,
  code = 'ONNX_UNSUPPORTED',
): AppError {
  return modelError(code, { file, node: node.name, operator: node.operator }, text)
}

/** An input that is computed from x. */
export function valueAt(context: NodeContext, index: number): RowValue {
  const found = context.input(index)
  if (found?.kind === 'value') return found
  throw refuseNode(
    context,
    `its input ${index} is a constant where a value of the graph is expected`,
  )
}

/** An input that is stored in the file; undefined where the node leaves it out. */
export function constantAt(context: NodeContext, index: number): FloatConstant | undefined {
  const found = context.input(index)
  if (found === undefined || found.kind === 'floats') return found
  const text = `its input ${index} (${context.node.inputs[index]}) is computed; only stored weights can be trained there`
  throw refuseNode(context, text)
}

/** A stored input that the operator cannot do without. */
export function weightAt(context: NodeContext, index: number): FloatConstant {
  const found = constantAt(context, index)
  if (found) return found
  throw refuseNode(context, `its input ${index} is missing`, 'ONNX_INVALID')
}

/** Integers of an input such as a shape; `rows` among them is the batch. */
export function listAt(context: NodeContext, index: number): IntegerConstant | undefined {
  const found = context.input(index)
  if (found === undefined || found.kind === 'integers') return found
  throw refuseNode(context, `its input ${index} is no stored list of integers`)
}

/** An integer attribute. */
export function integerOf({ node }: NodeContext, name: string, otherwise: number): number {
  return node.attributes.get(name)?.integers?.[0] ?? otherwise
}

/** A list attribute. */
export function listOf({ node }: NodeContext, name: string): readonly number[] | undefined {
  return node.attributes.get(name)?.integers
}

/** Throws unless an attribute has the only value that is supported. */
export function expectAttribute(context: NodeContext, name: string, wanted: number): void {
  const { integers, float } = context.node.attributes.get(name) ?? {}
  const found = integers?.[0] ?? float ?? wanted
  if (found !== wanted)
    throw refuseNode(context, `${name} = ${found} is not supported, only ${wanted}`)
}

/** Adds a node of ours, named after the output of the file's. */
export function addNode(
  context: NodeContext,
  draft: NodeDraft,
  operands: Omit<Operands, 'name'>,
): RowValue {
  const { node, assembly } = context
  try {
    return assembly.add(draft, { name: node.outputs[0] as string, ...operands })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SHAPE_MISMATCH') throw error
    const shapes = [
      ...operands.values.map(({ shape }) => `rows of [${shape.join(', ')}]`),
      ...(operands.weights ?? []).map(({ shape }) => `[${shape.join(', ')}]`),
    ]
    throw refuseNode(
      context,
      `its inputs do not fit together: ${shapes.join(' and ')}`,
      'ONNX_SHAPE',
    )
  }
}

/** Weights that begin as normals when they begin from a seed. */
export function weightsOf({ name, shape, values }: FloatConstant, fanIn: number): Weights {
  return { name, shape, values, initial: { kind: 'normal', gain: 1, fanIn } }
}

/** Biases, which begin as zeros. */
export function biasOf({ name, values }: FloatConstant): Weights {
  return { name, shape: [values.length], values, initial: { kind: 'zeros' } }
}
