import { readFile } from 'node:fs/promises'
import { encodeSafetensors } from '#compute/export/safetensors.ts'
import { createWords, streamKeyOf } from '#compute/exact/random.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Rows } from '#compute/train/rows.ts'
import { type TrainSpec, hasTokens } from '#wire/spec.ts'

export const seed: Hex = `0x${'5a'.repeat(32)}`
export const segmentSeed: Hex = `0x${'c3'.repeat(32)}`

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
  aggregation: 'centeredClip',
} as const

export const mlpSpec: TrainSpec = {
  ...common,
  model: { kind: 'mlp', hidden: [48] },
  inputShape: [64],
  batchSize: 32,
}

export const cnnSpec: TrainSpec = {
  ...common,
  model: { kind: 'cnn', channels: [6, 12], dense: [24] },
  inputShape: [1, 14, 14],
  batchSize: 24,
}

export const bagSpec: TrainSpec = {
  ...common,
  model: { kind: 'embeddingBag', vocabulary: 30, width: 13, hidden: [10] },
  inputShape: [9],
  outputs: 4,
  batchSize: 32,
}

export const linearSpec: TrainSpec = {
  ...common,
  model: { kind: 'linear' },
  inputShape: [13],
  outputs: 1,
  loss: 'meanSquaredError',
  optimizer: { kind: 'sgd', learningRate: 0.05 },
  schedule: 'constant',
  batchSize: 16,
}

/** A transformer as GPT-2's: layer norm, biases, learned positions, tied head. */
export const gptSpec: TrainSpec = {
  ...common,
  model: {
    kind: 'transformer',
    layers: 2,
    width: 24,
    heads: 3,
    hidden: 40,
    norm: 'layer',
    feedForward: 'gelu',
    positions: 'learned',
    dropout: 0,
    tied: true,
    ternary: false,
  },
  inputShape: [11],
  outputs: 19,
  batchSize: 5,
}

/** A transformer as llama's: RMS norm, no biases, rotary positions, SwiGLU, its own head. */
export const llamaSpec: TrainSpec = {
  ...gptSpec,
  model: {
    kind: 'transformer',
    layers: 2,
    width: 20,
    heads: 2,
    hidden: 28,
    norm: 'rms',
    feedForward: 'swiglu',
    positions: 'rotary',
    dropout: 0,
    tied: false,
    ternary: false,
  },
}

/** The compiled kernels. */
export async function readWasm(): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL('../../../compute/exact/kernels.wasm', import.meta.url)
  return new Uint8Array(await readFile(url))
}

/** A source of binary32 values from -1 to 1, from integers alone. */
export function createFloats(layer: number): () => number {
  const next = createWords(streamKeyOf(seed, 0, layer))
  return () => (next() >>> 8) / 0x800000 - 1
}

/** Rows with a rule to learn: the class or value follows from the mean of some inputs. */
export function createRows(spec: TrainSpec, count: number) {
  const width = spec.inputShape.reduce((product, side) => product * side, 1)
  const next = createFloats(7)
  const x = Float32Array.from({ length: count * width }, next)
  const levels = Array.from({ length: count }, (_, i) => {
    const row = x.subarray(i * width, (i + 1) * width)
    return ((row[0] as number) + (row[width >> 1] as number) + 2) / 4 // 0 to 1
  })
  const y =
    spec.loss === 'crossEntropy'
      ? Int32Array.from(levels, (level) => Math.min(spec.outputs - 1, level * spec.outputs))
      : Float32Array.from({ length: count * spec.outputs }, (_, i) => {
          return 2 * (levels[Math.floor(i / spec.outputs)] as number) - 1
        })
  return { count, x, y }
}

/** Sequences in which a token follows from the two before it. */
function createSequences({ inputShape, outputs }: TrainSpec, count: number): Rows {
  const [context = 0] = inputShape
  const next = createFloats(7)
  const x = new Int32Array(count * context)
  const y = new Int32Array(count * context)
  for (let row = 0; row < count; row += 1) {
    let [a = 0, b = 0] = [next(), next()].map((value) => Math.floor(((value + 1) / 2) * outputs))
    for (let place = 0; place < context; place += 1) {
      x[row * context + place] = b
      ;[a, b] = [b, (3 * a + 5 * b + 1) % outputs]
      y[row * context + place] = b
    }
  }
  return { count, x, y }
}

/** Bags of some tokens, filled up with padding; the class follows from the first. */
function createBags({ inputShape, outputs, model }: TrainSpec, count: number): Rows {
  const [positions = 0] = inputShape
  const vocabulary = model.kind === 'embeddingBag' ? model.vocabulary : 0
  const next = createFloats(7)
  const below = (high: number) => Math.floor(((next() + 1) / 2) * high)
  const x = new Int32Array(count * positions).fill(-1)
  const y = new Int32Array(count)
  for (let row = 0; row < count; row += 1) {
    const length = row === 1 ? 0 : 1 + below(positions)
    for (let i = 0; i < length; i += 1) x[row * positions + i] = below(vocabulary)
    y[row] = Math.max(0, x[row * positions] as number) % outputs
  }
  return { count, x, y }
}

/** Sequences for a transformer, bags of tokens for a bag of embeddings, else `createRows`. */
export function rowsOf(spec: TrainSpec, count: number): Rows {
  if (spec.model.kind === 'embeddingBag') return createBags(spec, count)
  return hasTokens(spec) ? createSequences(spec, count) : createRows(spec, count)
}

/** The same as the bytes of a rows file. */
export function encodeRows(spec: TrainSpec, count: number): Uint8Array {
  const { x, y } = rowsOf(spec, count)
  if (x instanceof Int32Array && y instanceof Int32Array) {
    const shape = [count, ...spec.inputShape]
    return encodeSafetensors({
      x: { dtype: 'I32', shape, values: x },
      y: { dtype: 'I32', shape, values: y },
    })
  }
  const label =
    y instanceof Int32Array
      ? { dtype: 'I32' as const, shape: [count], values: y }
      : { dtype: 'F32' as const, shape: [count, spec.outputs], values: y }
  return encodeSafetensors({
    x: { dtype: 'F32', shape: [count, ...spec.inputShape], values: x as Float32Array },
    y: label,
  })
}
