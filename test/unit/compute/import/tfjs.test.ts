import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeTfjs } from '#compute/import/tfjs-file.ts'
import { importTfjs, readTfjs } from '#compute/import/tfjs.ts'
import { fieldsOf, scratch } from '../data/scratch.ts'
import {
  type Artifacts,
  type TfLayers,
  channelsLast,
  loadTfLayers,
  tfjsMissing,
} from '../tfjs-peer.ts'
import { batchSize, engineOf, fill } from './imported.ts'
import { type LayerDraft, type TfjsFixture, dense, fixtureOf, fixtures } from './tfjs-fixtures.ts'

const tolerance = 1e-5
const msMax = 60_000
/** Elsewhere links need rights of their own; then there is none, and it is missing. */
const canLink = process.platform !== 'win32'

const read = ({ json, weights }: Pick<TfjsFixture, 'json' | 'weights'>) =>
  importTfjs(decodeTfjs(json, 'model.json'), [weights])

/** What tfjs computes, but for a softmax at the end. */
async function runTfjs(
  tf: TfLayers,
  { json, weights }: TfjsFixture,
  { x, shape }: { x: Float32Array; shape: readonly number[] },
) {
  const { modelTopology, weightsManifest } = JSON.parse(
    new TextDecoder().decode(json).replaceAll('"softmax"', '"linear"'),
  ) as { modelTopology: object; weightsManifest: [{ weights: Artifacts['weightSpecs'] }] }
  const weightSpecs = weightsManifest[0].weights
  const artifacts = { modelTopology, weightSpecs, weightData: weights.buffer }
  const model = await tf.loadLayersModel({ load: async () => artifacts })
  const [channels = 1, height = 1, width = 1] = shape
  const isGrid = JSON.stringify(modelTopology).includes('[null,4,3]')
  const sides = shape.length === 1 ? shape : [height, width, ...(isGrid ? [] : [channels])]
  const found = model.predict(tf.tensor(channelsLast(x, shape), [batchSize, ...sides]))
  return [...found.dataSync()]
}

const all = fixtures.map((fixture) => [fixture.title, fixture] as const)

describe('importTfjs', () => {
  test.for(all)(
    'computes what tfjs computes: %s',
    { timeout: msMax },
    async ([, fixture], context) => {
      const tf = await loadTfLayers()
      if (!tf) return context.skip(tfjsMissing)
      const imported = read(fixture)
      const engine = await engineOf(imported)
      engine.p.set(imported.parameters)
      const x = fill(engine, imported)
      const found = [...engine.forward().logits]
      const expected = await runTfjs(tf, fixture, { x, shape: imported.inputShape })
      expect(found).toHaveLength(expected.length)
      for (const [i, value] of expected.entries()) {
        const difference = Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value))
        expect(difference, `output ${i}`).toBeLessThan(tolerance)
      }
      await engine.close()
    },
  )

  test.each(all)('learns on from the weights: %s', async (_title, fixture) => {
    const imported = read(fixture)
    const engine = await engineOf(imported)
    expect(engine.parameterCount).toBe(imported.parameters.length)
    engine.p.set(imported.parameters)
    fill(engine, imported)
    const losses = Array.from({ length: 30 }, () => engine.train())
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number))
    await engine.close()
  })

  test('turns channels, and the rows of a dense layer behind a flattened image', async () => {
    const kernel = [1, 10, 2, 20] // [1, 1, in, out]: channel 0 = a + 2 b, channel 1 = 10 a + 20 b
    const layers: Record<string, LayerDraft> = {
      conv: {
        kind: 'Conv2D',
        config: {
          batch_input_shape: [null, 1, 2, 2],
          filters: 2,
          kernel_size: [1, 1],
          use_bias: false,
        },
        weights: { kernel: [1, 1, 2, 2] },
      },
      flatten: { kind: 'Flatten' },
      dense: {
        kind: 'Dense',
        config: { units: 2, use_bias: false },
        weights: { kernel: [4, 2] },
      },
    }
    // features of tfjs: place 0 channel 0, place 0 channel 1, place 1 channel 0, place 1 channel 1
    const rows = [1, 0, 100, 0, 10_000, 0, 0, 1]
    const weights = { 'conv/kernel': kernel, 'dense/kernel': rows }
    const imported = read(fixtureOf('turned', layers, { weights }))
    expect(imported.inputShape).toEqual([2, 1, 2])
    const engine = await engineOf(imported)
    engine.p.set(imported.parameters)
    engine.x.fill(0)
    engine.x.set([1, 2, 3, 4]) // a = [1, 2], b = [3, 4]
    // channel 0 = [7, 10], channel 1 = [70, 100]
    const [first, second] = engine.forward().logits
    expect([first, second]).toEqual([7 + 7000 + 100_000, 100])
    await engine.close()
  })

  test('says what it leaves out', () => {
    expect(read(fixtures[0] as TfjsFixture).notes).toEqual([
      'Dropout is left out',
      'the softmax at the end is part of the loss',
    ])
  })

  test('takes the GELU by tanh', () => {
    const layers = {
      dense: {
        ...dense(4, 3),
        config: { units: 3, activation: 'gelu_new', batch_input_shape: [1, 4] },
      },
      last: dense(3, 2),
    }
    const { model } = read(fixtureOf('gelu', layers))
    expect(model.nodes.map(({ operator }) => operator)).toEqual(['Gemm', 'Gelu', 'Gemm'])
  })

  test('leaves no bias before a normalization, and keeps its momentum', () => {
    const { model } = read(fixtures[1] as TfjsFixture)
    expect(model.parameters.map(({ name }) => name)).not.toContain('conv/bias')
    const normal = model.nodes.find(({ operator }) => operator === 'BatchNormalization')
    expect(normal?.attributes).toEqual({ epsilon: 1e-3, keep: 0.99 })
  })
})

