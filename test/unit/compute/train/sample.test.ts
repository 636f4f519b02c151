import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sampleStep } from '#compute/train/sample.ts'

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
