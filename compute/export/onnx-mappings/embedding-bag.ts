import { integer } from '#compute/graph/operator.ts'
import { type Mapping, type Scope, oneHot, sidesOf, summed } from '../onnx-mapping.ts'
import { elementTypes } from '../onnx-writer.ts'

/** 1 for a token, 0 for padding [n, positions]; and the number of tokens of each row, at least 1 [n, 1]. */
function tokenMask(scope: Scope, tokens: string) {
  const zero = scope.constant({ type: 'i32', shape: [], values: [0] })
  const isToken = scope.apply('GreaterOrEqual', [tokens, zero])
  const mask = scope.apply('Cast', [isToken], { to: elementTypes.f32 })
  const sum = scope.apply('ReduceSum', [mask, scope.integers(1)], { keepdims: 1 })
  return { zero, mask, count: scope.apply('Max', [sum, scope.scalar(1)]) }
}

export const embeddingBag: Mapping = ({ inputs: [table, tokens] }, scope) => {
  const name = scope.nameOf(tokens)
  const { zero, mask, count } = tokenMask(scope, name)
  const rows = scope.apply('Gather', [
    scope.nameOf(table),
    scope.apply('Where', [scope.apply('GreaterOrEqual', [name, zero]), name, zero]),
  ]) // [n, positions, width]
  const wide = scope.apply('Unsqueeze', [mask, scope.integers(2)])
  const sums = summed(scope, scope.apply('Mul', [rows, wide]), [1])
  return [scope.apply('Div', [sums, count])]
}

/** Counts of each token in each row, turned, times dy / (number of tokens). */
export const embeddingBagGradient: Mapping = ({ inputs: [dy, tokens], attributes }, scope) => {
  const name = scope.nameOf(tokens)
  const [n = 0, positions = 0] = sidesOf(tokens)
  const classes = integer(attributes, 'rows')
  const flat = scope.apply('Reshape', [name, scope.integers(n * positions)])
  const hot = oneHot(scope, flat, classes) // padding has no 1
  const shape = scope.integers(n, positions, classes)
  const counts = summed(scope, scope.apply('Reshape', [hot, shape]), [1]) // [n, classes]
  const share = scope.apply('Div', [scope.nameOf(dy), tokenMask(scope, name).count])
  return [scope.apply('Gemm', [counts, share], { transA: 1 })]
}
