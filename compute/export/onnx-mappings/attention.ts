import type { Attributes, Value } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { type Mapping, type Scope, reshaped, sidesOf, transposed } from '../onnx-mapping.ts'

const masked = -1e9
const headsFirst = [0, 2, 1, 3] as const
const turned = [0, 1, 3, 2] as const

interface Sides {
  readonly heads: number
  readonly context: number
  readonly size: number
  readonly rows: number
}

function sidesOfHeads(value: Value | undefined, attributes: Attributes): Sides {
  const [rows = 0, width = 0] = sidesOf(value)
  const heads = integer(attributes, 'heads')
  return { heads, context: integer(attributes, 'context'), size: width / heads, rows }
}

/** [sequences * context, heads * size] -> [sequences, heads, context, size]. */
function split(scope: Scope, name: string, { heads, context, size, rows }: Sides): string {
  return scope.once(`heads ${name}`, () =>
    transposed(scope, reshaped(scope, name, [rows / context, context, heads, size]), headsFirst),
  )
}

/** The way back. */
function join(scope: Scope, name: string, { heads, size, rows }: Sides): string {
  return reshaped(scope, transposed(scope, name, headsFirst), [rows, heads * size])
}

/** 0 up to the diagonal, far below 0 above it: [context, context]. */
function mask(scope: Scope, context: number): string {
  return scope.once(`mask ${context}`, () => {
    const values = Array.from({ length: context }, (_, i) => i)
    const columns = scope.constant({ type: 'i32', shape: [1, context], values })
    const rows = scope.constant({ type: 'i32', shape: [context, 1], values })
    const isAbove = scope.apply('Greater', [columns, rows])
    return scope.apply('Where', [isAbove, scope.scalar(masked), scope.scalar(0)])
  })
}

export const causalAttention: Mapping = ({ inputs, attributes }, scope) => {
  const { apply } = scope
  const sides = sidesOfHeads(inputs[0], attributes)
  const [q = '', k = '', v = ''] = inputs.map((value) => split(scope, scope.nameOf(value), sides))
  const products = apply('MatMul', [q, transposed(scope, k, turned)])
  const scores = apply('Mul', [products, scope.scalar(1 / Math.sqrt(sides.size))])
  const seen = apply('Add', [scores, mask(scope, sides.context)])
  const probabilities = apply('Softmax', [seen], { axis: 3 })
  return [join(scope, apply('MatMul', [probabilities, v]), sides), probabilities]
}

export const causalAttentionGradient: Mapping = ({ inputs, attributes }, scope) => {
  const { apply } = scope
  const sides = sidesOfHeads(inputs[0], attributes)
  const p = scope.nameOf(inputs[3])
  const [q = '', k = '', v = '', dy = ''] = [0, 1, 2, 4].map((i) =>
    split(scope, scope.nameOf(inputs[i]), sides),
  )
  const dv = apply('MatMul', [transposed(scope, p, turned), dy])
  const dp = apply('MatMul', [dy, transposed(scope, v, turned)])
  const weighted = apply('Mul', [dp, p])
  const sums = apply('ReduceSum', [weighted, scope.integers(3)])
  const change = apply('Sub', [weighted, apply('Mul', [p, sums])])
  const ds = apply('Mul', [change, scope.scalar(1 / Math.sqrt(sides.size))])
  const dq = apply('MatMul', [ds, k])
  const dk = apply('MatMul', [transposed(scope, ds, turned), q])
  return [dq, dk, dv].map((name) => join(scope, name, sides))
}
