import { createEngine, type Engine } from '#compute/exact/engine.ts'
import type { NamedParameter } from '#compute/export/onnx-forward.ts'
import { trainSpecSchema, type TrainSpec, type TransformerSpec } from '#wire/spec.ts'
import { tokensOfBytes, vocabulary } from '#wire/vocabulary.ts'
import { mlpSpec, readWasm, seed } from '../fixtures.ts'

const text = 'the quern turns, the grain is ground; the wheel turns, the flour is found.\n'
const context = 64
const batchSize = 4

/** Small models of every style that GGUF can hold. */
export const styles: Readonly<Record<string, Partial<TransformerSpec>>> = {
  llama: { norm: 'rms', feedForward: 'swiglu', positions: 'rotary', tied: false },
  'llama, tied': { norm: 'rms', feedForward: 'swiglu', positions: 'rotary', tied: true },
  gpt2: { norm: 'layer', feedForward: 'gelu', positions: 'learned', tied: true },
  'gpt2, own head': { norm: 'layer', feedForward: 'gelu', positions: 'learned', tied: false },
  bitnet: {
    norm: 'rms',
    feedForward: 'swiglu',
    positions: 'rotary',
    tied: true,
    ternary: true,
    width: 256,
    hidden: 256,
    layers: 1,
  },
  'bitnet of narrow rows': {
    norm: 'rms',
    feedForward: 'swiglu',
    positions: 'rotary',
    tied: true,
    ternary: true,
  },
}

export function specOf(style: Partial<TransformerSpec>): TrainSpec {
  const model = {
    kind: 'transformer',
    layers: 2,
    width: 64,
    heads: 4,
    hidden: 96,
    norm: 'rms',
    feedForward: 'swiglu',
    positions: 'rotary',
    dropout: 0,
    tied: true,
    ternary: false,
    ...style,
  }
  return trainSpecSchema.parse({
    ...mlpSpec,
    optimizer: { ...mlpSpec.optimizer, learningRate: 0.003 },
    schedule: 'constant',
    model,
    inputShape: [context],
    outputs: vocabulary.size,
    batchSize,
  })
}

/** An engine that has learned the text by heart. */
export async function learned(spec: TrainSpec, steps: number): Promise<Engine> {
  const engine = await createEngine(spec, await readWasm())
  engine.initialize(seed)
  const tokens = tokensOfBytes(new TextEncoder().encode(text.repeat(4)))
  for (let step = 0; step < steps; step += 1) {
    for (let row = 0; row < batchSize; row += 1) {
      const from = (step * 13 + row * 19) % text.length
      engine.x.set(tokens.subarray(from, from + context), row * context)
      engine.y.set(tokens.subarray(from + 1, from + 1 + context), row * context)
    }
    engine.train()
  }
  return engine
}

/** The likeliest tokens after a prompt, one by one. */
export function greedy(engine: Engine, prompt: readonly number[], count: number): number[] {
  const tokens = [...prompt]
  engine.y.fill(0)
  while (tokens.length < prompt.length + count) {
    engine.x.fill(0)
    engine.x.set(tokens)
    const start = (tokens.length - 1) * vocabulary.size
    const row = engine.forward().logits.subarray(start, start + vocabulary.size)
    tokens.push(row.indexOf(row.reduce((a, b) => Math.max(a, b))))
  }
  return tokens.slice(prompt.length)
}

export function promptOf(words: string): number[] {
  return [...tokensOfBytes(new TextEncoder().encode(words))]
}

export function namedOf(engine: Engine): NamedParameter[] {
  return engine.parameters.map(({ name, shape, offset, size }) => {
    return { name, shape, values: engine.p.slice(offset, offset + size) }
  })
}
