import { assert } from '#base/assert.ts'
import { type Tensor, sizeOf } from '../graph.ts'
import { type Operator, expectEqual, expectRanks, floats, mismatch } from '../operator.ts'

const expFlops = 20

/**
 * Mean over rows of the cross-entropy of softmax: logits [n, classes], labels i32 [n]
 * -> loss [], losses [n], probabilities [n, classes].
 */
export const softmaxCrossEntropy: Operator = {
  infer(inputs) {
    expectRanks('SoftmaxCrossEntropy', inputs, [
      [2, 'f32'],
      [1, 'i32'],
    ])
    const [n = 0, classes = 0] = inputs[0]?.shape ?? []
    if (inputs[1]?.shape[0] !== n) throw mismatch('SoftmaxCrossEntropy', inputs)
    return [floats(), floats(n), floats(n, classes)]
  },
  flops(inputs) {
    const [n = 0, classes = 0] = inputs[0]?.shape ?? []
    return n * (classes * (expFlops + 4) + expFlops) + n
  },
  gradient({ inputs, outputs, apply }) {
    const [, labels] = inputs
    const probabilities = outputs[2]
    assert(labels && probabilities, 'a cross-entropy keeps its probabilities')
    return apply('SoftmaxCrossEntropyGradient', [probabilities, labels])
  },
}

/** (probabilities - one-hot labels) / n. */
export const softmaxCrossEntropyGradient: Operator = {
  infer(inputs) {
    expectRanks('SoftmaxCrossEntropyGradient', inputs, [
      [2, 'f32'],
      [1, 'i32'],
    ])
    return [floats(...(inputs[0]?.shape ?? []))]
  },
  flops: (_inputs, outputs) => 2 * sizeOf(outputs[0]?.shape ?? []),
}

/** Mean of squared differences: y, t [n, outputs] -> loss [], losses [n] (sums of a row). */
export const squaredError: Operator = {
  infer(inputs) {
    expectRanks('SquaredError', inputs, [
      [2, 'f32'],
      [2, 'f32'],
    ])
    const [n = 0] = expectEqual('SquaredError', inputs)
    return [floats(), floats(n)]
  },
  flops: (inputs) => 3 * sizeOf(inputs[0]?.shape ?? []) + (inputs[0]?.shape[0] ?? 0),
  gradient: ({ inputs, apply }) => apply('SquaredErrorGradient', inputs),
}

/** 2 (y - t) / (n * outputs). */
export const squaredErrorGradient: Operator = {
  infer: (inputs) => [floats(...expectEqual('SquaredErrorGradient', inputs))],
  flops: (_inputs, outputs) => 3 * sizeOf(outputs[0]?.shape ?? []),
}

function sizeOfFirst(inputs: readonly Tensor[]): number {
  return sizeOf(inputs[0]?.shape ?? [])
}

/** p, g, m, v of one parameter, updated in place; `isDecayed` is 0 or 1. */
export const adamw: Operator = {
  infer(inputs) {
    expectEqual('AdamW', inputs)
    return []
  },
  flops: (inputs) => 16 * sizeOfFirst(inputs),
}

/** p, g of one parameter, updated in place. */
export const sgd: Operator = {
  infer(inputs) {
    expectEqual('Sgd', inputs)
    return []
  },
  flops: (inputs) => 2 * sizeOfFirst(inputs),
}

/** p, g, m of one parameter, updated in place. */
export const sgdMomentum: Operator = {
  infer(inputs) {
    expectEqual('SgdMomentum', inputs)
    return []
  },
  flops: (inputs) => 4 * sizeOfFirst(inputs),
}
