import { integerOf, itemAt, listAt, refuse, shapeOf } from './item.ts'
import {
  type Constant,
  type Handler,
  type Item,
  type NodeContext,
  type View,
  addNode,
  axisOf,
  broadcast,
  constantAt,
  pendingOf,
} from './item.ts'
import { matchAttention } from './attention.ts'
import { openNode } from './algebra.ts'
import { scalarOf } from './constants.ts'
import { biased, linearBase, tableOf } from './linear.ts'
import { addLayer, addNorm } from './patterns.ts'
import { settle, viewAt } from './settle.ts'
import { gatherPlaces } from './shapes.ts'
import { matrixOf, placed, viewOf } from './view.ts'

/** An operator of two values, which only makes sense as a part of something. */
function joined(context: NodeContext, operands: readonly Item[]): Item {
  const [a, b] = operands as [Item, Item]
  return pendingOf(context, operands, { shape: broadcast(context, shapeOf(a), shapeOf(b)) })
}

/** A bias, positions, a residual sum, or a part of something. */
export const add: Handler = (context) => {
  const operands = [itemAt(context, 0), itemAt(context, 1)]
  const constant = operands.find((item) => item.kind === 'constant')
  const view = operands.find((item) => item.kind === 'view')
  if (!constant || !view) return joined(context, operands)
  return biased(view, constant) ?? positioned(context, view, constant) ?? joined(context, operands)
}

/** A table [tokens, features] that is added to every row. */
function positioned(context: NodeContext, view: View, constant: Constant): Item | undefined {
  const { context: tokens } = context.course
  const width = shapeOf(view).at(-1) as number
  const shape = [tokens, width]
  const isTable =
    constant.values.length === tokens * width && constant.shape.slice(-2).join() === shape.join()
  if (!isTable || view.factor !== 1) return undefined
  const table = tableOf(context, { ...constant, shape })
  const values = [matrixOf(context, view)]
  const y = addNode(context, { operator: 'Add', attributes: {} }, { values, weights: [table] })
  return placed(context, y, shapeOf(view))
}

export const subtract: Handler = (context) =>
  joined(context, [itemAt(context, 0), itemAt(context, 1)])

export const multiply: Handler = (context) => scaled(context, (by) => by)

export const divide: Handler = (context) => scaled(context, (by) => 1 / by)

function scaled(context: NodeContext, factorOf: (by: number) => number): Item {
  const operands = [itemAt(context, 0), itemAt(context, 1)]
  const [a, b] = operands as [Item, Item]
  const isTurned = context.node.operator === 'Mul' && a.kind === 'constant'
  const [x, by] = isTurned ? [b, scalarOf(a)] : [a, scalarOf(b)]
  if (x.kind === 'view' && by !== undefined) return { ...x, factor: x.factor * factorOf(by) }
  return joined(context, operands)
}

export const negate: Handler = (context) => {
  const x = itemAt(context, 0)
  return x.kind === 'view' ? { ...x, factor: -x.factor } : part(context)
}

/** An operator that is a part of something larger. */
export const part: Handler = (context) => {
  const x = itemAt(context, 0)
  return pendingOf(context, [x], { shape: shapeOf(x) })
}

/** Roots are kept as roots, so that norms look alike in every spelling. */
export const power: Handler = (context) => {
  const [x, exponent] = [itemAt(context, 0), constantAt(context, 1)]
  const by = scalarOf(exponent)
  const shape = shapeOf(x)
  if (by === 0.5) return pendingOf(context, [x], { shape, operator: 'Sqrt' })
  if (by !== -0.5) return pendingOf(context, [x, itemAt(context, 1)], { shape })
  const root = pendingOf(context, [x], { shape, operator: 'Sqrt' })
  return pendingOf(context, [root], { shape, operator: 'Reciprocal' })
}

/** A shape with another last side. */
function withLast(shape: readonly number[], side: number): readonly number[] {
  return [...shape.slice(0, -1), side]
}

/** The mean over features, as norms need it. */
export const mean: Handler = (context) => {
  const x = itemAt(context, 0)
  const shape = shapeOf(x)
  const axes = listAt(context, 1, 'axes') ?? []
  const isLast =
    axes.length === 1 && axisOf(context, axes[0] as number, shape.length) === shape.length - 1
  if (!isLast || integerOf(context, 'keepdims', 1) !== 1) {
    throw refuse(
      context,
      'only means over the last side, which stays, are supported: those of norms',
    )
  }
  // a residual sum is a value of its own, not a part of the norm
  if (openNode(x, 'Add')) settle(context, x)
  return pendingOf(context, [x], { shape: withLast(shape, 1) })
}

