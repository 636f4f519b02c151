import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEngine, type Engine } from '#compute/exact/engine.ts'
import { createGraphWriter, type GraphWriter } from '#compute/export/onnx-writer.ts'
import { bytesField, integerField } from '#compute/export/protobuf.ts'
import { importOnnx, type ImportedModel } from '#compute/import/onnx.ts'
import { canonicalText } from '#wire/canonical.ts'
import { graphModelSchema } from '#wire/graph-model.ts'
import { trainSpecSchema, type TrainSpec } from '#wire/spec.ts'
import { fieldsOf } from '../data/scratch.ts'
import { createRows, mlpSpec, readWasm, seed } from '../fixtures.ts'
import { damage, survivesDamage } from '../mutations.ts'
import { fileOf, fixtures, type Fixture, type FileOptions } from './fixtures.ts'

const tolerance = 1e-5
const batchSize = 8

beforeAll(() => {
  env.wasm.numThreads = 1
})

function specOf({ model, inputShape, outputs }: ImportedModel): TrainSpec {
  const learningRate = 0.01
  const optimizer = {
    ...mlpSpec.optimizer,
    kind: 'adamw' as const,
    learningRate,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
  }
  return trainSpecSchema.parse({
    ...mlpSpec,
    optimizer,
    model,
    inputShape: [...inputShape],
    outputs,
    batchSize,
  })
}

async function engineOf(imported: ImportedModel) {
  const engine = await createEngine(specOf(imported), await readWasm())
  engine.initialize(seed)
  return engine
}

function fill(engine: Engine, imported: ImportedModel) {
  const { x, y } = createRows(specOf(imported), batchSize)
  engine.x.set(x)
  engine.y.set(y)
  return x
}

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

