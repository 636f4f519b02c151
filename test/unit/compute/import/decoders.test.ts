import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { encodeTextOnnx } from '#compute/export/onnx.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import type { ImportedModel } from '#compute/import/imported-model.ts'
import { canonicalText } from '#wire/canonical.ts'
import { graphModelSchema } from '#wire/graph-model.ts'
import { trainSpecSchema, type TrainSpec } from '#wire/spec.ts'
import { createFloats, gptSpec, llamaSpec, readWasm, rowsOf, seed } from '../fixtures.ts'
import { namedOf } from '../export/gguf-models.ts'
import { type DecoderFixture, decoderFixtures } from './decoder-fixtures.ts'
import { sides } from './decoder-sheet.ts'

const batchSize = 4
const tolerance = 2e-5

beforeAll(() => {
  env.wasm.numThreads = 1
})

function specOf({ model, inputShape, outputs }: ImportedModel): TrainSpec {
  return trainSpecSchema.parse({
    ...gptSpec,
    model,
    inputShape: [...inputShape],
    outputs,
    batchSize,
  })
}

async function engineOf(imported: ImportedModel, changes: Partial<TrainSpec> = {}) {
  const spec = { ...specOf(imported), ...changes }
  const engine = await createEngine(spec, await readWasm())
  engine.initialize(seed)
  const { x, y } = rowsOf(spec, batchSize)
  engine.x.set(x)
  engine.y.set(y)
  return engine
}

/** What onnxruntime computes, as many rows at once as the file takes. */
async function runOnnx({ bytes, batch }: DecoderFixture, tokens: Int32Array): Promise<number[]> {
  const session = await InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  const { context } = sides
  const rows = batch === 0 ? batchSize : batch
  const found: number[] = []
  for (let at = 0; at < tokens.length; at += rows * context) {
    const part = BigInt64Array.from(tokens.slice(at, at + rows * context), BigInt)
    const input = new Tensor('int64', part, [rows, context])
    const outputs = await session.run({ input_ids: input })
    found.push(...(outputs[session.outputNames[0] as string]?.data as Float32Array))
  }
  await session.release()
  return found
}

/** Logits but for a constant of each place, which a softmax takes away. */
function centred(values: readonly number[]): number[] {
  const { vocabulary } = sides
  return values.map((value, i) => {
    const from = i - (i % vocabulary)
    return value - values.slice(from, from + vocabulary).reduce((a, b) => a + b, 0) / vocabulary
  })
}

const cases = decoderFixtures.map((fixture) => [fixture.title, fixture] as const)

describe('importOnnx of decoders', () => {
  test.each(cases)('computes what onnxruntime computes: %s', async (_title, fixture) => {
    const imported = importOnnx(fixture.bytes, 'decoder.onnx')
    expect([imported.inputShape, imported.outputs]).toEqual([[sides.context], sides.vocabulary])
    expect(imported.notes).toEqual(fixture.notes)
    const operators = new Set(imported.model.nodes.map(({ operator }) => operator))
    expect([...operators].toSorted()).toEqual(fixture.operators)
    const engine = await engineOf(imported)
    expect(engine.parameterCount).toBe(imported.parameters.length)
    engine.p.set(imported.parameters)
    const expected = centred(await runOnnx(fixture, engine.x as Int32Array))
    const found = centred([...engine.forward().logits])
    expect(found).toHaveLength(expected.length)
    for (const [i, value] of expected.entries()) {
      const difference = Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value))
      expect(difference, `logit ${i}`).toBeLessThan(tolerance)
    }
    await engine.close()
  })

  test.each(cases)('learns: %s', async (_title, fixture) => {
    const imported = importOnnx(fixture.bytes, 'decoder.onnx')
    const engine = await engineOf(imported)
    engine.p.set(imported.parameters)
    const losses = Array.from({ length: 100 }, () => engine.train())
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number))
    await engine.close()
  })

  test.each(cases)('gives each parameter its slope: %s', async (_title, fixture) => {
    const imported = importOnnx(fixture.bytes, 'decoder.onnx')
    const engine = await engineOf(imported, { optimizer: { kind: 'sgd', learningRate: 1e-30 } })
    engine.p.set(imported.parameters)
    const start = engine.p.slice()
    engine.train()
    const gradient = engine.g.slice()
    const count = batchSize * sides.context
    for (const { name, offset, size } of engine.parameters) {
      const slope = gradient.subarray(offset, offset + size)
      const length = Math.hypot(...slope)
      const lossAt = (shift: number) => {
        engine.p.set(start)
        for (let i = offset; i < offset + size; i += 1) {
          engine.p[i] = (start[i] as number) + (shift * (gradient[i] as number)) / length
        }
        return engine.forward().losses.reduce((sum, loss) => sum + loss, 0) / count
      }
      const shift = 1e-3
      const found = (lossAt(shift) - lossAt(-shift)) / (2 * shift)
      expect(length, name).toBeGreaterThan(5e-4)
      const rounding = 1e-4 // of the two losses
      expect(Math.abs(found - length), name).toBeLessThan(0.02 * length + rounding)
    }
    await engine.close()
  })

  test.each([
    ['GPT-2', gptSpec],
    ['llama', llamaSpec],
  ])('takes our own files back: %s', async (_style, spec) => {
    const engine = await createEngine({ ...spec, batchSize }, await readWasm())
    engine.initialize(seed)
    const next = createFloats(9)
    for (let i = 0; i < engine.p.length; i += 1)
      engine.p[i] = (engine.p[i] as number) + 0.2 * next()
    const imported = importOnnx(encodeTextOnnx(spec, namedOf(engine)), 'our.onnx')
    expect(imported.parameters).toHaveLength(engine.parameterCount)
    const back = await createEngine(
      trainSpecSchema.parse({ ...spec, model: imported.model, batchSize }),
      await readWasm(),
    )
    back.p.set(imported.parameters)
    const { x } = rowsOf({ ...spec, batchSize }, batchSize)
    engine.x.set(x)
    back.x.set(x)
    expect(back.forward().logits).toEqual(engine.forward().logits)
    await Promise.all([engine.close(), back.close()])
  })

  test('gives a canonical specification that comes back equal, and is exported again', () => {
    for (const { bytes } of decoderFixtures) {
      const imported = importOnnx(bytes, 'a')
      const { model, outputs, inputShape, parameters } = imported
      expect(graphModelSchema.parse(JSON.parse(canonicalText(model)))).toEqual(model)
      let at = 0
      const named = model.parameters.map(({ name, shape }) => {
        const size = shape.reduce((product, side) => product * side, 1)
        at += size
        return { name, shape, values: parameters.slice(at - size, at) }
      })
      const again = importOnnx(
        encodeTextOnnx({ model, outputs, inputShape: [...inputShape] }, named),
        'b',
      )
      expect(again.parameters).toHaveLength(parameters.length)
    }
  })
})