describe('readTfjs', () => {
  const { json, weights } = fixtures[0] as TfjsFixture
  const change = (from: string, to: string) =>
    new TextEncoder().encode(new TextDecoder().decode(json).replace(from, to))
  const shard = 'group1-shard1of1.bin'

  test('reads weights in several files', async () => {
    const file = scratch('model.json', change(`"${shard}"`, '"a.bin","parts/b.bin"'))
    mkdirSync(join(dirname(file), 'parts'))
    writeFileSync(join(dirname(file), 'a.bin'), weights.subarray(0, 101))
    writeFileSync(join(dirname(file), 'parts', 'b.bin'), weights.subarray(101))
    expect(await readTfjs(file)).toEqual(read({ json, weights }))
  })

  test.each([
    ['TFJS_INVALID', '../weights.bin'],
    ['TFJS_INVALID', '/etc/hostname'],
    ['TFJS_INVALID', 'a/../../weights.bin'],
    ['TFJS_INVALID', 'C:weights.bin'],
    ['TFJS_INVALID', 'a\\\\..\\\\weights.bin'],
    ['TFJS_INVALID', ''],
    ['TFJS_INVALID', 'missing.bin'],
    ['TFJS_EXTERNAL', '.cache'],
    [canLink ? 'TFJS_EXTERNAL' : 'TFJS_INVALID', 'link.bin'],
    ['TFJS_INVALID', 'short.bin'],
    ['FILE_TOO_LARGE', 'long.bin'],
  ])('%s: weights at %j', async (code, path) => {
    const file = scratch('model.json', change(shard, path))
    const folder = dirname(file)
    mkdirSync(join(folder, '.cache'))
    if (canLink) symlinkSync(scratch('weights.bin', weights), join(folder, 'link.bin'))
    writeFileSync(join(folder, 'short.bin'), weights.subarray(4))
    writeFileSync(join(folder, 'long.bin'), Buffer.concat([weights, weights]))
    const fields = await fieldsOf(readTfjs(file))
    expect(fields['code']).toBe(code)
    if (code !== 'FILE_TOO_LARGE') expect(fields).toMatchObject({ file, path: expect.any(String) })
  })
})
