import { assert } from '#base/assert.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { vocabulary } from '#wire/vocabulary.ts'
import { localStepsFor, segmentSteps } from './defaults.ts'

/** What the defaults of a language model depend on. */
export type TextFacts = {
  readonly trainRows: number
  readonly context: number
  readonly workerCount: number
}

type Size = Pick<
  Extract<TrainSpec['model'], { kind: 'transformer' }>,
  'layers' | 'width' | 'heads' | 'hidden'
>

/** By the tokens of the training part: the last of which it has enough. */
const sizes: readonly (Size & { readonly tokensMin: number })[] = [
  { tokensMin: 0, layers: 1, width: 32, heads: 2, hidden: 96 },
  { tokensMin: 40_000, layers: 2, width: 64, heads: 2, hidden: 192 },
  { tokensMin: 400_000, layers: 4, width: 128, heads: 4, hidden: 352 },
]

function sizeFor(tokens: number): Size {
  const found = sizes.findLast(({ tokensMin }) => tokens >= tokensMin)
  assert(found, 'the smallest size needs no tokens')
  const { tokensMin: _, ...size } = found
  return size
}

const contexts = [128, 64, 32, 16, 8] as const
const rowsWantedPerWorker = 64

/** The longest usual context of which every worker still has some rows. */
export function contextFor(trainTokens: number, workerCount: number): number {
  const isEnough = (context: number) => trainTokens >= context * rowsWantedPerWorker * workerCount
  return contexts.find(isEnough) ?? 8
}

const tokensPerStep = 2048
const batchSizeMax = 64
const passes = 4
const stepsMin = 384
const stepsMax = 1024

/** A llama-style transformer, small enough for an hour of plain CPUs, larger for longer texts. */
export function textSpec({ trainRows, context, workerCount }: TextFacts): TrainSpec {
  const shardRows = Math.max(1, Math.floor(trainRows / workerCount))
  const batchSize = Math.max(1, Math.min(batchSizeMax, tokensPerStep / context, shardRows))
  const wanted = Math.ceil((shardRows * passes) / batchSize)
  const steps = Math.min(stepsMax, Math.max(stepsMin, wanted))
  const localSteps = localStepsFor(steps)
  return {
    model: {
      kind: 'transformer',
      ...sizeFor(trainRows * context),
      norm: 'rms',
      feedForward: 'swiglu',
      positions: 'rotary',
      dropout: 0,
      tied: true,
      ternary: false,
    },
    inputShape: [context],
    outputs: vocabulary.size,
    loss: 'crossEntropy',
    optimizer: {
      kind: 'adamw',
      learningRate: 0.003,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0.1,
    },
    schedule: 'cosine',
    warmupSteps: Math.ceil(steps / 20),
    batchSize: Math.floor(batchSize),
    localSteps,
    rounds: Math.ceil(steps / localSteps),
    segmentSteps,
    aggregation: 'mean',
  }
}
