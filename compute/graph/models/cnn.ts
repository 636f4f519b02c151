import type { CnnSpec } from '#wire/spec.ts'
import type { Builder } from '../builder.ts'
import type { Value } from '../graph.ts'

const kernelSide = 3
const reluGain = 2 // He et al. 2015
const normEpsilon = 1e-5
const runningKeep = 0.9

/**
 * Blocks of 3 x 3 convolution, batch normalization where it is asked for, ReLU and 2 x 2 pooling:
 * x [batch, channels, height, width] -> [batch, last channels, height / 2^blocks, width / 2^blocks], or the mean of
 * each channel [batch, last channels, 1, 1]. A normalized convolution has no bias, whose gradient would be zero.
 */
export function convBlocks(builder: Builder, model: CnnSpec, x: Value): Value {
  const pooling = model.pooling === 'average' ? 'AveragePool' : 'MaxPool'
  let h = x
  for (const [i, out] of model.channels.entries()) {
    const depth = h.shape[1] ?? 0
    const name = `conv${i + 1}`
    const weight = builder.parameter(`${name}.weight`, [out, depth, kernelSide, kernelSide], {
      kind: 'normal',
      gain: reluGain,
      fanIn: depth * kernelSide * kernelSide,
    })
    const bias = model.batchNorm
      ? []
      : [builder.parameter(`${name}.bias`, [out], { kind: 'zeros' })]
    h = builder.apply('Conv', [h, weight, ...bias], { pad: 1 })[0] as Value
    if (model.batchNorm) h = channelNorm(builder, `norm${i + 1}`, h)
    h = builder.apply('Relu', [h])[0] as Value
    h = builder.apply(pooling, [h])[0] as Value // [batch, out, height / 2, width / 2]
  }
  return model.head === 'globalAverage' ? (builder.apply('GlobalAveragePool', [h])[0] as Value) : h
}

function channelNorm(builder: Builder, name: string, x: Value): Value {
  const sides = [x.shape[1] ?? 0]
  const gain = builder.parameter(`${name}.weight`, sides, { kind: 'ones' })
  const bias = builder.parameter(`${name}.bias`, sides, { kind: 'zeros' })
  const mean = builder.buffer(`${name}.runningMean`, sides, { kind: 'zeros' })
  const variance = builder.buffer(`${name}.runningVariance`, sides, { kind: 'ones' })
  const figures = [gain, bias, mean, variance] as const
  return batchNorm(builder, x, { figures, epsilon: normEpsilon, keep: runningKeep })
}

/** Gain, bias, running mean and variance, all [channels]. */
export type BatchNormFigures = readonly [Value, Value, Value, Value]

/** Normalizes by the batch in training, which moves the running figures, and by those in predictions. */
export function batchNorm(
  builder: Builder,
  x: Value,
  options: { figures: BatchNormFigures; epsilon: number; keep: number },
): Value {
  const { epsilon, keep } = options
  const [gain, bias, ...running] = options.figures
  const figures = builder.isTraining ? builder.apply('BatchStatistics', [x]) : running
  const used = [x, gain, bias, ...figures]
  const y = builder.apply('BatchNormalization', used, { epsilon })[0] as Value
  if (builder.isTraining) {
    for (const [i, figure] of running.entries()) {
      builder.apply('RunningMean', [figure, figures[i] as Value], { keep })
    }
  }
  return y
}
