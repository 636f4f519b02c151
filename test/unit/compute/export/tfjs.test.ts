import { describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { encodeTfjs } from '#compute/export/tfjs.ts'
import { parametersOf } from '#compute/graph/training.ts'
import type { ImportedModel } from '#compute/import/imported-model.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import { decodeTfjs } from '#compute/import/tfjs-file.ts'
import { importTfjs } from '#compute/import/tfjs.ts'
import { preprocessingSchema, type RowPreprocessing } from '#wire/preprocessing.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { fieldsOf } from '../data/scratch.ts'
import {
  bagSpec,
  cnnSpec,
  createRows,
  gptSpec,
  linearSpec,
  mlpSpec,
  readWasm,
  seed,
} from '../fixtures.ts'
import { fixtures as onnxFixtures, type Fixture } from '../import/fixtures.ts'
import { specOf } from '../import/imported.ts'
import { type TfjsFixture, fixtures } from '../import/tfjs-fixtures.ts'
import { channelsLast, loadTfLayers, tfjsMissing } from '../tfjs-peer.ts'

const tolerance = 1e-5
const divisor = 4
const mean = 3
const std = 2

const ofFile = (imported: ImportedModel) => ({ spec: specOf(imported), imported })
const ofTfjs = ({ json, weights }: TfjsFixture) =>
  ofFile(importTfjs(decodeTfjs(json, 'model.json'), [weights]))
const ofOnnx = (index: number) =>
  ofFile(importOnnx((onnxFixtures[index] as Fixture).bytes, 'model.onnx'))

const color = { ...cnnSpec, inputShape: [3, 12, 8] }
const cases: Readonly<Record<string, { spec: TrainSpec; imported?: ImportedModel }>> = {
  'an MLP': { spec: mlpSpec },
  'an MLP of images': { spec: { ...mlpSpec, inputShape: [60] } },
  'a ternary MLP': { spec: { ...mlpSpec, model: { kind: 'mlp', hidden: [12], ternary: true } } },
  'a linear model': { spec: linearSpec },
  'a CNN of colors': { spec: color },
  'a CNN with batch norms and averages': {
    spec: {
      ...color,
      model: { ...cnnSpec.model, batchNorm: true, pooling: 'average', head: 'globalAverage' },
    } as TrainSpec,
  },
  ...Object.fromEntries(fixtures.map((fixture) => [fixture.title, ofTfjs(fixture)])),
  'an imported CNN': ofOnnx(3),
  'imported batch norms': ofOnnx(7),
}

/** What a training on such rows says about them. */
function preprocessingOf({ inputShape, outputs, loss }: TrainSpec, title: string) {
  const target =
    loss === 'crossEntropy'
      ? { kind: 'class', name: 'y', labels: Array.from({ length: outputs }, (_, i) => `${i}`) }
      : { kind: 'value', name: 'y', mean, std }
  const shape = title.endsWith('images') ? [3, 4, 5] : inputShape
  const column = { kind: 'number', name: 'a', fill: 0, mean: 0, std: 1 }
  const input =
    shape.length === 3
      ? { kind: 'image', shape, divisor }
      : { kind: 'table', columns: inputShape.map(() => column), columnCount: 2 }
  return preprocessingSchema.parse({ ...input, target }) as RowPreprocessing
}

async function made(title: string) {
  const { spec, imported } = cases[title] as { spec: TrainSpec; imported?: ImportedModel }
  const engine = await createEngine(spec, await readWasm())
  engine.initialize(seed)
  if (imported) engine.p.set(imported.parameters)
  const { x, y } = createRows(spec, spec.batchSize)
  engine.x.set(x)
  engine.y.set(y)
  for (let step = 0; step < 3; step += 1) engine.train()
  const parameters = parametersOf(spec).map(({ name, shape, offset, size }) => {
    return { name, shape, values: engine.p.slice(offset, offset + size) }
  })
  const logits = [...engine.forward().logits]
  await engine.close()
  const preprocessing = preprocessingOf(spec, title)
  return { spec, x, logits, preprocessing, files: encodeTfjs(spec, preprocessing, parameters) }
}

function expectEqual(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found).toHaveLength(expected.length)
  for (let i = 0; i < expected.length; i += 1) {
    const [a = 0, b = 0] = [found[i], expected[i]]
    expect(Math.abs(a - b) / Math.max(1, Math.abs(b)), `output ${i}`).toBeLessThan(tolerance)
  }
}

