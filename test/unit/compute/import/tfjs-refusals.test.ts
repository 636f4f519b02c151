import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { decodeTfjs } from '#compute/import/tfjs-file.ts'
import { importTfjs } from '#compute/import/tfjs.ts'
import { trainSpecSchema } from '#wire/spec.ts'
import { fieldsOf } from '../data/scratch.ts'
import { damage, survivesDamage } from '../mutations.ts'
import { specOf } from './imported.ts'
import {
  type LayerDraft,
  type TfjsFixture,
  conv,
  dense,
  fixtureOf,
  fixtures,
} from './tfjs-fixtures.ts'

const read = ({ json, weights }: Pick<TfjsFixture, 'json' | 'weights'>) =>
  importTfjs(decodeTfjs(json, 'model.json'), [weights])

describe('importTfjs refuses', () => {
  const first = { batch_input_shape: [null, 4] }
  const image = { batch_input_shape: [null, 5, 5, 2] }
  const last = dense(4, 2)
  const made = (layers: Readonly<Record<string, LayerDraft>>, isGraph = false) =>
    fixtureOf('', layers, { isGraph })
  const own = (kind: string, config: object = {}) =>
    made({ own: { kind, config: { ...first, ...config } }, dense: last })
  const onImage = (kind: string, config: object = {}, weights = {}) =>
    made({
      own: { kind, config: { ...image, ...config }, weights },
      flatten: { kind: 'Flatten' },
      dense: last,
    })
  const wide = { filters: 2, kernel_size: [3, 3] }
  const place = { node: 'own' }

  test.each<[string, string, object, TfjsFixture]>([
    ['a layer outside of the subset', 'TFJS_UNSUPPORTED', place, own('LSTM')],
    ['a layer named like a method', 'TFJS_UNSUPPORTED', place, own('constructor')],
    ['an embedding', 'TFJS_UNSUPPORTED', place, own('Embedding')],
    ['an activation', 'TFJS_UNSUPPORTED', place, own('Activation', { activation: 'sigmoid' })],
    ['a softmax inside', 'TFJS_UNSUPPORTED', place, own('Activation', { activation: 'softmax' })],
    ['a setting of another kind', 'TFJS_INVALID', place, own('Activation', { activation: 7 })],
    ['a ReLU with an end', 'TFJS_UNSUPPORTED', place, own('ReLU', { max_value: 6 })],
    [
      'a side that is not fixed',
      'TFJS_DYNAMIC',
      place,
      own('ReLU', { batch_input_shape: [null, null] }),
    ],
    ['no input shape', 'TFJS_DYNAMIC', place, own('ReLU', { batch_input_shape: null })],
    [
      'pixels from -1 on',
      'TFJS_UNSUPPORTED',
      place,
      own('Rescaling', { scale: 1 / 127.5, offset: -1 }),
    ],
    [
      'a rescaling inside',
      'TFJS_UNSUPPORTED',
      { node: 'own' },
      made({
        relu: { kind: 'ReLU', config: first },
        own: { kind: 'Rescaling', config: { scale: 2 } },
        dense: last,
      }),
    ],
    [
      'weights that are missing',
      'TFJS_INVALID',
      place,
      made({
        own: { ...dense(4, 2), config: { ...first, units: 2 }, weights: { kernel: [4, 2] } },
      }),
    ],
    [
      'weights of another shape',
      'TFJS_SHAPE',
      place,
      made({
        own: { ...dense(4, 3), config: { ...first, units: 2 } },
      }),
    ],
    ['images in a dense layer', 'TFJS_SHAPE', place, onImage('Dense', { units: 2 })],
    [
      'channels first',
      'TFJS_UNSUPPORTED',
      place,
      onImage('Flatten', { data_format: 'channels_first' }),
    ],
    [
      'a window beyond the limit',
      'TFJS_UNSUPPORTED',
      place,
      onImage('MaxPooling2D', { pool_size: 64, padding: 'same' }),
    ],
    ['groups', 'TFJS_SHAPE', place, onImage('Conv2D', { ...wide, groups: 3 })],
    ['a kernel without sides', 'TFJS_UNSUPPORTED', place, onImage('Conv2D', { filters: 2 })],
    [
      'a window beyond the image',
      'TFJS_SHAPE',
      place,
      onImage('MaxPooling2D', { pool_size: [9, 9], strides: 1 }),
    ],
    ['another axis', 'TFJS_UNSUPPORTED', place, onImage('BatchNormalization', { axis: 1 })],
    ['mixed channels', 'TFJS_UNSUPPORTED', place, onImage('Reshape', { target_shape: [25, 1, 2] })],
    [
      'a flattened image at the end',
      'TFJS_SHAPE',
      { node: 'own' },
      made({
        conv,
        own: { kind: 'Flatten' },
      }),
    ],
    ['an image at the end', 'TFJS_SHAPE', { node: 'own' }, made({ own: conv })],
    [
      'a cycle',
      'TFJS_ORDER',
      { node: 'dense' },
      made(
        {
          input: { kind: 'InputLayer', config: first },
          own: { kind: 'Add', inputs: ['input', 'dense'] },
          dense: { ...last, inputs: ['own'] },
        },
        true,
      ),
    ],
    [
      'a layer that is not there',
      'TFJS_ORDER',
      { node: 'own' },
      made(
        {
          input: { kind: 'InputLayer', config: first },
          dense: { ...last, inputs: ['own'] },
        },
        true,
      ),
    ],
  ])('%s: %s', async (_title, code, where, fixture) => {
    const fields = await fieldsOf(() => read(fixture))
    expect(fields).toMatchObject({ code, file: 'model.json', ...where })
  })

  const good = JSON.parse(new TextDecoder().decode((fixtures[0] as TfjsFixture).json)) as object
  const { weights } = fixtures[0] as TfjsFixture
  const spec = { name: 'a', shape: [2], dtype: 'float32' }
  test.each<[string, string, object]>([
    ['a graph model', 'TFJS_UNSUPPORTED', { format: 'graph-model' }],
    ['no layers', 'TFJS_INVALID', { modelTopology: { class_name: 'Sequential', config: [] } }],
    [
      'another kind of model',
      'TFJS_UNSUPPORTED',
      {
        modelTopology: { class_name: 'Own', config: [{ class_name: 'ReLU', config: {} }] },
      },
    ],
    [
      'quantized weights',
      'TFJS_TYPE',
      {
        weightsManifest: [
          { paths: ['a'], weights: [{ ...spec, quantization: { dtype: 'uint8' } }] },
        ],
      },
    ],
    [
      'weights of integers',
      'TFJS_TYPE',
      { weightsManifest: [{ paths: ['a'], weights: [{ ...spec, dtype: 'int32' }] }] },
    ],
    [
      'weights that stand twice',
      'TFJS_INVALID',
      { weightsManifest: [{ paths: ['a'], weights: [spec, spec] }] },
    ],
    [
      'sides that multiply past every limit',
      'TFJS_TOO_LARGE',
      {
        weightsManifest: [{ paths: ['a'], weights: [{ ...spec, shape: [5e7, 5e7, 5e7] }] }],
      },
    ],
    [
      'a negative side',
      'TFJS_INVALID',
      { weightsManifest: [{ paths: ['a'], weights: [{ ...spec, shape: [-1] }] }] },
    ],
    [
      'fewer bytes than shapes say',
      'TFJS_INVALID',
      { weightsManifest: [{ paths: ['a'], weights: [spec] }] },
    ],
  ])('%s: %s', async (_title, code, change) => {
    const json = new TextEncoder().encode(JSON.stringify({ ...good, ...change }))
    const fields = await fieldsOf(() => read({ json, weights }))
    expect(fields).toMatchObject({ code, path: expect.any(String) })
  })

  const codes = ['INVALID', 'SHAPE', 'TOO_LARGE', 'TYPE', 'DYNAMIC', 'ORDER', 'UNSUPPORTED'].map(
    (code) => `TFJS_${code}`,
  )
  const places = ['byte', 'path', 'node']
  const check = (json: Uint8Array, bytes: Uint8Array<ArrayBuffer>) => {
    const imported = read({ json, weights: bytes })
    expect(trainSpecSchema.safeParse(specOf(imported)).success).toBe(true)
  }

  test(`damaged files by code and place (${damage.cases} of them, seed ${damage.seed})`, async () => {
    for (const [i, { json, weights: bytes }] of fixtures.entries()) {
      const cases = Math.ceil(damage.cases / fixtures.length)
      const options = { codes, places, cases }
      const tally = await survivesDamage([json], (damaged) => check(damaged, bytes), options)
      expect(tally.read, `of file ${i}`).toBeGreaterThan(0)
      await survivesDamage([bytes], (damaged) => check(json, damaged), { ...options, cases: 100 })
    }
  })

  test(`hostile JSON by code and place (${damage.cases} cases, seed ${damage.seed})`, () => {
    const hostile = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        -1,
        0,
        1,
        0.5,
        2,
        3,
        1e9,
        2 ** 53,
        1e308,
        '',
        'x',
        [],
        {},
        true,
      ),
      fc.constantFrom<unknown>(
        [[]],
        [null],
        [-1],
        [0],
        [1, 1],
        [2 ** 31],
        'relu',
        'same',
        'Flatten',
      ),
      fc.array(fc.integer({ min: -2, max: 9 }), { maxLength: 5 }),
    )
    const cases = fc.record({
      file: fc.nat(fixtures.length - 1),
      edits: fc.array(fc.tuple(fc.nat(), hostile), { minLength: 1, maxLength: 3 }),
    })
    let readable = 0
    fc.assert(
      fc.property(cases, ({ file, edits }) => {
        const fixture = fixtures[file] as TfjsFixture
        const text = new TextDecoder().decode(fixture.json)
        const json = edits.reduce(
          (value, [at, put]) => replaced(value, at, put),
          JSON.parse(text) as unknown,
        )
        try {
          check(new TextEncoder().encode(JSON.stringify(json)), fixture.weights)
          readable += 1
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          expect(codes, error.message).toContain(error.code)
          expect(places.some((name) => error.fields[name] !== undefined)).toBe(true)
        }
      }),
      { seed: damage.seed, numRuns: damage.cases },
    )
    expect(readable).toBeGreaterThan(damage.cases / 100)
  })
})

/** The value with the part at a place, counted from the front, replaced. */
function replaced(value: unknown, at: number, put: unknown): unknown {
  const parts: [Record<string, unknown>, string][] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const key of Object.keys(node)) {
      parts.push([node as Record<string, unknown>, key])
      visit((node as Record<string, unknown>)[key])
    }
  }
  visit(value)
  const [owner, key] = parts[at % Math.max(1, parts.length)] ?? []
  if (owner && key !== undefined) owner[key] = structuredClone(put)
  return value
}