const plain = (operator: 'Relu' | 'Gelu' | 'GeluErf'): Handler => {
  return (context) => addLayer(context, viewAt(context, 0), { draft: { operator, attributes: {} } })
}
export const relu = plain('Relu')

export const gelu: Handler = (context) => {
  const form = context.node.attributes.get('approximate')?.text ?? 'none'
  return plain(form === 'tanh' ? 'Gelu' : 'GeluErf')(context)
}

export const layerNormalization: Handler = (context) => {
  const x = viewAt(context, 0)
  const rank = shapeOf(x).length
  const [gain, bias] = [constantAt(context, 1), constantAt(context, 2)]
  if (axisOf(context, integerOf(context, 'axis', -1), rank) !== rank - 1 || !gain) {
    throw refuse(context, 'only norms over the last side with a gain are supported')
  }
  const epsilon = context.node.attributes.get('epsilon')?.float ?? 1e-5
  const parts = { gain, epsilon, ...(bias && { bias }) }
  return addNorm(context, x, { operator: 'LayerNormalization', ...parts })
}

/** A linear layer, or one of the two products of attention. */
export const matMul: Handler = (context) => {
  const [a, b] = [itemAt(context, 0), itemAt(context, 1)]
  if (b.kind === 'constant') return linear(context, { weight: b, isTurned: false })
  const heard = matchAttention(context, a, b)
  if (heard) return heard
  const [outer, inner] = [shapeOf(a), shapeOf(b)]
  if (outer.length < 2 || outer.length !== inner.length || outer.at(-1) !== inner.at(-2)) {
    throw refuse(context, 'its inputs are no matrices that fit', 'ONNX_SHAPE')
  }
  return pendingOf(context, [a, b], { shape: withLast(outer, inner.at(-1) as number) })
}

export const gemm: Handler = (context) => {
  const { attributes } = context.node
  const isPlain = ['alpha', 'beta'].every((name) => (attributes.get(name)?.float ?? 1) === 1)
  const weight = constantAt(context, 1)
  if (!isPlain || integerOf(context, 'transA', 0) !== 0 || !weight) {
    throw refuse(context, 'only x W + b with stored W is supported: alpha = beta = 1, transA = 0')
  }
  const product = linear(context, { weight, isTurned: integerOf(context, 'transB', 0) === 1 })
  const bias = constantAt(context, 2)
  if (!bias) return product
  const found = biased(product, bias)
  if (found) return found
  throw refuse(context, `its bias of ${bias.values.length} values does not fit`, 'ONNX_SHAPE')
}

function linear(
  context: NodeContext,
  { weight, isTurned }: { weight: Constant; isTurned: boolean },
): View {
  const x = viewAt(context, 0)
  const [first, second, ...rest] = weight.shape
  const [fanIn, width] = isTurned ? [second, first] : [first, second]
  const shape = shapeOf(x)
  if (!fanIn || !width || rest.length > 0 || shape.at(-1) !== fanIn) {
    const text = `weights [${weight.shape.join(', ')}] do not fit [${shape.join(', ')}]`
    throw refuse(context, text, 'ONNX_SHAPE')
  }
  const base = linearBase({ x: matrixOf(context, x), weight, isTurned })
  return viewOf(context, base, withLast(shape, width))
}

/** Rows of a table by the tokens, or places of a value. */
export const gather: Handler = (context) => {
  const [table, tokens] = [itemAt(context, 0), itemAt(context, 1)]
  if (tokens.kind !== 'tokens') return gatherPlaces(context)
  const isTable = table.kind === 'constant' && table.shape.length === 2
  if (!isTable || integerOf(context, 'axis', 0) !== 0) {
    throw refuse(context, 'tokens choose rows of a stored table only')
  }
  context.course.embedding ??= table
  const weights = [tableOf(context, table)]
  const x = context.course.assembly.input
  const y = addNode(context, { operator: 'Gather', attributes: {} }, { values: [x], weights })
  return placed(context, y, [...tokens.shape, table.shape[1] as number])
}
