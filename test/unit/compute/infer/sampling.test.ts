import { describe, expect, test } from 'vitest'
import { exp } from '#compute/exact/scalar.ts'
import { createSampler } from '#compute/infer/sampling.ts'
import { fieldsOf } from '../data/scratch.ts'
import { bitsOf, createWorkbench } from '../exact/workbench.ts'
import { createFloats } from '../fixtures.ts'

const next = createFloats(21)
const logitsOf = (count: number, scale = 4) =>
  Float32Array.from({ length: count }, () => next() * scale)
const shuffled = logitsOf(257)

describe('exp', () => {
  test('has the bits of the kernel', async () => {
    const { kernels } = await createWorkbench(22)
    const special = [0, -0, 1e-40, 88, 88.1, 200, -87, -87.5, -1e30, 1e30, Infinity, -Infinity]
    const values = [...special, ...Array.from({ length: 20_000 }, () => Math.fround(next() * 90))]
    expect(bitsOf(values.map(exp))).toEqual(bitsOf(values.map((value) => kernels.exp1(value))))
  })
})

describe('createSampler', () => {
  test('takes the greatest logit without a temperature, the first of equals', () => {
    const greedy = createSampler()
    expect(greedy(Float32Array.of(-3, 2, 1, 2), 0)).toBe(1)
    expect(greedy(Float32Array.of(-0, 0), 5)).toBe(0)
    expect(createSampler({ temperature: 1e-46 })(Float32Array.of(1, 2), 0)).toBe(1)
  })

  test('draws each token as often as the softmax says', () => {
    const logits = Float32Array.of(2, 0, 1, -1)
    const sampler = createSampler({ temperature: 2, seed: 7 })
    const counts = [0, 0, 0, 0]
    const draws = 20_000
    for (let place = 0; place < draws; place += 1) counts[sampler(logits, place)]! += 1
    const weights = [...logits].map((logit) => Math.exp(logit / 2))
    const sum = weights.reduce((a, b) => a + b)
    for (const [i, count] of counts.entries()) {
      expect(count / draws).toBeCloseTo((weights[i] as number) / sum, 1)
      expect(Math.abs(count / draws - (weights[i] as number) / sum)).toBeLessThan(0.012)
    }
  })

  test('keeps the k greatest', () => {
    const logits = Float32Array.of(0, 3, 3, 1, 2.9)
    const seen = (topK: number) => {
      const sampler = createSampler({ temperature: 50, topK })
      return new Set(Array.from({ length: 400 }, (_, place) => sampler(logits, place)))
    }
    expect(seen(1)).toEqual(new Set([1]))
    expect(seen(2)).toEqual(new Set([1, 2]))
    expect(seen(3)).toEqual(new Set([1, 2, 4]))
    expect(seen(0).size).toBe(5)
    expect(seen(99).size).toBe(5)
  })

  test('keeps the fewest that reach the share', () => {
    // probabilities 1/2, 1/4, 1/8, 1/8
    const logits = Float32Array.from([0.5, 0.25, 0.125, 0.125], Math.log)
    const seen = (topP: number) => {
      const sampler = createSampler({ temperature: 1, topP, seed: 3 })
      return new Set(Array.from({ length: 400 }, (_, place) => sampler(logits, place))).size
    }
    expect([0.1, 0.49, 0.6, 0.76, 0.9, 1].map(seen)).toEqual([1, 1, 2, 3, 4, 4])
  })

  test('gives the tokens it gave when SPEC.md was written', () => {
    const logits = Float32Array.from({ length: 257 }, (_, i) => ((i * 73) % 64) / 16)
    const tokensOf = (options: Parameters<typeof createSampler>[0]) => {
      const sampler = createSampler(options)
      return Array.from({ length: 8 }, (_, place) => sampler(logits, place))
    }
    expect(tokensOf({ temperature: 0.8, topK: 40, topP: 0.95, seed: 1 })).toEqual([
      241, 21, 127, 71, 99, 120, 127, 220,
    ])
    expect(tokensOf({ temperature: 1, seed: 2 })).toEqual([146, 149, 56, 42, 169, 205, 5, 135])
  })

  test('depends on seed and place alone', () => {
    const sampler = createSampler({ temperature: 1, seed: 5 })
    const forwards = Array.from({ length: 32 }, (_, place) => sampler(shuffled, place))
    const backwards = Array.from({ length: 32 }, (_, i) => sampler(shuffled, 31 - i)).toReversed()
    expect(backwards).toEqual(forwards)
    const other = createSampler({ temperature: 1, seed: 6 })
    expect(Array.from({ length: 32 }, (_, place) => other(shuffled, place))).not.toEqual(forwards)
    expect(new Set(forwards).size).toBeGreaterThan(8)
  })

  test.each([
    ['temperature', -1],
    ['temperature', Number.NaN],
    ['topK', 1.5],
    ['topP', 0],
    ['topP', 1.1],
    ['seed', -1],
  ])('refuses %s %d', async (option, value) => {
    const fields = await fieldsOf(() => createSampler({ [option]: value }))
    expect(fields).toMatchObject({ code: 'SAMPLING_INVALID', option })
  })

  test.each([0, 1])('refuses logits that are not finite (temperature %d)', async (temperature) => {
    const sampler = createSampler({ temperature })
    for (const wrong of [Number.NaN, Infinity, -Infinity]) {
      const fields = await fieldsOf(() => sampler(Float32Array.of(0, wrong), 3))
      expect(fields).toMatchObject({ code: 'NON_FINITE', place: 3 })
    }
  })
})
