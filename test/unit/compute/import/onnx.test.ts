import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildTraining } from '#compute/graph/training.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import { canonicalText } from '#wire/canonical.ts'
import { graphModelSchema, runningFigures } from '#wire/graph-model.ts'
import { fixtures, type Fixture } from './fixtures.ts'
import { batchSize, engineOf, fill, specOf } from './imported.ts'

const tolerance = 1e-5

beforeAll(() => {
  env.wasm.numThreads = 1
})

/** What onnxruntime computes, row by row where the file fixes a batch of one. */
async function runOnnx(
  { bytes, inputShape, logits, outputs }: Fixture,
  x: Float32Array,
): Promise<number[]> {
  const session = await InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  const width = x.length / batchSize
  const found: number[] = []
  for (let row = 0; row < batchSize; row += 1) {
    const one = new Tensor('float32', x.slice(row * width, (row + 1) * width), [1, ...inputShape])
    const { y } = await session.run({ input: one })
    found.push(...(y?.data as Float32Array))
  }
  await session.release()
  return logits === 'y' ? found : logitsOf(found, outputs)
}

/** Logarithms of probabilities, which are logits but for a constant in each row. */
function logitsOf(probabilities: number[], width: number): number[] {
  return centred(probabilities.map(Math.log), width)
}

function centred(values: readonly number[], width: number): number[] {
  return values.map((value, i) => {
    const row = values.slice(i - (i % width), i - (i % width) + width)
    return value - row.reduce((a, b) => a + b, 0) / width
  })
}

describe('importOnnx', () => {
  test.each(fixtures.map((fixture) => [fixture.title, fixture] as const))(
    'computes what onnxruntime computes, then learns: %s',
    async (_title, fixture) => {
      const imported = importOnnx(fixture.bytes, 'model.onnx')
      expect([imported.inputShape, imported.outputs]).toEqual([fixture.inputShape, fixture.outputs])
      const engine = await engineOf(imported)
      expect(engine.parameterCount).toBe(imported.parameters.length)
      engine.p.set(imported.parameters)
      const x = fill(engine, imported)
      const logits = [...engine.forward().logits]
      const expected = await runOnnx(fixture, x)
      const found = fixture.logits === 'y' ? logits : centred(logits, fixture.outputs)
      expect(found).toHaveLength(expected.length)
      for (const [i, value] of expected.entries()) {
        const difference = Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value))
        expect(difference, `output ${i}`).toBeLessThan(tolerance)
      }
      const losses = Array.from({ length: 30 }, () => engine.train())
      expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] as number))
      await engine.close()
    },
  )

  test('begins from a seed where a job does not take the weights', async () => {
    const imported = importOnnx((fixtures[0] as Fixture).bytes, 'model.onnx')
    const engine = await engineOf(imported)
    fill(engine, imported)
    expect(engine.p.every((value) => value === 0)).toBe(false)
    const losses = Array.from({ length: 30 }, () => engine.train())
    expect(losses.at(-1)).toBeLessThan(losses[0] as number)
    const names = imported.model.parameters.map(({ name, initial }) => [name, initial])
    expect(names).toEqual([
      ['fc1.weight', { kind: 'normal', gain: 2, fanIn: 6 }],
      ['fc1.bias', { kind: 'zeros' }],
      ['fc2.weight', { kind: 'normal', gain: 1, fanIn: 16 }],
      ['fc2.bias', { kind: 'zeros' }],
    ])
    await engine.close()
  })

  test('folds a bias into the running mean behind it, and keeps figures apart from parameters', async () => {
    const imported = importOnnx((fixtures[7] as Fixture).bytes, 'model.onnx')
    const names = imported.model.parameters.map(({ name }) => name)
    expect(names).not.toContain('c.bias')
    expect(names).not.toContain('fc1.bias')
    expect(names).toContain('fc2.bias')
    expect(runningFigures(imported.model)).toEqual([
      'n1.running_mean',
      'n1.running_var',
      'n2.running_mean',
      'n2.running_var',
    ])
    const { parameters } = buildTraining(specOf(imported))
    const buffers = parameters.filter(({ isBuffer }) => isBuffer).map(({ name }) => name)
    expect(buffers).toEqual(runningFigures(imported.model))
  })

  test('gives a canonical specification that comes back equal', () => {
    for (const { bytes } of fixtures) {
      const { model } = importOnnx(bytes, 'a')
      expect(graphModelSchema.parse(JSON.parse(canonicalText(model)))).toEqual(model)
    }
  })

  test('says what it leaves out', () => {
    const { notes } = importOnnx((fixtures[1] as Fixture).bytes, 'a')
    expect(notes).toEqual(['the Softmax at the end is part of the loss', 'Dropout is left out'])
  })
})
