import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { prepareDigits, prepareJob } from '#compute/data/prepare.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import { encodeOnnx } from '#compute/export/onnx.ts'
import { type NamedParameter, addForward } from '#compute/export/onnx-forward.ts'
import { createGraphWriter, encodeModel } from '#compute/export/onnx-writer.ts'
import { decodeSafetensors } from '#compute/export/safetensors.ts'
import { createEngine, type Engine } from '#compute/exact/engine.ts'
import type { RowPreprocessing } from '#wire/preprocessing.ts'
import type { ModelSpec } from '#wire/spec.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { scratch } from '../data/scratch.ts'
import { createRows, mlpSpec } from '../fixtures.ts'
import { fixtures } from '../import/fixtures.ts'

const tolerance = 1e-4
const seed = `0x${'5e'.repeat(32)}` as const
const wasm = new Uint8Array(readFileSync('compute/exact/kernels.wasm'))

beforeAll(() => {
  env.wasm.numThreads = 1
})

/** Trains a few steps on the first rows, so that no parameter is zero. */
async function trained(job: PreparedJob, steps = 20): Promise<Engine> {
  const engine = await createEngine({ ...job.train, batchSize: 16 }, wasm)
  engine.initialize(seed)
  const { x, y } = rowsOf(job.trainSet, 16)
  engine.x.set(x)
  engine.y.set(y)
  for (let i = 0; i < steps; i++) engine.train()
  return engine
}

function rowsOf({ bytes, rows }: PreparedJob['trainSet'], count: number) {
  const file = decodeSafetensors(bytes)
  const values = file.tensors.get('x')?.values as Float32Array
  const y = file.tensors.get('y')?.values as Int32Array | Float32Array
  return { x: values.subarray(0, (count * values.length) / rows), y: y.subarray(0, count) }
}

function fittedOf({ preprocessing }: PreparedJob): RowPreprocessing {
  if (preprocessing.kind === 'text') throw new Error('a text has no target')
  return preprocessing
}

function onnxOf(job: PreparedJob, engine: Engine): Uint8Array {
  const named = engine.parameters.map(({ name, shape, offset, size }): NamedParameter => {
    return { name, shape, values: engine.p.subarray(offset, offset + size) }
  })
  return encodeOnnx(job.train, fittedOf(job), named)
}

async function runOnnx(bytes: Uint8Array, x: Float32Array, shape: readonly number[]) {
  const session = await InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  const results = await session.run({ x: new Tensor('float32', x, shape) })
  const [name] = session.outputNames
  const values = results[name as string]?.data as Float32Array
  await session.release()
  return { name, values }
}

/** The forward graph alone, as a file of its own. */
function addForwardOnly(spec: TrainSpec, parameters: readonly NamedParameter[]): Uint8Array {
  const graph = createGraphWriter()
  const logits = addForward(graph, spec, { input: 'x', parameters })
  graph.node('Identity', [logits], { output: 'y' })
  return encodeModel(graph, {
    inputs: [{ name: 'x', type: 'f32', shape: ['rows', ...spec.inputShape] }],
    outputs: [{ name: 'y', type: 'f32', shape: ['rows', spec.outputs] }],
    opset: 20,
    irVersion: 9,
  })
}

/** What the engine says of the first rows of the training part, in the units of the ONNX file. */
function answerOf(engine: Engine, job: PreparedJob): number[] {
  const { logits } = engine.forward()
  const { target } = fittedOf(job)
  if (target.kind === 'value') return [...logits].map((value) => value * target.std + target.mean)
  const width = job.train.outputs
  return Array.from({ length: 16 }, (_, row) => {
    const weights = [...logits.subarray(row * width, (row + 1) * width)].map(Math.exp)
    const sum = weights.reduce((a, b) => a + b, 0)
    return weights.map((weight) => weight / sum)
  }).flat()
}

function expectClose(found: Float32Array, expected: readonly number[]) {
  expect(found).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value))
    expect(difference, `output ${i}: ${found[i]} for ${value}`).toBeLessThan(tolerance)
  }
}

/** Rows whose raw values and file stand side by side: no split shuffles them, for the test file is the training file. */
function mixedTable() {
  const raw = Array.from({ length: 16 }, (_, i) => [
    i % 5 ? (i * 13) % 7 : Number.NaN,
    i % 3,
    i * 100 + 0.5,
  ])
  const lines = raw.map(([a = 0, b = 0, c = 0], i) =>
    [Number.isNaN(a) ? '' : a, 'xyz'[b], c, i % 2 ? 'no' : 'yes', (a || 3) * 2 - b].join(','),
  )
  return { raw, file: scratch('a.csv', `a,b,c,kind,value\n${lines.join('\n')}\n`) }
}

const tableCases = [
  ['logistic', { target: 'kind', drop: ['value'], model: 'linear' }],
  ['linear', { target: 'value', drop: ['kind'], task: 'regress', model: 'linear' }],
  ['mlp', { target: 'kind', drop: ['value'], model: 'mlp' }],
  ['mlp', { target: 'value', drop: ['kind'], task: 'regress', model: 'mlp' }],
] as const

