import type { TrainSpec } from '#wire/spec.ts'

const common = {
  loss: 'crossEntropy',
  optimizer: {
    kind: 'adamw',
    learningRate: 0.001,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  },
  schedule: 'constant',
  localSteps: 8,
  rounds: 1,
  segmentSteps: 8,
  aggregation: 'mean',
} as const

/** Small models that between them use every kind of layer. */
export const selfTestSpecs: Readonly<Record<string, TrainSpec>> = {
  network: {
    ...common,
    model: { kind: 'mlp', hidden: [24] },
    inputShape: [20],
    outputs: 5,
    batchSize: 16,
  },
  images: {
    ...common,
    model: { kind: 'cnn', channels: [4, 6], dense: [12] },
    inputShape: [2, 9, 8],
    outputs: 4,
    batchSize: 8,
  },
  language: {
    ...common,
    model: {
      kind: 'transformer',
      layers: 1,
      width: 16,
      heads: 2,
      hidden: 24,
      norm: 'layer',
      feedForward: 'gelu',
      positions: 'learned',
      dropout: 0,
      tied: true,
      ternary: false,
    },
    inputShape: [8],
    outputs: 12,
    batchSize: 4,
  },
}

/** The model whose speed is told. */
export const speedSpec: TrainSpec = {
  ...common,
  model: { kind: 'mlp', hidden: [256] },
  inputShape: [784],
  outputs: 10,
  batchSize: 128,
}
