import type { OperatorName } from '../graph/graph.ts'
import type { Mapping } from './onnx-mapping.ts'
import {
  gelu,
  geluErf,
  geluErfGradient,
  geluGradient,
  mul,
  silu,
  siluGradient,
} from './onnx-mappings/activation.ts'
import { causalAttention, causalAttentionGradient } from './onnx-mappings/attention.ts'
import {
  batchNormalization,
  batchNormalizationGainGradient,
  batchNormalizationGradient,
  batchStatistics,
  runningMean,
} from './onnx-mappings/batch-norm.ts'
import {
  conv,
  convInputGradient,
  convWeightGradient,
  sumChannels,
} from './onnx-mappings/convolution.ts'
import { add, gemm, relu, reluGradient, reshape, sumRows } from './onnx-mappings/dense.ts'
import { dropout } from './onnx-mappings/dropout.ts'
import { embeddingBag, embeddingBagGradient } from './onnx-mappings/embedding-bag.ts'
import { gather, gatherGradient, rotaryEmbedding, rotaryTable } from './onnx-mappings/embedding.ts'
import {
  optimizer,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  squaredError,
  squaredErrorGradient,
} from './onnx-mappings/learning.ts'
import {
  layerNormalization,
  layerNormalizationGradient,
  layerNormalizationScaleGradient,
  rmsNormalization,
  rmsNormalizationGradient,
  rmsNormalizationScaleGradient,
} from './onnx-mappings/normalization.ts'
import {
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
} from './onnx-mappings/pooling.ts'
import { ternary } from './onnx-mappings/ternary.ts'

const ofImages = {
  AveragePool: averagePool,
  AveragePoolGradient: averagePoolGradient,
  BatchNormalization: batchNormalization,
  BatchNormalizationGainGradient: batchNormalizationGainGradient,
  BatchNormalizationGradient: batchNormalizationGradient,
  BatchStatistics: batchStatistics,
  GlobalAveragePool: globalAveragePool,
  GlobalAveragePoolGradient: globalAveragePoolGradient,
  MaxPool: maxPool,
  MaxPoolGradient: maxPoolGradient,
  RunningMean: runningMean,
}

/** Every operator of compute/graph/operators.ts in standard ONNX operators. */
export const mappings: Readonly<Record<OperatorName, Mapping>> = {
  ...ofImages,
  AdamW: optimizer,
  Add: add,
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
  LayerNormalization: layerNormalization,
  LayerNormalizationGradient: layerNormalizationGradient,
  LayerNormalizationScaleGradient: layerNormalizationScaleGradient,
  Mul: mul,
  Relu: relu,
  ReluGradient: reluGradient,
  Reshape: reshape,
  RmsNormalization: rmsNormalization,
  RmsNormalizationGradient: rmsNormalizationGradient,
  RmsNormalizationScaleGradient: rmsNormalizationScaleGradient,
  RotaryEmbedding: rotaryEmbedding,
  RotaryTable: rotaryTable,
  Sgd: optimizer,
  SgdMomentum: optimizer,
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