/** What the file gives instead of logits: probabilities, or values in the user's units. */
function answersOf(logits: readonly number[], { loss, outputs }: TrainSpec): number[] {
  if (loss !== 'crossEntropy') return logits.map((value) => value * std + mean)
  return logits.map((value, i) => {
    const row = logits.slice(i - (i % outputs), i - (i % outputs) + outputs)
    return 1 / row.reduce((sum, other) => sum + Math.exp(other - value), 0)
  })
}

describe('encodeTfjs', () => {
  test.for(Object.keys(cases))(
    'gives tfjs the same outputs: %s',
    { timeout: 60_000 },
    async (title, context) => {
      const tf = await loadTfLayers()
      if (!tf) return context.skip(tfjsMissing)
      const { spec, x, logits, files, preprocessing } = await made(title)
      const json = JSON.parse(new TextDecoder().decode(files.model)) as {
        modelTopology: object
        weightsManifest: [{ weights: object[] }]
      }
      const model = await tf.loadLayersModel({
        load: async () => ({
          modelTopology: json.modelTopology,
          weightSpecs: json.weightsManifest[0].weights,
          weightData: Uint8Array.from(files.weights).buffer,
        }),
      })
      const isImage = preprocessing.kind === 'image'
      const shape = isImage ? preprocessing.shape : spec.inputShape
      const [channels = 1, height = 1, width = 1] = shape
      const sides = isImage ? [height, width, channels] : shape
      const raw = channelsLast(
        isImage ? x.map((value) => value * divisor) : Float32Array.from(x),
        shape,
      )
      const answers = model.predict(tf.tensor(raw, [spec.batchSize, ...sides])).dataSync()
      expectEqual(answers, answersOf(logits, spec))
    },
  )

  test.each(Object.keys(cases))('comes back as it was: %s', async (title) => {
    const { spec, x, logits, files } = await made(title)
    const imported = importTfjs(decodeTfjs(files.model, 'model.json'), [files.weights])
    expect(imported.outputs).toBe(spec.outputs)
    const engine = await createEngine(
      { ...spec, model: imported.model, inputShape: [...imported.inputShape] },
      await readWasm(),
    )
    engine.p.set(imported.parameters)
    engine.x.set(x)
    expectEqual(engine.forward().logits, logits)
    await engine.close()
    const again = await made(title)
    expect(again.files).toEqual(files)
  })

  const target = { kind: 'value', name: 'y', mean: 0, std: 1 } as const
  const table: RowPreprocessing = { kind: 'table', columns: [], columnCount: 1, target }
  const words: RowPreprocessing = {
    kind: 'words',
    column: 'a',
    words: ['b'],
    tokensMax: 9,
    columnCount: 2,
    target,
  }
  test.each<[string, TrainSpec, RowPreprocessing]>([
    ['a bag of words', bagSpec, words],
    ['a transformer', gptSpec, table],
    ['an image turned into another', imageOfImage(), table],
  ])('refuses %s and says what to use', async (_title, spec, preprocessing) => {
    const parameters = parametersOf(spec).map(({ name, shape, size }) => {
      return { name, shape, values: new Float32Array(size) }
    })
    const found = await fieldsOf(() => encodeTfjs(spec, preprocessing, parameters))
    expect(found).toMatchObject({ code: 'UNSUPPORTED', format: 'tfjs', instead: 'graph.onnx' })
  })
})

/** Columns become channels, which no layer of tfjs does alone. */
function imageOfImage(): TrainSpec {
  const node = (operator: string, value: string, output: string) =>
    ({ operator, values: [value], parameters: [], output, attributes: {} }) as const
  const reshape = (value: string, output: string, shape: number[]) => ({
    ...node('Reshape', value, output),
    attributes: { shape },
  })
  const nodes = [
    reshape('x', 'a', [3, 2, 2]),
    reshape('a', 'b', [12]),
    { ...node('Gemm', 'b', 'y'), parameters: ['w'] },
  ]
  const initial = { kind: 'normal', gain: 1, fanIn: 12 }
  const parameters = [{ name: 'w', shape: [12, 10], initial }]
  const model = { kind: 'graph', nodes, parameters }
  return { ...mlpSpec, model, inputShape: [12] } as TrainSpec
}
