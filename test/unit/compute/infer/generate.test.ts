import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { encodeTextOnnx } from '#compute/export/onnx.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import { type Decoder, createDecoder } from '#compute/infer/decoder.ts'
import { generateTokens } from '#compute/infer/generate.ts'
import { createWholeDecoder } from '#compute/infer/whole-decoder.ts'
import { createSampler } from '#compute/infer/sampling.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import type { TrainSpec, TransformerSpec } from '#wire/spec.ts'
import { vocabulary } from '#wire/vocabulary.ts'
import { fieldsOf } from '../data/scratch.ts'
import { namedOf } from '../export/gguf-models.ts'
import { bitsOf } from '../exact/workbench.ts'
import { createFloats, mlpSpec, readWasm, seed } from '../fixtures.ts'

const llama: TransformerSpec = {
  kind: 'transformer',
  layers: 2,
  width: 24,
  heads: 4,
  hidden: 36,
  norm: 'rms',
  feedForward: 'swiglu',
  positions: 'rotary',
  dropout: 0,
  tied: true,
  ternary: false,
}
const gpt: TransformerSpec = {
  ...llama,
  heads: 3,
  norm: 'layer',
  feedForward: 'gelu',
  positions: 'learned',
  tied: false,
}
const specOf = (model: TransformerSpec, context: number): TrainSpec => ({
  ...mlpSpec,
  model,
  inputShape: [context],
  outputs: vocabulary.size,
  batchSize: 1,
})

const wasm = await readWasm()
const next = createFloats(31)
const engines: { close: () => Promise<void> }[] = []
afterAll(async () => {
  for (const engine of engines) await engine.close()
})

/** An engine whose parameters are far from their beginnings, and a decoder of the same. */
async function pair(spec: TrainSpec) {
  const engine = await createEngine(spec, wasm, { threads: 2, createTeam: createThreadTeam })
  engines.push(engine)
  engine.initialize(seed)
  for (let i = 0; i < engine.p.length; i += 1) engine.p[i] = (engine.p[i] as number) + next() * 0.2
  return { engine, decoder: await createDecoder(spec, engine.p.slice(), wasm) }
}

const tokensOf = (count: number) =>
  Int32Array.from({ length: count }, () => Math.floor(((next() + 1) / 2) * 256))

/** The tokens that a whole forward pass for each of them would give. */
function slowly(
  engine: Awaited<ReturnType<typeof pair>>['engine'],
  prompt: readonly number[],
  { count, sampler }: { count: number; sampler: ReturnType<typeof createSampler> },
): number[] {
  const context = engine.x.length
  let window = prompt.slice(-context)
  const found: number[] = []
  for (let place = 0; place < count; place += 1) {
    engine.x.fill(0)
    engine.x.set(window)
    const at = (window.length - 1) * vocabulary.size
    const token = sampler(engine.forward().logits.slice(at, at + vocabulary.size), place)
    if (token === vocabulary.endOfText) break
    found.push(token)
    window = [...window, token]
    if (window.length > context) window = window.slice(-Math.ceil(context / 2))
  }
  return found
}

describe('createDecoder', () => {
  test.each([
    ['llama', llama, 37],
    ['llama, own head', { ...llama, tied: false, width: 32, heads: 2 }, 20],
    ['bitnet', { ...llama, ternary: true }, 37],
    ['gpt2', gpt, 37],
    ['gpt2, long', { ...gpt, layers: 1 }, 150],
  ] as const)('gives the logits of the whole sequence: %s', async (_name, model, context) => {
    const { engine, decoder } = await pair(specOf(model, context))
    const tokens = tokensOf(context)
    engine.x.set(tokens)
    const whole = bitsOf(engine.forward().logits)
    const [one, several] = [[] as number[], [] as number[]]
    for (const token of tokens) one.push(...bitsOf(decoder.extend(Int32Array.of(token))))
    decoder.reset()
    for (let from = 0, size = 1; from < context; from += size, size = (size % 7) + 1) {
      several.push(...bitsOf(decoder.extend(tokens.subarray(from, from + size))))
    }
    expect(one).toEqual(whole)
    expect(several).toEqual(whole)
    decoder.reset()
    expect(bitsOf(decoder.extend(tokens.subarray(0, decoder.rowsMax)))).toEqual(
      whole.slice(0, Math.min(decoder.rowsMax, context) * vocabulary.size),
    )
  })

  test('adds integers where it is asked to: close to the model, alike in one row and in many', async () => {
    const spec = specOf({ ...llama, ternary: true }, 20)
    const { engine, decoder } = await pair(spec)
    const integer = await createDecoder(spec, engine.p.slice(), wasm, { isInteger: true })
    const tokens = tokensOf(20)
    const exact = decoder.extend(tokens).slice()
    const found = integer.extend(tokens).slice()
    const error = Math.hypot(...found.map((value, i) => value - (exact[i] as number)))
    expect(error / Math.hypot(...exact)).toBeLessThan(0.05)
    expect(error).toBeGreaterThan(0)
    integer.reset()
    const one = [...tokens].flatMap((token) => bitsOf(integer.extend(Int32Array.of(token))))
    expect(one).toEqual(bitsOf(found))
    const plain = createDecoder(specOf(llama, 8), new Float32Array(0), wasm, { isInteger: true })
    expect(await fieldsOf(plain)).toMatchObject({ code: 'SPEC_INVALID' })
  })

  test('SPEC_INVALID for another model, TOKEN_INVALID for no token', async () => {
    const fields = await fieldsOf(createDecoder(mlpSpec, new Float32Array(0), wasm))
    expect(fields).toMatchObject({ code: 'SPEC_INVALID' })
    const { decoder } = await pair(specOf(llama, 8))
    for (const token of [-1, 257]) {
      const wrong = await fieldsOf(() => decoder.extend(Int32Array.of(3, token)))
      expect(wrong).toMatchObject({ code: 'TOKEN_INVALID', token })
    }
    expect(decoder.length).toBe(0)
  })
})

