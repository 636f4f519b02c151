import { createAssembly } from './assembly.ts'
import { modelError } from './fault.ts'
import { type Fail, type ImportedModel, createCopies, finishModel } from './imported-model.ts'
import { type Handler, type Known, type NodeContext, refuseNode } from './onnx-context.ts'
import { endOf } from './onnx-end.ts'
import { type OnnxModel, type OnnxNode, decodeOnnx } from './onnx-file.ts'
import {
  averagePool,
  batchNormalization,
  conv,
  globalAveragePool,
  maxPool,
  reduceMean,
} from './onnx-images.ts'
import {
  add,
  cast,
  flatten,
  gelu,
  gemm,
  identity,
  layerNormalization,
  matMul,
  relu,
  reshape,
  transpose,
} from './onnx-layers.ts'
import { concat, constant, gather, knownOf, shapeOf, unsqueeze } from './onnx-lists.ts'
import { instead } from './onnx-advice.ts'
import { importSequences } from './sequences/import.ts'

/** Operators of ONNX that become ours, or fold into what does. */
const handlers: Readonly<Record<string, Handler>> = {
  Add: add,
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Cast: cast,
  Concat: concat,
  Constant: constant,
  Conv: conv,
  Dropout: identity,
  Flatten: flatten,
  Gather: gather,
  Gelu: gelu,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  Identity: identity,
  LayerNormalization: layerNormalization,
  MatMul: matMul,
  MaxPool: maxPool,
  ReduceMean: reduceMean,
  Relu: relu,
  Reshape: reshape,
  Shape: shapeOf,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
}

/** Element types of tokens: int32 and int64. */
const integerTypes: readonly number[] = [6, 7]

/**
 * Turns an ONNX forward model with static shapes, as PyTorch's exporter writes it, into a trainable graph with its
 * weights; with an input of integers it is a decoder over tokens. Throws ONNX_* with the file and the byte, or the node's name and operator: ONNX_UNSUPPORTED says what to
 * use instead, ONNX_DYNAMIC which side is not fixed, ONNX_SHAPE what does not fit, ONNX_ORDER which input no node
 * before gives (a cycle, or nodes out of order).
 */
export function importOnnx(bytes: Uint8Array, file: string): ImportedModel {
  const onnx = decodeOnnx(bytes, file)
  if (integerTypes.includes(onnx.inputs[0]?.type ?? 0)) return importSequences(onnx, file)
  const { input, rows, shape } = inputOf(onnx, file)
  const assembly = createAssembly(shape)
  const known = new Map<string, Known>([[input.name, assembly.input]])
  for (const [name, tensor] of onnx.tensors) known.set(name, knownOf(tensor))
  const { nodes, output, notes } = endOf(onnx, file)
  const uses = usesOf(nodes, output)
  const copyOf = createCopies((kind, text) => {
    return modelError(`ONNX_${kind}`, { file, byte: 0 }, text)
  })
  for (const node of nodes) {
    const operands = { file, rows, assembly, copyOf, usesOf: (name: string) => uses.get(name) ?? 0 }
    const context: NodeContext = {
      ...operands,
      node,
      input: (index) => inputAt(known, node, { index, file }),
    }
    const handler = Object.hasOwn(handlers, node.operator) ? handlers[node.operator] : undefined
    if (!handler) throw refuseNode(context, instead(node.operator, Object.keys(handlers)))
    const [first = ''] = node.outputs
    if (known.has(first)) throw refuseNode(context, `${first} is given twice`, 'ONNX_INVALID')
    known.set(first, handler(context))
  }
  const fail: Fail = (kind, text) => modelError(`ONNX_${kind}`, { file, node: output }, text)
  const last = known.get(output)
  return { ...finishModel(assembly, last, fail), inputShape: shape, notes }
}

function inputAt(
  known: ReadonlyMap<string, Known>,
  node: OnnxNode,
  { index, file }: { index: number; file: string },
): Known | undefined {
  const name = node.inputs[index] ?? ''
  if (name === '') return undefined
  const found = known.get(name)
  if (found) return found
  const text = `nothing before it gives its input ${name}: the graph has a cycle or is out of order`
  throw refuseNode({ node, file }, text, 'ONNX_ORDER')
}

const rankMax = 4
const sideMax = 16_384

/** The one input of the model: its batch size, where it names one, and the shape of a row. */
function inputOf({ inputs }: OnnxModel, file: string) {
  const [input, other] = inputs
  if (!input || other) {
    const names = inputs.map(({ name }) => name).join(', ')
    throw modelError(
      'ONNX_UNSUPPORTED',
      { file, byte: 0 },
      `it has the inputs [${names}] instead of one`,
    )
  }
  const fail = (code: string, text: string) => modelError(code, { file, node: input.name }, text)
  if (input.type !== 1) throw fail('ONNX_TYPE', 'the input must be float32, or integers for tokens')
  const [first, ...rest] = input.shape ?? []
  if (first === undefined || rest.length === 0 || rest.length >= rankMax) {
    throw fail(
      'ONNX_SHAPE',
      'the input must have the shape [batch, features] or [batch, channels, height, width]',
    )
  }
  const shape = rest.map((side) => {
    if (typeof side === 'number' && side > 0 && side <= sideMax) return side
    throw fail(
      'ONNX_DYNAMIC',
      `its side "${side}" is not fixed; export with static shapes (the batch alone may be dynamic)`,
    )
  })
  return { input, rows: typeof first === 'number' ? first : undefined, shape }
}

function usesOf(nodes: readonly OnnxNode[], output: string): ReadonlyMap<string, number> {
  const uses = new Map([[output, 1]])
  for (const { inputs } of nodes) {
    for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1)
  }
  return uses
}
