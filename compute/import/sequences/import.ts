import { limits } from '#wire/limits.ts'
import { createAssembly } from '../assembly.ts'
import { modelError } from '../fault.ts'
import { type Fail, type ImportedModel, createCopies, finishModel } from '../imported-model.ts'
import { instead } from '../onnx-advice.ts'
import { endOf } from '../onnx-end.ts'
import type { OnnxModel, OnnxNode } from '../onnx-file.ts'
import { type Course, type Handler, type Item, type NodeContext, itemAt, refuse } from './item.ts'
import { constantOf, folds, neededInputs } from './constants.ts'
import { viewAt } from './settle.ts'
import {
  cast,
  concat,
  expand,
  flatten,
  identity,
  reshape,
  shapeOfItem,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
  where,
} from './shapes.ts'
import {
  add,
  divide,
  gather,
  gelu,
  gemm,
  layerNormalization,
  matMul,
  mean,
  multiply,
  negate,
  part,
  power,
  relu,
  subtract,
} from './values.ts'
import { matrixOf } from './view.ts'

/** A number, a list or a tensor. */
const constant: Handler = (context) => {
  const { attributes, outputs } = context.node
  const name = outputs[0] as string
  const tensor = attributes.get('value')?.tensor
  if (tensor) return { ...constantOf(tensor), name }
  const float = attributes.get('value_float')?.float
  if (float !== undefined)
    return { kind: 'constant', name, shape: [], values: [float], isInteger: false }
  const values = attributes.get('value_ints')?.integers ?? attributes.get('value_int')?.integers
  if (!values) throw refuse(context, 'only tensors, numbers and lists of integers are supported')
  const shape = attributes.has('value_int') ? [] : [values.length]
  return { kind: 'constant', name, shape, values, isInteger: true }
}

/** Operators that become ours, or parts of what does. */
const handlers: Readonly<Record<string, Handler>> = {
  Add: add,
  Cast: cast,
  Concat: concat,
  Constant: constant,
  Div: divide,
  Dropout: identity,
  Erf: part,
  Expand: expand,
  Flatten: flatten,
  Gather: gather,
  Gelu: gelu,
  Gemm: gemm,
  Identity: identity,
  IsNaN: part,
  LayerNormalization: layerNormalization,
  MatMul: matMul,
  Mul: multiply,
  Neg: negate,
  Pow: power,
  Reciprocal: part,
  ReduceMean: mean,
  Relu: relu,
  Reshape: reshape,
  Shape: shapeOfItem,
  Sigmoid: part,
  Slice: slice,
  Softmax: part,
  Split: split,
  Sqrt: part,
  Squeeze: squeeze,
  Sub: subtract,
  Tanh: part,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Where: where,
}

/** Stands for a batch that is left open: a prime beyond every side, so that no reshape mixes rows unseen. */
const openBatch = 2_097_143
const constantsMax = 2 ** 26 // elements, over all nodes

/**
 * A decoder as PyTorch's exporter writes it: tokens [batch, context] -> logits [batch, context, vocabulary]. Shapes,
 * masks and tables are computed, what is spelled out in single operators becomes the engine's own: attention, norms,
 * GELU, SiLU, rotary positions. Throws the codes of `importOnnx`.
 */
export function importSequences(onnx: OnnxModel, file: string): ImportedModel {
  const { batch, context } = sidesOf(onnx, file)
  const { nodes, output, notes } = endOf(onnx, file)
  const copyOf = createCopies((kind, text) => modelError(`ONNX_${kind}`, { file, byte: 0 }, text))
  const course: Course = {
    file,
    batch,
    context,
    copyOf,
    assembly: createAssembly([context], { ofTokens: true }),
    notes: new Set(notes),
    spend: createBudget(),
    cuts: new Map(),
  }
  const shape = [batch, context]
  const known = new Map<string, Item>([[onnx.inputs[0]?.name ?? '', { kind: 'tokens', shape }]])
  for (const [name, tensor] of onnx.tensors) known.set(name, constantOf(tensor))
  for (const node of nodes) readNode(node, { known, course })
  const fail: Fail = (kind, text) => modelError(`ONNX_${kind}`, { file, node: output }, text)
  const last = known.get(output)
  const lastNode = nodes.find(({ outputs }) => outputs.includes(output))
  if (!last || last.kind === 'constant' || !lastNode) {
    throw fail('INVALID', 'the output is not computed from the input')
  }
  const end: NodeContext = { node: lastNode, course, inputs: [last] }
  const logits = matrixOf(end, viewAt(end, 0))
  const finished = finishModel(course.assembly, logits, fail, { context })
  return { ...finished, inputShape: [context], notes: [...course.notes] }
}

/** The file's batch and how many tokens a row has. */
function sidesOf({ inputs }: OnnxModel, file: string) {
  const [input, other] = inputs
  const names = inputs.map(({ name }) => name).join(', ')
  if (!input || other) {
    const text = `it has the inputs [${names}]; export with the tokens alone, as one sequence without padding`
    throw modelError('ONNX_UNSUPPORTED', { file, byte: 0 }, text)
  }
  const [batch = 0, context, ...rest] = input.shape ?? []
  const fail = (code: string, text: string) => modelError(code, { file, node: input.name }, text)
  if (context === undefined || rest.length > 0) {
    throw fail('ONNX_SHAPE', 'tokens must have the shape [batch, context]')
  }
  if (typeof context !== 'number' || context < 2 || context > 16_384) {
    const text = `its side "${context}" is no fixed context of 2 or more; export with static shapes (the batch alone may be dynamic)`
    throw fail('ONNX_DYNAMIC', text)
  }
  const isOpen = typeof batch !== 'number' || batch < 1 || batch > limits.rowsMax
  return { batch: isOpen ? openBatch : batch, context }
}

function createBudget(): Course['spend'] {
  let spent = 0
  return (context, size) => {
    spent += size
    if (spent <= constantsMax) return
    throw refuse(context, `constants of more than ${constantsMax} values`, 'ONNX_TOO_LARGE')
  }
}

function readNode(
  node: OnnxNode,
  { known, course }: { known: Map<string, Item>; course: Course },
): void {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : known.get(name)))
  const context: NodeContext = { node, course, inputs }
  for (const [i, name] of node.inputs.entries()) {
    if (name === '' || inputs[i]) continue
    const text = `nothing before it gives its input ${name}: the graph has a cycle or is out of order`
    throw refuse(context, text, 'ONNX_ORDER')
  }
  const made = [read(context)].flat() as readonly Item[]
  for (const [i, item] of made.entries()) {
    const name = node.outputs[i] ?? ''
    if (name === '') continue
    if (known.has(name)) throw refuse(context, `${name} is given twice`, 'ONNX_INVALID')
    known.set(name, item)
  }
}

function read(context: NodeContext): Item | readonly Item[] {
  const { node, inputs } = context
  const { operator } = node
  const given = inputs.filter((item) => item !== undefined)
  const isKnown = given.length > 0 && given.every((item) => item.kind === 'constant')
  if (isKnown && Object.hasOwn(folds, operator)) {
    for (let i = 0; i < neededInputs(operator); i += 1) itemAt(context, i)
    return (folds[operator] as (typeof folds)[string])(context, given)
  }
  const handler = Object.hasOwn(handlers, operator) ? handlers[operator] : undefined
  if (handler) return handler(context)
  throw refuse(context, instead(operator, Object.keys(handlers)))
}
