import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { createOnnxBackend } from '#compute/backends/onnxruntime.ts'
import {
  type Reference,
  createBatch,
  createReference,
  selfTest,
} from '#compute/backends/self-test.ts'
import { relativeChange, relativeMax } from '#compute/train/tolerance.ts'
import { selfTestSpecs } from '#compute/backends/self-test-specs.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { readWasm } from '../fixtures.ts'
import { createExactBackend } from './exact-backend.ts'

let references: readonly Reference[]

beforeAll(async () => {
  env.wasm.numThreads = 1
  const wasm = await readWasm()
  references = await Promise.all(
    Object.entries(selfTestSpecs).map(([name, spec]) => createReference(name, spec, { wasm })),
  )
})

function withRate(spec: TrainSpec, factor: number): TrainSpec {
  const { optimizer } = spec
  return { ...spec, optimizer: { ...optimizer, learningRate: optimizer.learningRate * factor } }
}

const wrong = [
  ['learns 0.2 % too fast', { turn: (spec: TrainSpec) => withRate(spec, 1.002) }],
  [
    'gives NaN',
    { spoil: (p: Float32Array, step: number) => void (p[0] = step < 8 ? 0 : Number.NaN) },
  ],
  ['forgets one weight', { spoil: (p: Float32Array) => void (p[0] = 0) }],
  ['does not learn', { turn: (spec: TrainSpec) => withRate(spec, 1e-6) }],
] as const

describe('selfTest', () => {
  test('finds no difference between the exact engine and itself', async () => {
    const found = await selfTest(createExactBackend(), references)
    expect(found).toEqual(references.map(({ name }) => ({ name, relative: 0 })))
  })

  test('lets onnxruntime pass', async () => {
    const runtime = { InferenceSession, Tensor }
    const backend = createOnnxBackend({ name: 'onnxruntime-web', runtime, provider: 'wasm' })
    const found = await selfTest(backend, references)
    expect(found.map(({ name }) => name)).toEqual(Object.keys(selfTestSpecs))
    for (const { relative } of found) expect(relative).toBeLessThan(relativeMax / 10)
  })

  test.each(wrong)('refuses a backend that %s', async (_name, options) => {
    await expect(selfTest(createExactBackend(options), references)).rejects.toMatchObject({
      code: 'BACKEND_REFUSED',
      fields: { backend: 'fake', model: 'network' },
    })
  })
})

describe('createBatch', () => {
  test.each(Object.entries(selfTestSpecs))(
    'varies the rows of %s from step to step',
    (_n, spec) => {
      const [a, b] = [createBatch(spec, 0), createBatch(spec, 1)]
      expect(a).not.toEqual(b)
      expect(createBatch(spec, 0)).toEqual(a)
      expect(new Set(a.y).size).toBeGreaterThan(1)
      for (const label of a.y) {
        expect(label).toBeGreaterThanOrEqual(0)
        expect(label).toBeLessThan(spec.outputs)
      }
    },
  )
})

test('relativeChange is NaN for another number of weights', () => {
  expect(relativeChange(new Float32Array(2), new Float32Array(3), new Float32Array(3))).toBeNaN()
})
