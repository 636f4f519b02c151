import { describe, expect, test } from 'vitest'
import type { Verdict } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Duty, dueCall, patienceOf, statuses, type StoredJob } from '#worker/duties.ts'
import { sampleTerms, sampleView } from './terms.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const verdict: Verdict = {
  modelHash: hash('a1'),
  modelCidDigest: hash('a2'),
  metricMicros: 970_000n,
  segments: 12n,
  guiltyMask: 0,
  withheldMask: 0,
  lazyMask: 0,
  evidenceDigest: hash('00'),
}
const guilty: Verdict = { ...verdict, guiltyMask: 4, modelHash: hash('00') }
const other: Verdict = { ...verdict, metricMicros: 1n }
const reveal = (...verdicts: readonly Verdict[]) =>
  verdicts.map((one, i) => {
    const evaluator: Hex = `0x${`e${i}`.repeat(20)}`
    return { evaluator, verdict: one }
  })

const stored: StoredJob = { status: 1, volunteerCount: 3, deadline: 1_000n, seedHeight: 50n }
const drawn = ['0xe0', '0xe1'] as readonly Hex[]
const view = sampleView({ evaluators: drawn })

describe('dueCall', () => {
  test.each<[string, Partial<StoredJob>, number, number, Duty['call'] | undefined]>([
    ['posted, the seed is to come', { status: statuses.posted }, 990, 50, undefined],
    ['posted, the seed is there', { status: statuses.posted }, 1_001, 51, 'assignWorkers'],
    [
      'posted, too few volunteers',
      { status: statuses.posted, volunteerCount: 1 },
      1_001,
      51,
      undefined,
    ],
    ['posted, nobody assigned in time', { status: statuses.posted }, 1_601, 51, 'expire'],
    ['running in time', { status: statuses.running }, 1_000, 51, undefined],
    ['running too long', { status: statuses.running }, 1_001, 51, 'expire'],
    ['submitted, the seed is to come', { status: statuses.submitted }, 990, 50, undefined],
    ['submitted, the seed is there', { status: statuses.submitted }, 990, 51, 'drawEvaluators'],
    ['submitted, nobody drew in time', { status: statuses.submitted }, 1_001, 51, 'expire'],
    ['attesting in time', { status: statuses.attesting }, 1_060, 51, undefined],
    ['attesting, nobody revealed', { status: statuses.attesting }, 1_061, 51, 'expire'],
    ['settled', { status: 6 }, 9_999, 99, undefined],
  ])('%s', (...[, state, timestamp, number, call]) => {
    const head = { number: BigInt(number), timestamp: BigInt(timestamp) }
    expect(dueCall({ ...stored, ...state }, view, head)?.call).toBe(call)
  })

  test.each<[string, readonly Verdict[], Duty]>([
    ['two clean verdicts complete', [verdict, verdict], { call: 'completeJob', verdict }],
    ['two guilty verdicts slash', [guilty, guilty], { call: 'slash', verdict: guilty }],
    ['the majority counts', [other, verdict, verdict], { call: 'completeJob', verdict }],
    ['one verdict alone draws more', [verdict], { call: 'expire' }],
    ['two that differ draw more', [verdict, other], { call: 'expire' }],
    [
      'two that differ in who is lazy alone draw more',
      [verdict, { ...verdict, lazyMask: 1 }],
      { call: 'expire' },
    ],
  ])('after the reveal window %s', (_title, verdicts, duty) => {
    const seen = sampleView({
      phase: 'attesting',
      evaluators: drawn,
      revealed: reveal(...verdicts),
    })
    const head = { number: 99n, timestamp: 1_061n }
    expect(dueCall({ ...stored, status: statuses.attesting }, seen, head)).toEqual(duty)
  })

  test('where the terms want one evaluator its verdict is enough', () => {
    const seen = sampleView({
      phase: 'attesting',
      terms: sampleTerms({ evaluatorCount: 1 }),
      evaluators: drawn.slice(0, 1),
      revealed: reveal(verdict),
    })
    const state = { ...stored, status: statuses.attesting }
    const duty = dueCall(state, seen, { number: 99n, timestamp: 1_061n })
    expect(duty).toEqual({ call: 'completeJob', verdict })
  })

  test('after the last commitment the deadline is that of the reveals', () => {
    const state = { ...stored, status: statuses.attesting }
    const dueAt = (timestamp: bigint, committed: readonly Hex[], panelStart = 0) =>
      dueCall(state, sampleView({ evaluators: drawn, committed, panelStart }), {
        number: 99n,
        timestamp,
      })?.call
    expect(dueAt(1_001n, drawn)).toBe('expire')
    expect(dueAt(1_001n, drawn.slice(0, 1))).toBeUndefined()
    expect(dueAt(1_001n, drawn.slice(1), 1)).toBe('expire')
  })

  test('a verdict with its quorum is acted upon as soon as nobody has anything left to open', () => {
    const evaluators = reveal(verdict, verdict, other).map(({ evaluator }) => evaluator)
    const dueWith = (verdicts: readonly Verdict[]) => {
      const seen = { evaluators, committed: evaluators, revealed: reveal(...verdicts) }
      const state = { ...stored, status: statuses.attesting }
      return dueCall(state, sampleView(seen), { number: 99n, timestamp: 900n })
    }
    expect(dueWith([verdict, verdict, other])).toEqual({ call: 'completeJob', verdict })
    expect(dueWith([verdict, verdict])).toBeUndefined()
  })

  test('a completed job is paid', () => {
    const seen = sampleView({ phase: 'completed', verdict })
    const head = { number: 99n, timestamp: 1n }
    const duty = dueCall({ ...stored, status: statuses.completed }, seen, head)
    expect(duty).toEqual({ call: 'distributePayment', verdict })
  })

  test('a job of offers is not assigned by workers', () => {
    const seen = sampleView({ terms: sampleTerms({ matchMode: 1 }) })
    const late = { number: 99n, timestamp: 1_001n }
    expect(dueCall(stored, seen, { number: 99n, timestamp: 999n })).toBeUndefined()
    expect(dueCall(stored, seen, late)).toEqual({ call: 'expire' })
  })
})

describe('patienceOf', () => {
  test('parties act one after another, strangers last', () => {
    const workers = ['0xa', '0xb'] as readonly Hex[]
    const seen = sampleView({ volunteers: ['0xc'], workers })
    expect(['0xa', '0xb', '0xd'].map((self) => patienceOf(seen, self as Hex))).toEqual([0n, 2n, 4n])
    expect(patienceOf(sampleView({ volunteers: ['0xc', '0xa'] }), '0xa')).toBe(2n)
  })
})