describe('importOnnx refuses', () => {
  const input = ['batch', 4]
  const made = (build: (graph: GraphWriter) => void, options: Partial<FileOptions> = {}) => {
    const graph = createGraphWriter()
    build(graph)
    return fileOf(graph, { input, ...options })
  }
  const matrix = (graph: GraphWriter, name = 'w', shape = [4, 5]) =>
    graph.floats(
      name,
      shape,
      new Float32Array(shape.reduce((size, side) => size * side, 1)).fill(0.5),
    )
  const last = { output: 'y' }
  const isY = { node: 'Gemm0', operator: 'Gemm' }

  test.each([
    [
      'an operator outside of the subset',
      'ONNX_UNSUPPORTED',
      { node: 'Sigmoid0', operator: 'Sigmoid' },
      made((graph) => graph.node('Gemm', [graph.node('Sigmoid', ['input']), matrix(graph)], last)),
    ],
    [
      'an operator of another domain',
      'ONNX_UNSUPPORTED',
      { operator: 'FusedConv' },
      made((graph) => graph.node('FusedConv', ['input', matrix(graph)], last)),
    ],
    [
      'a dynamic side',
      'ONNX_DYNAMIC',
      { node: 'input' },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), {
        input: ['batch', 'features'],
      }),
    ],
    [
      'an input without a shape of rows',
      'ONNX_SHAPE',
      { node: 'input' },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), { input: [4] }),
    ],
    [
      'weights that do not fit',
      'ONNX_SHAPE',
      isY,
      made((graph) => graph.node('Gemm', ['input', matrix(graph, 'w', [3, 5])], last)),
    ],
    [
      'weights of a wrong rank',
      'ONNX_SHAPE',
      isY,
      made((graph) =>
        graph.node('Gemm', ['input', graph.floats('w', [2, 2, 5], new Float32Array(20))], last),
      ),
    ],
    [
      'windows with unequal sides',
      'ONNX_SHAPE',
      { node: 'Conv0', operator: 'Conv' },
      made((graph) => graph.node('Conv', ['input', matrix(graph, 'w', [2, 1, 3, 2])], last), {
        input: ['batch', 1, 8, 8],
      }),
    ],
    [
      'computed weights',
      'ONNX_UNSUPPORTED',
      isY,
      made((graph) => graph.node('Gemm', ['input', 'input'], last)),
    ],
    [
      'a factor of a Gemm',
      'ONNX_UNSUPPORTED',
      isY,
      made((graph) =>
        graph.node('Gemm', ['input', matrix(graph)], {
          ...last,
          attributes: { alpha: { float: 2 } },
        }),
      ),
    ],
    [
      'a cycle',
      'ONNX_ORDER',
      { node: 'Add0' },
      made((graph) => {
        graph.node('Add', ['input', 'b'], { output: 'a' })
        graph.node('Relu', ['a'], { output: 'b' })
        graph.node('Gemm', ['b', matrix(graph)], last)
      }),
    ],
    [
      'a missing input',
      'ONNX_ORDER',
      isY,
      made((graph) => graph.node('Gemm', ['input', 'nowhere'], last)),
    ],
    [
      'a name given twice',
      'ONNX_INVALID',
      { node: 'Relu1' },
      made((graph) => {
        graph.node('Relu', ['input'], { output: 'a' })
        graph.node('Relu', ['a'], { output: 'a' })
        graph.node('Gemm', ['a', matrix(graph)], last)
      }),
    ],
    [
      'an added constant',
      'ONNX_UNSUPPORTED',
      { node: 'Add0' },
      made((graph) => {
        const sum = graph.node('Add', ['input', graph.floats('c', [4], [1, 2, 3, 4])])
        graph.node('Gemm', [sum, matrix(graph)], last)
      }),
    ],
    [
      'grouped convolutions',
      'ONNX_UNSUPPORTED',
      { node: 'Conv0' },
      made(
        (graph) =>
          graph.node('Conv', ['input', graph.floats('w', [2, 1, 1, 1], [1, 2])], {
            ...last,
            attributes: { group: 2 },
          }),
        { input: [1, 2, 3, 3] },
      ),
    ],
    [
      'pads of several sizes',
      'ONNX_UNSUPPORTED',
      { node: 'Conv0' },
      made(
        (graph) =>
          graph.node('Conv', ['input', graph.floats('w', [2, 2, 1, 1], [1, 2, 3, 4])], {
            ...last,
            attributes: { pads: [0, 0, 1, 1] },
          }),
        { input: [1, 2, 3, 3] },
      ),
    ],
    [
      'a mix of rows',
      'ONNX_SHAPE',
      { node: 'Reshape0' },
      made((graph) => {
        const mixed = graph.node('Reshape', ['input', graph.integers('s', [-1, 2])])
        graph.node('Gemm', [mixed, matrix(graph, 'w', [2, 5])], last)
      }),
    ],
    [
      'turned rows',
      'ONNX_UNSUPPORTED',
      { node: 'Transpose0' },
      made((graph) =>
        graph.node('Gemm', [graph.node('Transpose', ['input']), matrix(graph)], last),
      ),
    ],
    [
      'an output that is stored',
      'ONNX_INVALID',
      { node: 'y' },
      made((graph) => graph.node('Identity', [matrix(graph)], last)),
    ],
    [
      'an output of another shape',
      'ONNX_SHAPE',
      { node: 'y' },
      made((graph) => graph.node('Relu', ['input'], last), { input: [1, 2, 3, 3] }),
    ],
    [
      'weights that are not finite',
      'ONNX_INVALID',
      { node: 'y' },
      made((graph) =>
        graph.node(
          'Gemm',
          ['input', graph.floats('w', [4, 5], new Float32Array(20).fill(NaN))],
          last,
        ),
      ),
    ],
    [
      'old operators',
      'ONNX_OPSET',
      { byte: 0 },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), { opset: 9 }),
    ],
    [
      'operators to come',
      'ONNX_OPSET',
      { byte: 0 },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), { opset: 99 }),
    ],
    ['another file', 'ONNX_INVALID', {}, Buffer.from('something else')],
    ['nothing', 'ONNX_INVALID', { byte: 0 }, new Uint8Array(0)],
  ])('%s: %s', async (_title, code, place, bytes) => {
    const fields = await fieldsOf(() => importOnnx(bytes, 'model.onnx'))
    expect(fields).toMatchObject({ code, file: 'model.onnx', ...place })
  })

  test('says what to use instead', async () => {
    const bytes = made((graph) =>
      graph.node('Gemm', [graph.node('Tanh', ['input']), matrix(graph)], last),
    )
    const { message } = (await fieldsOf(() => importOnnx(bytes, 'm.onnx'))) as { message?: string }
    expect(message).toMatch(/^m\.onnx: node "Tanh0" \(Tanh\): .*use Relu; .*; supported are Add, /)
  })

  const tensorOf = (...fields: Uint8Array[]) => {
    const tensor = bytesField(5, [bytesField(8, 'w'), ...fields])
    return Buffer.concat([bytesField(7, [tensor]), bytesField(8, [integerField(2, 17)])])
  }
  test.each([
    ['weights outside of the file', 'ONNX_EXTERNAL', [integerField(2, 1), integerField(14, 1)]],
    ['weights of half precision', 'ONNX_TYPE', [integerField(2, 10)]],
    ['a side of 2^63', 'ONNX_INVALID', [integerField(2, 1), integerField(1, -(2 ** 63))]],
    [
      'sides that multiply past every limit',
      'ONNX_TOO_LARGE',
      [integerField(2, 1), ...[1, 2, 3].map(() => integerField(1, 2 ** 40))],
    ],
    [
      'fewer values than the shape says',
      'ONNX_INVALID',
      [integerField(2, 1), integerField(1, 5), bytesField(9, new Uint8Array(16))],
    ],
    ['a length that lies', 'ONNX_INVALID', [Uint8Array.of(9 * 8 + 2, 255, 255, 255, 255, 127)]],
    ['an integer without end', 'ONNX_INVALID', [Uint8Array.of(16, ...Array<number>(12).fill(255))]],
    ['a group', 'ONNX_INVALID', [Uint8Array.of(8 * 8 + 3)]],
  ])('%s: %s', async (_title, code, fields) => {
    const found = await fieldsOf(() => importOnnx(tensorOf(...fields), 'm.onnx'))
    expect(found).toMatchObject({ code, byte: expect.any(Number) })
  })

  const { seed: first, cases } = damage
  test(`damaged files by code and place, or reads what can be trained (${cases} of them, seed ${first})`, async () => {
    const codes = [
      'INVALID',
      'UNSUPPORTED',
      'TOO_LARGE',
      'OPSET',
      'EXTERNAL',
      'TYPE',
      'DYNAMIC',
      'SHAPE',
      'ORDER',
    ]
    const read = (bytes: Uint8Array) => {
      const imported = importOnnx(bytes, 'm.onnx')
      expect(trainSpecSchema.safeParse(specOf(imported)).success).toBe(true)
    }
    const files = fixtures.map(({ bytes }) => bytes)
    const options = { codes: codes.map((code) => `ONNX_${code}`), places: ['byte', 'node'] }
    const { read: count } = await survivesDamage(files, read, options)
    expect(count).toBeGreaterThan(cases / 100)
  })
})
