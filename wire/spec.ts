import { z } from 'zod'
import { graphModelSchema, readsTokens } from './graph-model.ts'
import { limits } from './limits.ts'

const side = z.int().min(1).max(16_384)
const rate = z.number().positive().max(100)
const fraction = z.number().min(0).lt(1)

/**
 * A decoder-only transformer: tokens [context] in, the next token of each place out of `outputs` (the
 * vocabulary). `layer` norm brings biases along, as in GPT-2; `rms` has none, as in llama.
 */
export const transformerSpecSchema = z.strictObject({
  kind: z.literal('transformer'),
  layers: z.int().min(1).max(limits.layersMax),
  width: side.max(8192),
  heads: z.int().min(1).max(256),
  /** Width of the feed-forward part. */
  hidden: side,
  norm: z.enum(['layer', 'rms']),
  feedForward: z.enum(['gelu', 'swiglu']),
  positions: z.enum(['learned', 'rotary']),
  /** Share of values dropped from what is added to the residual stream, in training. */
  dropout: fraction,
  /** Whether the head is the embedding, turned. */
  tied: z.boolean(),
  /** Whether the matrices of the blocks hold -1, 0 and 1 times a scale. */
  ternary: z.boolean(),
})
export type TransformerSpec = z.infer<typeof transformerSpecSchema>

/** Blocks of 3x3 convolution, ReLU and 2x2 pooling, then dense layers. */
export const cnnSpecSchema = z.strictObject({
  kind: z.literal('cnn'),
  channels: z.array(side.max(2048)).min(1).max(8),
  dense: z.array(side).max(16),
  /** Whether each convolution is followed by batch normalization. */
  batchNorm: z.boolean().optional(),
  /** `max` where it is absent. */
  pooling: z.enum(['max', 'average']).optional(),
  /** What the dense layers take: all values (where it is absent), or the mean of each channel. */
  head: z.enum(['flatten', 'globalAverage']).optional(),
})
export type CnnSpec = z.infer<typeof cnnSpecSchema>

/** The mean of the embeddings of a row's tokens (I32 [tokensMax], -1 where there is none), then dense layers. */
export const embeddingBagSpecSchema = z.strictObject({
  kind: z.literal('embeddingBag'),
  vocabulary: z.int().min(1).max(limits.wordsMax),
  width: side.max(8192),
  hidden: z.array(side).max(16),
})
export type EmbeddingBagSpec = z.infer<typeof embeddingBagSpecSchema>

/** What is trained. A CNN is blocks of 3x3 convolution, ReLU and 2x2 max pooling, then dense layers. */
export const modelSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('linear') }),
  z.strictObject({ kind: z.literal('logistic') }),
  z.strictObject({
    kind: z.literal('mlp'),
    hidden: z.array(side).min(1).max(16),
    /** Weights of the hidden layers are -1, 0 or 1 times their mean size; the last layer stays as it is. */
    ternary: z.boolean().optional(),
  }),
  cnnSpecSchema,
  embeddingBagSpecSchema,
  transformerSpecSchema,
  graphModelSchema,
])
export type ModelSpec = z.infer<typeof modelSpecSchema>

export const optimizerSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('adamw'),
    learningRate: rate,
    beta1: fraction,
    beta2: fraction,
    epsilon: z.number().positive().max(1),
    /** Applied to weights only, never to biases. */
    weightDecay: z.number().min(0).max(10),
  }),
  z.strictObject({
    kind: z.literal('sgd'),
    learningRate: rate,
    /** Share of the last change that is kept; absent or 0 for none. */
    momentum: fraction.optional(),
  }),
])
export type OptimizerSpec = z.infer<typeof optimizerSpecSchema>

/**
 * The whole numeric part of a job: everything that decides the bits, apart from seeds and rows.
 * Numbers are rounded to binary32 by the engine. A round is `localSteps` (H) steps of every worker and one
 * aggregation; a segment is ceil(segmentSteps / localSteps) rounds.
 */
