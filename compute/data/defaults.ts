import type { ModelSpec, OptimizerSpec, TrainSpec } from '#wire/spec.ts'
import type { Task } from './target.ts'

/** What the user may ask for; `linear` means logistic regression where classes are predicted. */
export type ModelKind = 'linear' | 'mlp' | 'cnn'

/** The shape of the input that the defaults depend on. */
export type InputFacts = {
  readonly task: Task
  readonly trainRows: number
  /** [features], or [channels, height, width]. */
  readonly inputShape: readonly number[]
  readonly outputs: number
  readonly workerCount: number
  readonly model: ModelKind
}

/** Steps between two commitments that evaluators can sample. */
const segmentSteps = 32
const localStepsAllowed = [4, 8, 16, 32] as const

/** Images of at least 8x8 get a CNN, all else an MLP. */
export function defaultModelKind(shape: readonly number[]): ModelKind {
  const [, height = 0, width = 0] = shape
  return shape.length === 3 && height >= 8 && width >= 8 ? 'cnn' : 'mlp'
}

/** Model and hyper-parameters for a job nobody tuned: from the shape of its input alone. */
export function defaultSpec(facts: InputFacts): TrainSpec {
  const { inputShape, outputs } = facts
  const shardRows = Math.max(1, Math.floor(facts.trainRows / facts.workerCount))
  const batchSize = batchSizeFor(shardRows, facts)
  const steps = stepsFor(shardRows, batchSize, facts)
  const localSteps = localStepsFor(steps)
  return {
    model: modelFor(facts),
    inputShape: [...inputShape],
    outputs,
    loss: facts.task === 'classify' ? 'crossEntropy' : 'meanSquaredError',
    optimizer: optimizerFor(facts),
    schedule: 'linear',
    batchSize,
    localSteps,
    rounds: Math.ceil(steps / localSteps),
    segmentSteps,
    aggregation: 'mean',
  }
}

/** About 64 rounds, each of 4, 8, 16 or 32 steps. */
function localStepsFor(steps: number): number {
  const wanted = Math.min(32, Math.max(4, steps / 64))
  return localStepsAllowed.find((allowed) => allowed >= wanted) ?? 32
}

function modelFor({ model, task, inputShape, trainRows }: InputFacts): ModelSpec {
  if (model === 'linear') return { kind: task === 'classify' ? 'logistic' : 'linear' }
  const [, height = 0, width = 0] = inputShape
  if (model === 'cnn') {
    const isLarge = Math.min(height, width) >= 24
    return { kind: 'cnn', channels: isLarge ? [8, 16] : [8, 16], dense: [64] }
  }
  const features = inputShape.reduce((a, b) => a * b, 1)
  if (trainRows < 1000) return { kind: 'mlp', hidden: [32] }
  return features >= 32 ? { kind: 'mlp', hidden: [128] } : { kind: 'mlp', hidden: [64, 64] }
}

function batchSizeFor(shardRows: number, { model }: InputFacts): number {
  const most = model === 'cnn' ? 32 : 64
  let size = most
  while (size > 4 && size * 4 > shardRows) size /= 2
  return Math.min(size, shardRows)
}

function stepsFor(shardRows: number, batchSize: number, { model }: InputFacts): number {
  const epochs = model === 'cnn' ? 8 : 30
  const wanted = Math.ceil((shardRows * epochs) / batchSize)
  const [least, most] = model === 'cnn' ? [384, 1024] : [384, 4096]
  return Math.min(most, Math.max(least, wanted))
}

function optimizerFor({ model }: InputFacts): OptimizerSpec {
  return {
    kind: 'adamw',
    learningRate: model === 'linear' ? 0.01 : 0.003,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  }
}
