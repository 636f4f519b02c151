import type { Graph, OperatorName } from './graph.ts'
import type { Operator } from './operator.ts'
import {
  conv,
  convInputGradient,
  convWeightGradient,
  maxPool,
  maxPoolGradient,
  sumChannels,
} from './operators/convolution.ts'
import { add, gemm, relu, reluGradient, reshape, sumRows } from './operators/dense.ts'
import {
  adamw,
  sgd,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  squaredError,
  squaredErrorGradient,
} from './operators/learning.ts'
import { ternary } from './operators/ternary.ts'

/** Every operator a graph may use. Each also has a lowering in compute/exact/lower.ts and a row in SPEC.md. */
export const operators: Readonly<Record<OperatorName, Operator>> = {
  AdamW: adamw,
  Add: add,
  Conv: conv,
  ConvInputGradient: convInputGradient,
  ConvWeightGradient: convWeightGradient,
  Gemm: gemm,
  MaxPool: maxPool,
  MaxPoolGradient: maxPoolGradient,
  Relu: relu,
  ReluGradient: reluGradient,
  Reshape: reshape,
  Sgd: sgd,
  SoftmaxCrossEntropy: softmaxCrossEntropy,
  SoftmaxCrossEntropyGradient: softmaxCrossEntropyGradient,
  SquaredError: squaredError,
  SquaredErrorGradient: squaredErrorGradient,
  SumChannels: sumChannels,
  SumRows: sumRows,
  Ternary: ternary,
}

/** FLOPs of one run of a graph, metered from shapes alone. */
export function flopsOf({ nodes }: Graph): number {
  return nodes.reduce(
    (sum, { operator, inputs, outputs, attributes }) =>
      sum + operators[operator].flops(inputs, outputs, attributes),
    0,
  )
}
