import { assert } from '#base/assert.ts'
import { type OperatorName, type Tensor, sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats, mismatch } from '../operator.ts'

const sqrtFlops = 2

/** Checks images [n, c, h, w] followed by so many vectors [c]; returns c. */
function channelsOf(
  operator: OperatorName,
  inputs: readonly Tensor[],
  { images, vectors }: { images: number; vectors: number },
): number {
  const four = Array.from({ length: images }, () => [4, 'f32'] as const)
  const one = Array.from({ length: vectors }, () => [1, 'f32'] as const)
  expectRanks(operator, inputs, [...four, ...one])
  const channels = inputs[0]?.shape[1] ?? 0
  if (inputs.slice(images).some(({ shape }) => shape[0] !== channels)) {
    throw mismatch(operator, inputs)
  }
  return channels
}

/** Mean and variance of each channel over images and places: x [n, c, h, w] -> mean [c], variance [c]. */
export const batchStatistics: Operator = {
  infer(inputs) {
    const channels = channelsOf('BatchStatistics', inputs, { images: 1, vectors: 0 })
    return [floats(channels), floats(channels)]
  },
  flops: (inputs) => 4 * sizeOf(inputs[0]?.shape ?? []),
}

/**
 * x [n, c, h, w], gain, bias, mean, variance [c] -> y [n, c, h, w], 1 / sqrt(variance + epsilon) [c] (Ioffe and
 * Szegedy 2015). Mean and variance are those of BatchStatistics in training, where the gradient goes through them,
 * and the running ones in predictions.
 */
export const batchNormalization: Operator = {
  infer(inputs) {
    const channels = channelsOf('BatchNormalization', inputs, { images: 1, vectors: 4 })
    return [floats(...(inputs[0]?.shape ?? [])), floats(channels)]
  },
  flops: (inputs, outputs) =>
    4 * sizeOf(inputs[0]?.shape ?? []) + sqrtFlops * sizeOf(outputs[1]?.shape ?? []),
  gradient({ inputs, outputs, gradients, isNeeded, apply }) {
    const [x, gain, , mean] = inputs
    const scale = outputs[1]
    const [dy] = gradients
    assert(x && gain && mean && scale && dy, 'a BatchNormalization has figures')
    const dBias = apply('SumChannels', [dy])[0]
    const dGain = apply('BatchNormalizationGainGradient', [dy, x, mean, scale])[0]
    assert(dGain && dBias, 'both gradients are sums')
    if (!isNeeded[0]) return [undefined, dGain, dBias]
    const used = [dy, x, mean, scale, gain, dGain, dBias]
    return [apply('BatchNormalizationGradient', used)[0], dGain, dBias]
  },
}

/** Gradient by the gain: dy, x [n, c, h, w], mean, scale [c] -> [c]. */
export const batchNormalizationGainGradient: Operator = {
  infer(inputs) {
    const sides = { images: 2, vectors: 2 }
    return [floats(channelsOf('BatchNormalizationGainGradient', inputs, sides))]
  },
  flops: (inputs) => 4 * sizeOf(inputs[0]?.shape ?? []),
}

/** Gradient by the input, through the batch's mean and variance: dy, x, mean, scale, gain, dGain, dBias -> dx. */
export const batchNormalizationGradient: Operator = {
  infer(inputs) {
    channelsOf('BatchNormalizationGradient', inputs, { images: 2, vectors: 5 })
    return [floats(...(inputs[0]?.shape ?? []))]
  },
  flops: (inputs) => 6 * sizeOf(inputs[0]?.shape ?? []),
}

/** Moves a running figure towards that of the batch, in place: running [c], found [c]. */
export const runningMean: Operator = {
  infer(inputs) {
    expectRanks('RunningMean', inputs, [
      [1, 'f32'],
      [1, 'f32'],
    ])
    if (inputs[0]?.shape[0] !== inputs[1]?.shape[0]) throw mismatch('RunningMean', inputs)
    return []
  },
  flops: (inputs) => 3 * sizeOf(inputs[0]?.shape ?? []),
}
