import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type AuditRate, auditRateOf, sampleStep, sampleSteps } from '#compute/train/sample.ts'
import type { Hex } from '#wire/primitives.ts'

const auditSeed = `0x${'5a'.repeat(32)}` as const
const worker = `0x${'c1'.repeat(20)}` as const
const drawn = { attempt: 0, worker, segment: 0, stepCount: 33 }

describe('sampleStep', () => {
  test('is the hash of the written fields modulo the steps', () => {
    const bytes = `${Buffer.from('quern/sample/1').toString('hex')}${'5a'.repeat(32)}00000002${'c1'.repeat(20)}00000107`
    const digest = createHash('sha256').update(Buffer.from(bytes, 'hex')).digest('hex')
    const expected = Number(BigInt(`0x${digest}`) % 1057n)
    expect(sampleStep(auditSeed, { attempt: 2, worker, segment: 0x107, stepCount: 1057 })).toBe(
      expected,
    )
  })

  test.each([
    ['seed', () => sampleStep(`0x${'5b'.repeat(32)}`, { ...drawn, stepCount: 2 ** 31 })],
    ['attempt', () => sampleStep(auditSeed, { ...drawn, attempt: 1, stepCount: 2 ** 31 })],
    [
      'worker',
      () => sampleStep(auditSeed, { ...drawn, worker: `0x${'c2'.repeat(20)}`, stepCount: 2 ** 31 }),
    ],
    ['segment', () => sampleStep(auditSeed, { ...drawn, segment: 1, stepCount: 2 ** 31 })],
  ])('another %s draws another step', (_name, draw) => {
    expect(draw()).not.toBe(sampleStep(auditSeed, { ...drawn, stepCount: 2 ** 31 }))
  })

  test('every step of a segment is drawn, none outside', () => {
    const steps = Array.from({ length: 600 }, (_, segment) =>
      sampleStep(auditSeed, { ...drawn, segment }),
    )
    expect([...new Set(steps)].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 33 }, (_, i) => i),
    )
  })
})

describe('auditRateOf', () => {
  test.each<[number, number, number, AuditRate]>([
    [0, 0, 0, 'new'],
    [9, 0, 0, 'new'],
    [10, 0, 0, 'normal'],
    [49, 0, 0, 'normal'],
    [50, 0, 0, 'trusted'],
    [50, 1, 0, 'normal'],
    [500, 0, 1, 'new'],
  ])('%i done, %i silent, %i wrong: %s', (completed, timeouts, invalids, rate) => {
    expect(auditRateOf({ completed, timeouts, invalids })).toBe(rate)
  })
})

describe('sampleSteps', () => {
  const segments = 64
  const stepCount = 33
  const stepsAt = (rate: AuditRate, seed: Hex = auditSeed, segmentCount = segments) =>
    Array.from({ length: segmentCount }, (_, segment) =>
      sampleSteps(seed, { ...drawn, segment, stepCount, segmentCount }, rate),
    )

  test('has the one step of a normal worker among those of a new one', () => {
    for (const [segment, steps] of stepsAt('new').entries()) {
      expect(steps).toContain(sampleStep(auditSeed, { ...drawn, segment }))
      expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b))
    }
  })

  test.each<[AuditRate, number]>([
    ['new', 0.0606],
    ['normal', 0.0303],
    ['trusted', 0.0076],
  ])('of a %s worker repeats a share of %f of the steps', (rate, share) => {
    const seeds = Array.from({ length: 32 }, (_, i): Hex => `0x${`${10 + i}`.repeat(32)}`)
    const repeated = seeds.flatMap((seed) => stepsAt(rate, seed)).flat().length
    const found = repeated / (seeds.length * segments * stepCount)
    expect(found).toBeGreaterThan(share * 0.94) // two draws may fall together
    expect(found).toBeLessThan(share * 1.01)
  })

  test.each([1, 2, 3, 4, 7, 12])('looks at a trusted worker with %i segments', (count) => {
    const firsts = new Set<number>()
    for (let i = 0; i < 40; i += 1) {
      const looked = stepsAt('trusted', `0x${`${10 + i}`.repeat(32)}`, count)
      const places = looked.flatMap((steps, segment) => (steps.length > 0 ? [segment] : []))
      expect(places.length).toBeGreaterThanOrEqual(Math.max(1, Math.floor(count / 4)))
      firsts.add(places[0]!)
    }
    expect(firsts.size).toBe(Math.min(4, count)) // nobody knows which before the draw
  })
})
