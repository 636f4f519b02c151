import type { Graph, OperatorName } from './graph.ts'
import type { Operator } from './operator.ts'
import {
  gelu,
  geluErf,
  geluErfGradient,
  geluGradient,
  mul,
  silu,
  siluGradient,
} from './operators/activation.ts'
import { causalAttention, causalAttentionGradient } from './operators/attention.ts'
import {
  batchNormalization,
  batchNormalizationGainGradient,
  batchNormalizationGradient,
  batchStatistics,
  runningMean,
} from './operators/batch-norm.ts'
import {
  conv,
  convInputGradient,
  convWeightGradient,
  sumChannels,
} from './operators/convolution.ts'
import { add, gemm, relu, reluGradient, reshape, sumRows } from './operators/dense.ts'
import { dropout } from './operators/dropout.ts'
import { embeddingBag, embeddingBagGradient } from './operators/embedding-bag.ts'
import { gather, gatherGradient, rotaryEmbedding, rotaryTable } from './operators/embedding.ts'
import {
  adamw,
  sgd,
  sgdMomentum,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  squaredError,
  squaredErrorGradient,
} from './operators/learning.ts'
import {
  layerNormalization,
  layerNormalizationGradient,
  layerNormalizationScaleGradient,
  rmsNormalization,
  rmsNormalizationGradient,
  rmsNormalizationScaleGradient,
} from './operators/normalization.ts'
import {
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
} from './operators/pooling.ts'
import { ternary } from './operators/ternary.ts'

/** Every operator a graph may use. Each also has a lowering in compute/exact/lower.ts and a row in SPEC.md. */
export const operators: Readonly<Record<OperatorName, Operator>> = {
  AdamW: adamw,
  Add: add,
  AveragePool: averagePool,
  AveragePoolGradient: averagePoolGradient,
  BatchNormalization: batchNormalization,
  BatchNormalizationGainGradient: batchNormalizationGainGradient,
  BatchNormalizationGradient: batchNormalizationGradient,
  BatchStatistics: batchStatistics,
  CausalAttention: causalAttention,
  CausalAttentionGradient: causalAttentionGradient,
  Conv: conv,
  ConvInputGradient: convInputGradient,
  ConvWeightGradient: convWeightGradient,
  Dropout: dropout,
  EmbeddingBag: embeddingBag,
  EmbeddingBagGradient: embeddingBagGradient,
  Gather: gather,
  GatherGradient: gatherGradient,
  Gelu: gelu,
  GeluErf: geluErf,
  GeluErfGradient: geluErfGradient,
  GeluGradient: geluGradient,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  GlobalAveragePoolGradient: globalAveragePoolGradient,
  LayerNormalization: layerNormalization,
  LayerNormalizationGradient: layerNormalizationGradient,
  LayerNormalizationScaleGradient: layerNormalizationScaleGradient,
  MaxPool: maxPool,
  MaxPoolGradient: maxPoolGradient,
  Mul: mul,
  Relu: relu,
  ReluGradient: reluGradient,
  Reshape: reshape,
  RmsNormalization: rmsNormalization,
  RmsNormalizationGradient: rmsNormalizationGradient,
  RmsNormalizationScaleGradient: rmsNormalizationScaleGradient,
  RotaryEmbedding: rotaryEmbedding,
  RotaryTable: rotaryTable,
  RunningMean: runningMean,
  Sgd: sgd,
  SgdMomentum: sgdMomentum,
  Silu: silu,
  SiluGradient: siluGradient,
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
