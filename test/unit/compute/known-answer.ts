// Runs in Node and in browsers: nothing here or below may import from node:.
import { toHex } from '#base/hex.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { createWords, streamKeyOf } from '#compute/exact/random.ts'
import { type EngineOptions, createEngine } from '#compute/exact/engine.ts'
import { createBatches } from '#compute/train/batches.ts'
import { stateRootOf } from '#compute/train/commit.ts'
import { type Rows, loadBatch } from '#compute/train/rows.ts'
import { leafOfEngine } from '#compute/train/state.ts'
import { type TrainSpec, hasTokens } from '#wire/spec.ts'
import { windowsModel } from './known-windows.ts'

const rowCount = 500
const seed = `0x${'5a'.repeat(32)}` as const
const segmentSeed = `0x${'c3'.repeat(32)}` as const

const common = {
  outputs: 10,
  loss: 'crossEntropy',
  optimizer: {
    kind: 'adamw',
    learningRate: 0.001,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  },
  schedule: 'linear',
  localSteps: 8,
  rounds: 50,
  segmentSteps: 32,
  aggregation: 'mean',
} as const

/** The models whose first 200 steps have committed hashes: those of the benchmark, and small ones of each kind. */
export const knownSpecs = {
  mlp: {
    ...common,
    model: { kind: 'mlp', hidden: [256] },
    inputShape: [784],
    batchSize: 128,
  },
  cnn: {
    ...common,
    model: { kind: 'cnn', channels: [16, 32], dense: [128] },
    inputShape: [1, 28, 28],
    batchSize: 64,
  },
  cnnNorm: {
    ...common,
    model: {
      kind: 'cnn',
      channels: [8, 16],
      dense: [],
      batchNorm: true,
      pooling: 'average',
      head: 'globalAverage',
    },
    inputShape: [1, 28, 28],
    optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9 },
    schedule: 'cosine',
    warmupSteps: 20,
    batchSize: 32,
  },
  gpt: {
    ...common,
    model: {
      kind: 'transformer',
      layers: 4,
      width: 128,
      heads: 4,
      hidden: 512,
      norm: 'layer',
      feedForward: 'gelu',
      positions: 'learned',
      dropout: 0,
      tied: true,
      ternary: false,
    },
    inputShape: [64],
    outputs: 96,
    batchSize: 16,
  },
  llama: {
    ...common,
    model: {
      kind: 'transformer',
      layers: 2,
      width: 48,
      heads: 4,
      hidden: 100,
      norm: 'rms',
      feedForward: 'swiglu',
      positions: 'rotary',
      dropout: 0.1,
      tied: false,
      ternary: false,
    },
    inputShape: [24],
    outputs: 67,
    batchSize: 8,
  },
  bitnet: {
    ...common,
    model: {
      kind: 'transformer',
      layers: 2,
      width: 32,
      heads: 2,
      hidden: 80,
      norm: 'rms',
      feedForward: 'swiglu',
      positions: 'rotary',
      dropout: 0,
      tied: true,
      ternary: true,
    },
    inputShape: [17],
    outputs: 50,
    batchSize: 7,
  },
  windows: {
    ...common,
    model: windowsModel,
    inputShape: [1, 28, 28],
    batchSize: 16,
  },
} satisfies Record<string, TrainSpec>
export type KnownName = keyof typeof knownSpecs

export interface Answer {
  /** State root after the last step. */
  readonly state: string
  /** SHA-256 of the losses as little-endian binary32. */
  readonly losses: string
}

/** Trains a benchmark model for `steps` steps (200) on rows made from integers. */
export async function answerOf(
  name: KnownName,
  wasm: Uint8Array<ArrayBuffer>,
  { steps = 200, ...options }: EngineOptions & { readonly steps?: number } = {},
): Promise<Answer> {
  const spec: TrainSpec = knownSpecs[name]
  const engine = await createEngine(spec, wasm, options)
  const rows = hasTokens(spec) ? createSequences(spec) : createRows()
  const batchAt = createBatches({
    segmentSeed,
    rows: rows.count,
    shard: { index: 0, count: 1 },
    batchSize: spec.batchSize,
  })
  engine.initialize(seed)
  engine.setNoise(segmentSeed)
  const losses = new Float32Array(steps)
  for (let step = 0; step < steps; step += 1) {
    loadBatch(engine, rows, batchAt(step))
    losses[step] = engine.train()
  }
  const state = stateRootOf(leafOfEngine(engine))
  await engine.close()
  return { state, losses: toHex(sha256(new Uint8Array(losses.buffer))) }
}

/** Sequences of tokens with a rule and some chance. */
function createSequences({ inputShape, outputs }: TrainSpec): Rows {
  const [context = 0] = inputShape
  const next = createWords(streamKeyOf(seed, 0, 7))
  const tokens = new Int32Array(rowCount + context + 1)
  for (let i = 0; i < tokens.length; i += 1) {
    const [a = 1, b = 7] = [tokens[i - 2], tokens[i - 1]]
    tokens[i] = (3 * a + 5 * b + (next() % 16 === 0 ? 1 : 0)) % outputs
  }
  const sequencesFrom = (shift: number) =>
    Int32Array.from({ length: rowCount * context }, (_, i) => {
      return tokens[Math.floor(i / context) + (i % context) + shift] as number
    })
  return { count: rowCount, x: sequencesFrom(0), y: sequencesFrom(1) }
}

function createRows(): Rows {
  const next = createWords(streamKeyOf(seed, 0, 7))
  const x = Float32Array.from({ length: rowCount * 784 }, () => (next() >>> 8) / 0x1000000)
  const y = Int32Array.from({ length: rowCount }, (_, i) => 10 * (x[i * 784 + 400] as number))
  return { count: rowCount, x, y }
}
