import { rotaryTableOf } from '#compute/exact/rotary.ts'
import { sizeOf } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { type Mapping, type Scope, oneHot, reshaped, sidesOf } from '../onnx-mapping.ts'

const rowsDenseMax = 4096

export const gather: Mapping = ({ inputs }, scope) => [
  scope.apply('Gather', inputs.map(scope.nameOf), { axis: 0 }),
]

/** A product with one-hot rows while the table is small, which is faster; else a scatter. */
export const gatherGradient: Mapping = ({ inputs: [dy, indices], attributes }, scope) => {
  const rows = integer(attributes, 'rows')
  const count = sizeOf(sidesOf(indices))
  const width = sidesOf(dy).at(-1) ?? 0
  const flat = reshaped(scope, scope.nameOf(dy), [count, width])
  const numbers = reshaped(scope, scope.nameOf(indices), [count])
  if (rows <= rowsDenseMax) {
    return [scope.apply('Gemm', [oneHot(scope, numbers, rows), flat], { transA: 1 })]
  }
  const column = scope.apply('Unsqueeze', [numbers, scope.integers(1)])
  const places = scope.apply('Expand', [column, scope.integers(count, width)])
  const zeros = scope.apply('Expand', [scope.scalar(0), scope.integers(rows, width)])
  const attribute = { axis: 0, reduction: { text: 'add' } }
  return [scope.apply('ScatterElements', [zeros, places, flat], attribute)]
}

/** SPEC.md's table, with the engine's bits. */
export const rotaryTable: Mapping = ({ attributes }, scope) => {
  const context = integer(attributes, 'context')
  const size = integer(attributes, 'size')
  const values = rotaryTableOf(context, size)
  const tensor = { type: 'f32', shape: [context, 2, size], values } as const
  return [scope.constant(tensor, `rotary ${context} ${size}`)]
}

/** x cos + (x with the two of each pair in each other's place) sin. */
export const rotaryEmbedding: Mapping = ({ inputs: [x, table], attributes }, scope) => {
  const { apply } = scope
  const [rows = 0, width = 0] = sidesOf(x)
  const [context = 0, , size = 0] = sidesOf(table)
  const shape = [rows / context, context, width / size, size]
  const [cosines, sines] = [0, 1].map((part) => tablePart(scope, scope.nameOf(table), part))
  const turn = integer(attributes, 'isInverse') === 1 ? apply('Neg', [sines ?? '']) : (sines ?? '')
  const heads = reshaped(scope, scope.nameOf(x), shape)
  const pairs = scope.integers(...Array.from({ length: size }, (_, i) => i ^ 1))
  const swapped = apply('Gather', [heads, pairs], { axis: 3 })
  const sum = apply('Add', [apply('Mul', [heads, cosines ?? '']), apply('Mul', [swapped, turn])])
  return [reshaped(scope, sum, [rows, width])]
}

/** Cosines (0) or sines (1): [context, 1, size]. */
function tablePart(scope: Scope, table: string, part: number): string {
  return scope.once(`rotary part ${table} ${part}`, () =>
    scope.apply('Gather', [table, scope.integers(part)], { axis: 1 }),
  )
}
