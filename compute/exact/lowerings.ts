import type { OperatorName } from '../graph/graph.ts'
import type { Lowering } from './lowering.ts'
import {
  gelu,
  geluErf,
  geluErfGradient,
  geluGradient,
  mul,
  silu,
  siluGradient,
} from './lowerings/activation.ts'
import { causalAttention, causalAttentionGradient } from './lowerings/attention.ts'
import {
  batchNormalization,
  batchNormalizationGainGradient,
  batchNormalizationGradient,
  batchStatistics,
  runningMean,
} from './lowerings/batch-norm.ts'
import {
  conv,
  convInputGradient,
  convWeightGradient,
  sumChannels,
} from './lowerings/convolution.ts'
import { add, gemm, relu, reluGradient, reshape, sumRows } from './lowerings/dense.ts'
import { dropout } from './lowerings/dropout.ts'
import { embeddingBag, embeddingBagGradient } from './lowerings/embedding-bag.ts'
import { gather, gatherGradient, rotaryEmbedding, rotaryTable } from './lowerings/embedding.ts'
import {
  adamw,
  sgd,
  sgdMomentum,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  squaredError,
  squaredErrorGradient,
} from './lowerings/learning.ts'
import {
  layerNormalization,
  layerNormalizationGradient,
  layerNormalizationScaleGradient,
  rmsNormalization,
  rmsNormalizationGradient,
  rmsNormalizationScaleGradient,
} from './lowerings/normalization.ts'
import {
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
} from './lowerings/pooling.ts'
import { ternary } from './lowerings/ternary.ts'

/** The kernel calls of every operator of compute/graph/operators.ts. */
export const lowerings: Readonly<Record<OperatorName, Lowering>> = {
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

/** Operators whose output may take the place of this input, when nothing reads the input afterwards. */
export const inPlaceInput: Partial<Readonly<Record<OperatorName, number>>> = {
  Add: 0,
  Dropout: 0,
  GeluErfGradient: 1,
  GeluGradient: 1,
  LayerNormalizationGradient: 0,
  Mul: 0,
  Relu: 0,
  ReluGradient: 1,
  RmsNormalizationGradient: 0,
  RotaryEmbedding: 0,
  SiluGradient: 1,
}
