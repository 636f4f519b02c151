import { openNode } from './algebra.ts'
import { matchLayer } from './patterns.ts'
import { matchRotary } from './rotary.ts'
import {
  type NodeContext,
  type Pending,
  type Settle,
  type View,
  addNode,
  refuse,
  shapeOf,
} from './item.ts'
import { matrixOf, placed } from './view.ts'

export const settle: Settle = (context, item) => {
  if (item.kind === 'view') return item
  if (item.kind !== 'pending') return undefined
  if (item.settled) return item.settled.view
  item.settled = { view: undefined } // while its parts are looked at
  const own = { ...context, node: item.node }
  const view = matchRotary(own, item, settle) ?? matchLayer(own, item, settle) ?? joined(own, item)
  item.settled = { view }
  return view
}

/** A residual sum, or a product of two values such as that of a gate. */
function joined(context: NodeContext, item: Pending): View | undefined {
  const operator = openNode(item, 'Add', 'Mul')?.operator
  if (!operator) return undefined
  const [a, b] = item.inputs.map((input) => settle(context, input))
  if (!a || !b || shapeOf(a).join() !== shapeOf(b).join()) return undefined
  const values = [matrixOf(context, a), matrixOf(context, b)]
  const draft = { operator: operator as 'Add' | 'Mul', attributes: {} }
  return placed(context, addNode(context, draft, { values }), shapeOf(a))
}

/** An input that is a value of the graph. Throws ONNX_UNSUPPORTED with the node that is not understood. */
export function viewAt(context: NodeContext, index: number): View {
  const item = context.inputs[index]
  const view = item && settle(context, item)
  if (view) return view
  if (item?.kind === 'pending') throw unknown(context, item)
  const what = item?.kind === 'tokens' ? 'the tokens' : 'a constant'
  throw refuse(context, `its input ${index} is ${what} where a computed value is expected`)
}

const advice: Readonly<Record<string, string>> = {
  Concat: 'Concat is read in rotary positions only',
  Erf: 'Erf is read as a part of GELU only: x * (1 + erf(x / sqrt(2))) / 2',
  MatMul: 'products of two values are read in causal attention only',
  ReduceMean: 'means are read in layer norms and RMS norms with a gain only',
  Sigmoid: 'use SiLU, x * sigmoid(x)',
  Softmax: 'it is read in causal attention, and at the end as a part of the loss',
  Tanh: 'use GELU, SiLU or ReLU',
  Where: 'it is read as the mask of causal attention only',
}

const searchMax = 256

/** Names a node that people would have to change: one that there is advice for, deep down where there are several. */
function unknown(context: NodeContext, item: Pending): Error {
  const open: Pending[] = [item]
  for (const { inputs } of open) {
    if (open.length > searchMax) break
    for (const one of inputs) if (one.kind === 'pending' && !one.settled?.view) open.push(one)
  }
  const found = open.findLast(({ operator }) => advice[operator] !== undefined) ?? item
  const known =
    'what it gives is no layer norm, RMS norm, GELU, SiLU, gate, residual sum, causal attention or rotary position'
  const hint = advice[found.operator]
  return refuse({ ...context, node: found.node }, hint ? `${known}; ${hint}` : known)
}
