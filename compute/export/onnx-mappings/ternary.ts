import { type Mapping, summed } from '../onnx-mapping.ts'

/** Weights of -1, 0 or 1 times the mean of their absolute values, and the sums of those of each row. */
export const ternary: Mapping = ({ inputs: [w] }, scope) => {
  const sizes = scope.apply('Abs', [scope.nameOf(w)])
  const scale = scope.apply('ReduceMean', [sizes], { keepdims: 0 })
  const least = scope.apply('Mul', [scale, scope.scalar(0.5)])
  const signed = scope.apply('Mul', [scope.apply('Sign', [scope.nameOf(w)]), scale])
  const isLarge = scope.apply('Greater', [sizes, least])
  return [scope.apply('Where', [isLarge, signed, scope.scalar(0)]), summed(scope, sizes, [1])]
}
