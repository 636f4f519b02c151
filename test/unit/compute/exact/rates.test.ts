import { describe, expect, test } from 'vitest'
import { cosineFall, learningRateAt } from '#compute/exact/rates.ts'
import { type TrainSpec, trainSpecSchema } from '#wire/spec.ts'
import { mlpSpec } from '../fixtures.ts'

const f = Math.fround
const rate = f(0.001)
const total = mlpSpec.rounds * mlpSpec.localSteps
const withSchedule = (schedule: TrainSpec['schedule'], warmupSteps?: number): TrainSpec => {
  return { ...mlpSpec, schedule, ...(warmupSteps !== undefined && { warmupSteps }) }
}

describe('cosineFall', () => {
  test('stays within 2e-7 of half a cosine wave and never rises', () => {
    for (const span of [1, 2, 7, 400, 4097, 1_000_003]) {
      let before = 0
      for (let i = 0; i <= 1000; i += 1) {
        const left = Math.round((span * i) / 1000)
        const found = cosineFall(left, span)
        expect(found).toBe(f(found))
        const exact = (1 - Math.cos((Math.PI * left) / span)) / 2
        expect(Math.abs(found - exact)).toBeLessThan(2e-7)
        expect(found).toBeGreaterThanOrEqual(before - 2e-7)
        before = found
      }
    }
  })

  test('keeps its relative precision where it is small', () => {
    const exact = Math.sin(Math.PI / 2 / 100_000) ** 2
    expect(Math.abs(cosineFall(1, 100_000) / exact - 1)).toBeLessThan(1e-6)
  })
})

describe('learningRateAt', () => {
  test('of the first schedules is what it was', () => {
    for (const step of [0, 1, 17, total - 1, total + 5]) {
      expect(learningRateAt(withSchedule('constant'), step)).toBe(rate)
      const left = Math.max(1, total - step)
      expect(learningRateAt(withSchedule('linear'), step)).toBe(f(rate * f(left / total)))
    }
  })

  test.each(['constant', 'linear', 'cosine'] as const)(
    'rises on a line, then is %s',
    (schedule) => {
      const spec = withSchedule(schedule, 10)
      for (let step = 0; step < 10; step += 1) {
        expect(learningRateAt(spec, step)).toBe(f(rate * f((step + 1) / 10)))
      }
      expect(learningRateAt(spec, 10)).toBe(rate)
      const half = learningRateAt(spec, 10 + (total - 10) / 2)
      expect(half).toBeCloseTo(schedule === 'constant' ? rate : rate / 2, 9)
      const last = learningRateAt(spec, total - 1)
      expect(last).toBeGreaterThan(0)
      expect(learningRateAt(spec, total + 9)).toBe(last)
      if (schedule !== 'constant') expect(last).toBeLessThan(rate / 100)
    },
  )

  test('a warm-up of all steps is refused', () => {
    const found = trainSpecSchema.safeParse(withSchedule('cosine', total))
    expect(found.error?.issues).toMatchObject([{ path: ['warmupSteps'] }])
    expect(trainSpecSchema.safeParse(withSchedule('cosine', total - 1)).success).toBe(true)
  })
})