export const trainSpecSchema = z
  .strictObject({
    model: modelSpecSchema,
    /** Shape of one row: [features], [channels, height, width] for a CNN, [context] for a transformer. */
    inputShape: z.array(side).min(1).max(3),
    /** Classes, or values to predict. */
    outputs: z.int().min(1).max(limits.classesMax),
    loss: z.enum(['crossEntropy', 'meanSquaredError']),
    optimizer: optimizerSpecSchema,
    /** The rate over rounds * localSteps steps: it stays, or falls to 0 on a line or half a cosine wave. */
    schedule: z.enum(['constant', 'linear', 'cosine']),
    /** The rate first rises on a line over so many steps. */
    warmupSteps: z
      .int()
      .min(1)
      .max(limits.roundsMax * 4096)
      .optional(),
    batchSize: z.int().min(1).max(4096),
    localSteps: z.int().min(1).max(4096),
    rounds: z.int().min(1).max(limits.roundsMax),
    segmentSteps: z.int().min(1).max(4096),
    aggregation: z.enum(['mean', 'centeredClip']),
  })
  .superRefine((spec, context) => {
    const fail = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    if (spec.warmupSteps !== undefined && spec.warmupSteps >= spec.rounds * spec.localSteps) {
      fail('warmupSteps', 'the warm-up ends before the last step')
    }
    if (spec.loss === 'crossEntropy' && spec.outputs < 2) {
      fail('outputs', 'crossEntropy needs at least two classes')
    }
    if (spec.model.kind === 'linear' && spec.loss !== 'meanSquaredError') {
      fail('loss', 'a linear model is trained by meanSquaredError')
    }
    if (spec.model.kind === 'embeddingBag' && spec.inputShape.length !== 1) {
      fail('inputShape', 'a bag of embeddings needs [tokensMax]')
    }
    if (spec.model.kind === 'logistic' && spec.loss !== 'crossEntropy') {
      fail('loss', 'a logistic model is trained by crossEntropy')
    }
    if (spec.model.kind === 'transformer') checkTransformer(spec.model, spec, fail)
    if (spec.model.kind === 'graph' && readsTokens(spec.model)) checkTokens(spec, fail)
    if (spec.model.kind === 'cnn') {
      const [, height = 0, width = 0] = spec.inputShape
      const factor = 2 ** spec.model.channels.length
      if (height < factor || width < factor) {
        fail(
          'inputShape',
          `${spec.model.channels.length} poolings need [channels, height, width] of at least ${factor} x ${factor}`,
        )
      }
    }
  })
export type TrainSpec = z.infer<typeof trainSpecSchema>

/** What decides a model's forward graph. */
export type ModelShape = Pick<TrainSpec, 'model' | 'inputShape' | 'outputs'>

/** Whether rows are sequences of tokens: x and y are I32 [rows, context]. */
export function hasTokens({ model }: Pick<TrainSpec, 'model'>): boolean {
  return model.kind === 'transformer' || (model.kind === 'graph' && readsTokens(model))
}

/** Whether x holds tokens, I32 [rows, positions]: of those that have targets of their own or a class for each row. */
export function takesTokens({ model }: Pick<TrainSpec, 'model'>): boolean {
  return hasTokens({ model }) || model.kind === 'embeddingBag'
}

type Fail = (path: string, message: string) => void

function checkTokens(
  { inputShape, loss }: { inputShape: readonly number[]; loss: string },
  fail: Fail,
): void {
  if (loss !== 'crossEntropy') fail('loss', 'a transformer is trained by crossEntropy')
  if (inputShape.length !== 1) fail('inputShape', 'a transformer needs [context]')
}

function checkTransformer(
  { width, heads, positions }: TransformerSpec,
  spec: { inputShape: readonly number[]; loss: string },
  fail: Fail,
): void {
  checkTokens(spec, fail)
  if (width % heads !== 0) fail('model', `${heads} heads do not divide the width ${width}`)
  else if (positions === 'rotary' && (width / heads) % 2 === 1) {
    fail('model', 'rotary positions need heads of an even width')
  }
}

/** The vectors of moments that an optimizer carries beside the parameters. */
export function momentsOf({ optimizer }: TrainSpec): readonly ('m' | 'v')[] {
  if (optimizer.kind === 'adamw') return ['m', 'v']
  return (optimizer.momentum ?? 0) > 0 ? ['m'] : []
}

/** Whole rounds in one segment. */
export function roundsPerSegment(spec: TrainSpec): number {
  return Math.ceil(spec.segmentSteps / spec.localSteps)
}

/** Segments of one worker in one attempt. */
export function segmentsPerWorker(spec: TrainSpec): number {
  return Math.ceil(spec.rounds / roundsPerSegment(spec))
}
