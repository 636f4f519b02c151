export {
  gelu,
  geluErf,
  geluErfGradient,
  geluGradient,
  multiply,
  silu,
  siluGradient,
} from './activation'
export { attend, attendGradient, attentionScratchBytes } from './attention'
export { attendCached, cacheKeys } from './decode'
export { dropout } from './dropout'
export { fold } from './fold'
export { gather, gatherGradient, rotaryTable, rotate } from './embedding'
export { gemm, gemmScratchBytes, gemmThen } from './gemm'
export { normalize, normalizeGradient, normalizeScaleGradient } from './norm'
export {
  convolve,
  convolveScratchBytes,
  convolveWeights,
  convolveWeightsScratchBytes,
} from './conv'
export {
  convolveWindows,
  convolveWindowsInputs,
  convolveWindowsWeights,
  describeWindows,
  stripFloats,
} from './conv-windows'
export {
  add,
  addBias,
  allFinite,
  meanOf,
  relu,
  reluGradient,
  sumChannels,
  sumRows,
} from './elementwise'
export { maxPool2, maxPool2Gradient } from './pool'
export {
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  squaredError,
  squaredErrorGradient,
} from './loss'
export { adamw, sgd, sgdMomentum } from './optimizer'
export { clipStep, distance, mean, median } from './aggregate'
export { gemv, gemvTurned } from './gemv'
export {
  packTernary,
  packedTernaryBytes,
  ternaryFactors,
  ternaryFactorsBytes,
  ternarySums,
} from './ternary-packed'
export {
  quantizeActivations,
  scaleSums,
  ternarySumsWide,
  wideTernaryBytes,
  widenTernary,
} from './ternary-integer'
export { absoluteSums, quantizeTernary, ternaryScale } from './ternary'
export {
  batchStatistics,
  channelGainGradient,
  channelScales,
  normalizeChannels,
  normalizeChannelsGradient,
  runningMean,
} from './batch-norm'
export {
  averagePool,
  averagePoolGradient,
  maxPool,
  maxPoolGradient,
  planeMeans,
  planeMeansGradient,
} from './windows'
export { embeddingBag, embeddingBagGradient } from './embedding-bag'
export { normals, words } from './rng'
export { exp1, keepsDenormals, log1, sqrt1 } from './math'
