import type { OperatorName } from '../graph/graph.ts'
import type { Lowering } from './lowering.ts'
import {
  conv,
  convInputGradient,
  convWeightGradient,
  maxPool,
  maxPoolGradient,
  sumChannels,
} from './lowerings/convolution.ts'
import { add, gemm, relu, reluGradient, reshape, sumRows } from './lowerings/dense.ts'
import {
  adamw,
  sgd,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  squaredError,
  squaredErrorGradient,
} from './lowerings/learning.ts'
import { ternary } from './lowerings/ternary.ts'

/** The kernel calls of every operator of compute/graph/operators.ts. */
export const lowerings: Readonly<Record<OperatorName, Lowering>> = {
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

/** Operators whose output may take the place of this input, when nothing reads the input afterwards. */
export const inPlaceInput: Partial<Readonly<Record<OperatorName, number>>> = {
  Add: 0,
  Relu: 0,
  ReluGradient: 1,
}