describe('generateTokens', () => {
  const generate = (
    decoder: Decoder,
    prompt: readonly number[],
    tokensMax: number,
    options = {},
  ) => [...generateTokens(decoder, { prompt: Int32Array.from(prompt), tokensMax, ...options })]

  test.each([
    ['greedy', {}],
    ['by chance', { temperature: 0.9, topK: 50, topP: 0.95, seed: 11 }],
  ])('equals a forward pass for each token, beyond the context: %s', async (_name, options) => {
    const { engine, decoder } = await pair(specOf(llama, 12))
    for (const length of [1, 5, 12, 40]) {
      const prompt = [...tokensOf(length)]
      const sampler = createSampler(options)
      const expected = slowly(engine, prompt, { count: 30, sampler })
      expect(generate(decoder, prompt, 30, options)).toEqual(expected)
    }
  })

  test('a model given as its graph generates what its own kind does', async () => {
    const spec = specOf(gpt, 12)
    const { engine, decoder } = await pair(spec)
    const { model } = importOnnx(encodeTextOnnx(spec, namedOf(engine)), 'gpt.onnx')
    const whole = await createWholeDecoder({ ...spec, model }, engine.p.slice(), wasm)
    for (const options of [{}, { temperature: 0.9, topK: 50, seed: 11 }]) {
      const prompt = [...tokensOf(5)]
      expect(generate(whole, prompt, 30, options)).toEqual(generate(decoder, prompt, 30, options))
    }
    whole.reset()
    const wrong = await fieldsOf(() => whole.extend(Int32Array.of(257)))
    expect(wrong).toMatchObject({ code: 'TOKEN_INVALID', token: 257 })
    const rows = await fieldsOf(createWholeDecoder(mlpSpec, new Float32Array(0), wasm))
    expect(rows).toMatchObject({ code: 'SPEC_INVALID' })
  })

  test('begins a document where the prompt is empty', async () => {
    const { decoder } = await pair(specOf(gpt, 16))
    const options = { temperature: 1, seed: 4 }
    expect(generate(decoder, [], 5, options)).toEqual(
      generate(decoder, [vocabulary.endOfText], 5, options),
    )
  })

  test('ends with the text', async () => {
    const spec = specOf({ ...gpt, tied: false }, 16)
    const { engine } = await pair(spec)
    const bias = engine.parameters.find(({ name }) => name === 'finalNorm.bias')!
    const head = engine.parameters.find(({ name }) => name === 'head.weight')!
    // The last token's logit gets far above the others.
    engine.p.fill(1, bias.offset, bias.offset + bias.size)
    engine.p.fill(0, head.offset, head.offset + head.size)
    for (let row = 0; row < gpt.width; row += 1) {
      engine.p[head.offset + row * vocabulary.size + vocabulary.endOfText] = 9
    }
    const decoder = await createDecoder(spec, engine.p.slice(), wasm)
    expect(generate(decoder, [1, 2, 3], 10)).toEqual([])
  })

  test('asks for as many tokens as are taken', async () => {
    const { decoder } = await pair(specOf(llama, 64))
    const stream = generateTokens(decoder, { prompt: Int32Array.of(5), tokensMax: 50 })
    stream.next()
    stream.next()
    stream.return()
    expect(decoder.length).toBeLessThanOrEqual(3)
  })

  test.each([-1, 1.5, 1e9])('TOKENS_INVALID for %d tokens', async (tokensMax) => {
    const { decoder } = await pair(specOf(llama, 8))
    const fields = await fieldsOf(() => generate(decoder, [1], tokensMax))
    expect(fields).toMatchObject({ code: 'TOKENS_INVALID' })
  })
})
