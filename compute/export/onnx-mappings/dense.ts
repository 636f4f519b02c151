import { integer } from '#compute/graph/operator.ts'
import { type Mapping, reshaped, sidesOf, summed } from '../onnx-mapping.ts'

/** op(a) op(b) + bias. */
export const gemm: Mapping = ({ inputs, attributes }, scope) => {
  const transA = integer(attributes, 'transposeA')
  const transB = integer(attributes, 'transposeB')
  return [scope.apply('Gemm', inputs.map(scope.nameOf), { transA, transB })]
}

export const add: Mapping = ({ inputs }, scope) => [scope.apply('Add', inputs.map(scope.nameOf))]

export const relu: Mapping = ({ inputs }, scope) => [scope.apply('Relu', inputs.map(scope.nameOf))]

/** dy where y > 0, else 0. */
export const reluGradient: Mapping = ({ inputs: [y, dy] }, scope) => {
  const isOpen = scope.apply('Greater', [scope.nameOf(y), scope.scalar(0)])
  return [scope.apply('Where', [isOpen, scope.nameOf(dy), scope.scalar(0)])]
}

export const reshape: Mapping = ({ inputs: [x], outputs: [y] }, scope) => [
  reshaped(scope, scope.nameOf(x), sidesOf(y)),
]

export const sumRows: Mapping = ({ inputs: [x] }, scope) => [summed(scope, scope.nameOf(x), [0])]