describe('encodeOnnx', () => {
  test.each(tableCases)(
    'gives onnxruntime the predictions of a %s on raw columns',
    async (kind, options) => {
      const { raw, file } = mixedTable()
      const job = await prepareJob([file], { ...options, testFiles: [file] })
      expect(job.train.model.kind).toBe(kind)
      const engine = await trained(job)
      const { x } = rowsOf(job.heldOut, 16)
      engine.x.set(x)
      const bytes = onnxOf(job, engine)
      const { name, values } = await runOnnx(bytes, Float32Array.from(raw.flat()), [16, 3])
      expect(name).toBe(job.task === 'classify' ? 'probabilities' : 'value')
      expectClose(values, answerOf(engine, job))
      expect(onnxOf(job, engine)).toEqual(bytes)
      await engine.close()
    },
  )

  test.each(['cnn', 'mlp', 'linear'] as const)('takes raw pixels for a %s', async (model) => {
    const job = prepareDigits({ rows: 60, model })
    const engine = await trained(job)
    const { divisor } = job.preprocessing.kind === 'image' ? job.preprocessing : { divisor: 0 }
    const pixels = rowsOf(job.trainSet, 16).x.map((value) => Math.round(value * divisor))
    const { values } = await runOnnx(onnxOf(job, engine), pixels, [16, 1, 16, 16])
    expectClose(values, answerOf(engine, job))
    await engine.close()
  })

  test('takes the places of words for texts', async () => {
    const words = ['good', 'bad', 'fine', 'awful', 'fair']
    const lines = Array.from({ length: 90 }, (_, i) => {
      return `it is ${words[i % 5]} and ${words[(i * 7) % 4]} ${i},${i % 2 ? 'no' : 'yes'}`
    })
    const job = await prepareJob([scratch('a.csv', `text,label\n${lines.join('\n')}\n`)])
    const engine = await trained(job)
    const { x } = rowsOf(job.trainSet, 16)
    const session = await InferenceSession.create(onnxOf(job, engine), {
      executionProviders: ['wasm'],
    })
    const tokens = new Tensor('int32', Int32Array.from(x), [16, ...job.train.inputShape])
    const found = (await session.run({ x: tokens }))['probabilities']?.data as Float32Array
    await session.release()
    expectClose(found, answerOf(engine, job))
    await engine.close()
  })

  test('normalizes by the running figures of a cnn', async () => {
    const prepared = prepareDigits({ rows: 60, model: 'cnn' })
    const model: ModelSpec = {
      kind: 'cnn',
      channels: [6, 8],
      dense: [12],
      batchNorm: true,
      pooling: 'average',
      head: 'globalAverage',
    }
    const job = { ...prepared, train: { ...prepared.train, model } }
    const engine = await trained(job)
    const { divisor } = job.preprocessing.kind === 'image' ? job.preprocessing : { divisor: 0 }
    const pixels = rowsOf(job.trainSet, 16).x.map((value) => Math.round(value * divisor))
    const { values } = await runOnnx(onnxOf(job, engine), pixels, [16, 1, 16, 16])
    expectClose(values, answerOf(engine, job))
    await engine.close()
  })

  test('writes the weights that a ternary model computes with', async () => {
    const prepared = prepareDigits({ rows: 60, model: 'mlp' })
    const model: ModelSpec = { kind: 'mlp', hidden: [24, 12], ternary: true }
    const job = { ...prepared, train: { ...prepared.train, model } }
    const engine = await trained(job)
    const { divisor } = job.preprocessing.kind === 'image' ? job.preprocessing : { divisor: 0 }
    const pixels = rowsOf(job.trainSet, 16).x.map((value) => Math.round(value * divisor))
    const { values } = await runOnnx(onnxOf(job, engine), pixels, [16, 1, 16, 16])
    expectClose(values, answerOf(engine, job))
    await engine.close()
  })

  test.each(fixtures.map((fixture) => [fixture.title, fixture] as const))(
    'writes an imported graph: %s',
    async (_title, { bytes, inputShape }) => {
      const { model, outputs, parameters } = importOnnx(bytes, 'a')
      const train = { ...mlpSpec, model, inputShape: [...inputShape], outputs, batchSize: 4 }
      const engine = await createEngine(train, wasm)
      engine.p.set(parameters)
      const named = engine.parameters.map(({ name, shape, offset, size }): NamedParameter => {
        return { name, shape, values: engine.p.subarray(offset, offset + size) }
      })
      const { x } = createRows(train, 4)
      const logits = addForwardOnly(train, named)
      engine.x.set(x)
      const { values } = await runOnnx(logits, x, [4, ...inputShape])
      expectClose(values, [...engine.forward().logits])
      await engine.close()
    },
  )

  test('gives the committed bytes', () => {
    const parameters = [
      { name: 'dense1.weight', shape: [2, 1], values: Float32Array.of(1, -2) },
      { name: 'dense1.bias', shape: [1], values: Float32Array.of(0.5) },
    ]
    const number = { kind: 'number', fill: 0, mean: 1, std: 2 } as const
    const bytes = encodeOnnx(
      { model: { kind: 'linear' }, inputShape: [2], outputs: 1 },
      {
        kind: 'table',
        columns: [
          { ...number, name: 'a' },
          { ...number, name: 'b' },
        ],
        columnCount: 3,
        target: { kind: 'value', name: 'y', mean: 10, std: 3 },
      },
      parameters,
    )
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '190352a212968141b30744b3d118c923eb3775918a75d9abc324baa1a8228eb0',
    )
  })
})
