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
  readonly model: ModelKind | 'embeddingBag'
  /** Words of a text. */
  readonly vocabulary?: number
}

/** Steps between two commitments that evaluators can sample. */
export const segmentSteps = 32
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
  const batchSize = batchSizeFor(shardRows)
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
export function localStepsFor(steps: number): number {
  const wanted = Math.min(32, Math.max(4, steps / 64))
  return localStepsAllowed.find((allowed) => allowed >= wanted) ?? 32
}

function modelFor(facts: InputFacts): ModelSpec {
  const { model, task, inputShape } = facts
  if (model === 'linear') return { kind: task === 'classify' ? 'logistic' : 'linear' }
  if (model === 'embeddingBag') {
    return { kind: 'embeddingBag', vocabulary: facts.vocabulary ?? 1, width: 32, hidden: [] }
  }
  if (model === 'cnn') return { kind: 'cnn', channels: [8, 16], dense: [64] }
  const features = inputShape.reduce((a, b) => a * b, 1)
  if (isSmall(facts)) return { kind: 'mlp', hidden: [32] }
  return { kind: 'mlp', hidden: features >= 32 ? [256] : [128, 128] }
}

const smallRows = 1000

function isSmall({ trainRows }: InputFacts): boolean {
  return trainRows < smallRows
}

const batchSizeMax = 64

/** At least four batches in a shard, where that leaves batches of four rows. */
function batchSizeFor(shardRows: number): number {
  let size = batchSizeMax
  while (size > 4 && size * 4 > shardRows) size /= 2
  return Math.min(size, shardRows)
}

/** Steps of one worker: so many passes over its shard, within bounds. */
function stepsFor(shardRows: number, batchSize: number, facts: InputFacts): number {
  const passes = facts.model !== 'cnn' ? 40 : isLargeImage(facts) ? 24 : 15
  const most = facts.model === 'cnn' ? 1024 : 2048
  return Math.min(most, Math.max(stepsMin, Math.ceil((shardRows * passes) / batchSize)))
}

/** Twelve segments of 32 steps: enough draws that a worker who skips steps is caught. */
const stepsMin = 384

function isLargeImage({ inputShape }: InputFacts): boolean {
  const [, height = 0, width = 0] = inputShape
  return height * width >= 576
}

/** Few rows are learned fast and held back by decay. */
function optimizerFor(facts: InputFacts): OptimizerSpec {
  const rates = {
    linear: 0.01,
    mlp: isSmall(facts) ? 0.02 : 0.003,
    cnn: 0.005,
    embeddingBag: 0.003,
  }
  const decays = {
    linear: 0.01,
    mlp: isSmall(facts) ? 1 : 0.1,
    cnn: 0.01,
    embeddingBag: isSmall(facts) ? 1 : 0.1,
  }
  return {
    kind: 'adamw',
    learningRate: rates[facts.model],
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: decays[facts.model],
  }
}
