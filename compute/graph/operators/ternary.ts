import { sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats } from '../operator.ts'

/**
 * Weights of -1, 0 or 1 times the mean of their absolute values (BitNet b1.58, Ma et al. 2024):
 * w [k, n] -> q [k, n], and the sum of absolute values of each row [k]. The gradient passes straight through
 * to w (Bengio, Leonard and Courville 2013).
 */
export const ternary: Operator = {
  infer(inputs) {
    expectRanks('Ternary', inputs, [[2, 'f32']])
    const [rows = 0, columns = 0] = inputs[0]?.shape ?? []
    return [floats(rows, columns), floats(rows)]
  },
  flops: (inputs) => 3 * sizeOf(inputs[0]?.shape ?? []) + (inputs[0]?.shape[0] ?? 0),
  gradient: ({ gradients }) => [gradients[0]],
}
