import { sizeOf } from '../graph/graph.ts'
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

/** x W + b, whichever way W is stored. */
export const gemm: Handler = (context) => {
  for (const name of ['alpha', 'beta']) expectAttribute(context, name, 1)
  expectAttribute(context, 'transA', 0)
  const stored = matrixAt(context, 1)
  const weight = integerOf(context, 'transB', 0) === 1 ? turned(context, stored) : stored
  return dense(context, weight, constantAt(context, 2))
}

export const matMul: Handler = (context) => dense(context, matrixAt(context, 1), undefined)

function dense(context: NodeContext, weight: FloatConstant, bias: FloatConstant | undefined) {
  const x = valueAt(context, 0)
  const [fanIn = 0, width = 0] = weight.shape
  if (bias && bias.values.length !== width) {
    throw refuseNode(
      context,
      `a bias of ${bias.values.length} values for ${width} outputs`,
      'ONNX_SHAPE',
    )
  }
  return addNode(
    context,
    { operator: 'Gemm', attributes: {} },
    {
      values: [x],
      weights: [weightsOf(weight, fanIn), ...(bias ? [biasOf(bias)] : [])],
      isBiasMissing: bias === undefined,
    },
  )
}

function matrixAt(context: NodeContext, index: number): FloatConstant {
  const weight = weightAt(context, index)
  if (weight.shape.length === 2) return weight
  throw refuseNode(
    context,
    `its weights have the shape [${weight.shape.join(', ')}], not that of a matrix`,
    'ONNX_SHAPE',
  )
}

/** [rows, columns] stored by columns. */
function turned(context: NodeContext, matrix: FloatConstant): FloatConstant {
  const [rows = 0, columns = 0] = matrix.shape
  const values = context.copyOf(matrix.values)
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      values[column * rows + row] = matrix.values[row * columns + column] as number
    }
  }
  return { ...matrix, shape: [columns, rows], values }
}

/** A residual sum of two values, or a bias that its exporter wrote as a node of its own. */
export const add: Handler = (context) => {
  const [a, b] = [context.input(0), context.input(1)]
  const value = a?.kind === 'value' ? a : b
  const constant = a?.kind === 'floats' ? a : b
  if (value?.kind === 'value' && constant?.kind === 'floats') {
    const isAlone = context.usesOf(context.node.inputs[value === a ? 0 : 1] as string) === 1
    const sides = constant.shape.filter((side) => side !== 1)
    const channels = value.shape.length === 3 ? constant.shape.at(-3) : constant.shape.at(-1)
    const isBias = sides.length <= 1 && channels === constant.values.length
    if (isAlone && isBias && context.assembly.addBias(value, biasOf(constant))) return value
    const text = 'it adds a constant; only a bias right behind Gemm, MatMul or Conv can be trained'
    throw refuseNode(context, text)
  }
  return addNode(
    context,
    { operator: 'Add', attributes: {} },
    { values: [valueAt(context, 0), valueAt(context, 1)] },
  )
}

export const relu: Handler = (context) => {
  return addNode(context, { operator: 'Relu', attributes: {} }, { values: [valueAt(context, 0)] })
}

/** The tanh form alone; that by erf is another function. */
export const gelu: Handler = (context) => {
  const form = context.node.attributes.get('approximate')?.text ?? 'none'
  if (form !== 'tanh') throw refuseNode(context, 'use nn.GELU(approximate="tanh")')
  return addNode(context, { operator: 'Gelu', attributes: {} }, { values: [valueAt(context, 0)] })
}

/** Over the last side of rows that are vectors. */
export const layerNormalization: Handler = (context) => {
  const x = valueAt(context, 0)
  const axis = integerOf(context, 'axis', -1)
  if (x.shape.length !== 1 || (axis !== -1 && axis !== 1)) {
    throw refuseNode(context, 'only rows that are vectors can be normalized')
  }
  const gain = weightAt(context, 1)
  const zeros = { ...gain, name: `${gain.name}.bias`, values: context.copyOf(gain.values) }
  const bias = biasOf(constantAt(context, 2) ?? zeros)
  const epsilon = context.node.attributes.get('epsilon')?.float ?? 1e-5
  return addNode(
    context,
    { operator: 'LayerNormalization', attributes: { epsilon } },
    { values: [x], weights: [{ ...biasOf(gain), initial: { kind: 'ones' } }, bias] },
  )
}

/** Rows keep their place; `axis` 1 is the only one that leaves them alone. */
export const flatten: Handler = (context) => {
  const x = valueAt(context, 0)
  expectAttribute(context, 'axis', 1)
  if (x.shape.length === 1) return x
  return addNode(
    context,
    { operator: 'Reshape', attributes: { shape: [sizeOf(x.shape)] } },
    { values: [x] },
  )
}

/** Each row in another shape. A first side of -1, 0, the file's batch size or the batch itself is the batch. */
export const reshape: Handler = (context) => {
  const x = context.input(0)
  const wanted = listAt(context, 1)?.values ?? []
  if (x?.kind === 'floats' && wanted.every((side) => typeof side === 'number' && side > 0)) {
    return { ...x, shape: wanted as number[] }
  }
  const value = valueAt(context, 0)
  const [first, ...rest] = wanted
  const sides = rest.map((side, i) => (side === 0 ? value.shape[i] : side))
  const known = sides.filter((side) => typeof side === 'number' && side > 0) as number[]
  const size = sizeOf(value.shape)
  const shape = sides.map((side) => (side === -1 ? size / sizeOf(known) : side)) as number[]
  const isBatch = first === 'rows' || first === 0 || first === -1 || first === context.rows
  const isFit =
    isBatch && shape.every((side) => Number.isInteger(side) && side > 0) && sizeOf(shape) === size
  if (!isFit) {
    const text = `rows of [${value.shape.join(', ')}] cannot become [${wanted.join(', ')}]: the first side must stay the batch`
    throw refuseNode(context, text, 'ONNX_SHAPE')
  }
  if (shape.join() === value.shape.join()) return value
  return addNode(context, { operator: 'Reshape', attributes: { shape } }, { values: [value] })
}

/** Weights may be turned; values of the graph may not. */
export const transpose: Handler = (context) => {
  const x = context.input(0)
  const perm = listOf(context, 'perm') ?? [1, 0]
  if (x?.kind === 'floats' && x.shape.length === 2 && perm.join() === '1,0')
    return turned(context, x)
  throw refuseNode(
    context,
    'only matrices of weights can be turned; keep channels first and rows in front',
  )
}

/** Passes its input on. */
export const identity: Handler = (context) => context.input(0) ?? valueAt(context, 0)

/** Integers stay integers; values of the graph are binary32. */
export const cast: Handler = (context) => {
  const x = identity(context)
  if (x.kind !== 'integers') expectAttribute(context, 'to', 1)
  return x
}
