import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { prepareDigits } from '#compute/data/prepare.ts'
import { buildModel, modelHashOf, parseModel, type ModelOf } from '#compute/export/model.ts'
import { decodeSafetensors, encodeSafetensors } from '#compute/export/safetensors.ts'
import { parametersOf } from '#compute/graph/training.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { manifestSchema } from '#wire/manifest.ts'
import { fieldsOf } from '../data/scratch.ts'

const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const { task, metric, splitSeed, train, preprocessing } = prepareDigits({
  rows: 60,
  model: 'linear',
})
const rng = createRng(1)
const count = parametersOf(train).reduce((sum, { size }) => sum + size, 0)
const input: ModelOf = {
  job: { name: 'digits', task, metric, engineId: hash('ee'), splitSeed, train, preprocessing },
  initialSeed: hash('11'),
  parameters: Float32Array.from({ length: count }, () => rng.nextU32() / 2 ** 32 - 0.5),
}
const built = buildModel(input)

describe('buildModel', () => {
  test('gives the same files and the committed hash', () => {
    expect(buildModel({ ...input, parameters: input.parameters.slice() })).toEqual(built)
    expect(built.modelHash).toBe(
      '0x9bc1e02239829af9ce41d4a3d3bb6c82b7c4d9c8cff3fec7f930787706628ed7',
    )
  })

  test('says whether the training began from a seed or from weights', () => {
    const { job, parameters } = input
    const begun = buildModel({ job, parameters, initialRoot: hash('33') })
    expect(built.manifest.seeds).toEqual({ split: splitSeed, initial: hash('11') })
    expect(begun.manifest).toMatchObject({ seeds: { split: splitSeed }, initialRoot: hash('33') })
    expect(parseModel(begun.files).modelHash).toBe(begun.modelHash)
    for (const { manifest } of [built, begun]) {
      const both = { ...manifest.seeds, initial: hash('11') }
      const neither = { split: splitSeed }
      const change = manifest === built.manifest ? { seeds: neither } : { seeds: both }
      expect(manifestSchema.safeParse(manifest).success).toBe(true)
      expect(manifestSchema.safeParse({ ...manifest, ...change }).success).toBe(false)
    }
  })

  test('keeps the hash when CIDs are noted, and for nothing else', () => {
    const cid = `b${'a'.repeat(58)}`
    const { manifest, modelHash } = built
    expect(modelHashOf({ ...manifest, cids: { graph: cid, weights: cid } })).toBe(modelHash)
    expect(modelHashOf({ ...manifest, name: 'other' })).not.toBe(modelHash)
    expect(modelHashOf({ ...manifest, modelRoot: hash('22') })).not.toBe(modelHash)
  })
})

describe('parseModel', () => {
  test('reads what was built', () => {
    const { manifest, parameters, modelHash } = parseModel(built.files)
    expect(manifest).toEqual(built.manifest)
    expect(parameters).toEqual(input.parameters)
    expect(modelHash).toBe(built.modelHash)
  })

  const flip = (bytes: Uint8Array, at: number) =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
  const { graph } = built.files
  const { tensors } = decodeSafetensors(built.files.weights)
  test.each([
    ['a parameter differs', { weights: flip(built.files.weights, built.files.weights.length - 2) }],
    ['the graph differs', { graph: flip(graph, 500) }],
    ['the graph is cut off', { graph: graph.subarray(0, -1) }],
    ['the manifest is of another form', { manifest: canonicalBytes({ version: 1 }) }],
    [
      'the manifest tells another preprocessing',
      {
        manifest: canonicalBytes({
          ...built.manifest,
          preprocessing: { ...preprocessing, divisor: 2 },
        }),
      },
    ],
    [
      'there are more tensors than parameters',
      {
        weights: encodeSafetensors(
          new Map([...tensors, ['more', { dtype: 'U8', shape: [1], values: Uint8Array.of(1) }]]),
        ),
      },
    ],
  ])('MODEL_DAMAGED when %s', async (_name, files) => {
    const fields = await fieldsOf(() => parseModel({ ...built.files, ...files }))
    expect(fields.code).toBe('MODEL_DAMAGED')
  })

  test('TENSOR_MISSING when a parameter is missing', async () => {
    const weights = encodeSafetensors(new Map([...tensors].slice(1)))
    expect(await fieldsOf(() => parseModel({ ...built.files, weights }))).toMatchObject({
      code: 'TENSOR_MISSING',
    })
  })
})
