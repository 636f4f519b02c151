import { describe, expect, test } from 'vitest'
import type { JobView, Phase, Verdict } from '#chain/client/view.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { dueOf } from '#evaluator/due.ts'
import type { Hex } from '#wire/primitives.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const clean: Verdict = {
  modelHash: hash('aa'),
  modelCidDigest: hash('ab'),
  metricMicros: 5n,
  segments: 1n,
  guiltyMask: 0,
  withheldMask: 0,
  lazyMask: 0,
  evidenceDigest: zeroHash,
}
const guilty: Verdict = { ...clean, modelHash: zeroHash, guiltyMask: 2 }
const deadline = 1_000n
const drawn = [hash('e1'), hash('e2')] as const

function calls(phase: Phase, view: Partial<JobView>, timestamp: bigint, number = 50n): string[] {
  const terms = { revealSeconds: 60, evaluatorCount: 2 }
  const whole = {
    phase,
    terms,
    evaluators: drawn,
    committed: [],
    revealed: [],
    ...view,
  } as unknown as JobView
  return dueOf(whole, { number, timestamp }, deadline).map(({ call }) => call)
}

const reveal = (verdict: Verdict) => ({ evaluator: hash('e1'), verdict })

describe('dueOf', () => {
  test.each<[Phase, Partial<JobView>, bigint, string[]]>([
    ['posted', {}, 1_000n, []],
    ['posted', {}, 1_001n, ['expire']],
    ['running', {}, 1_000n, []],
    ['running', {}, 1_001n, ['expire']],
    ['submitted', {}, 900n, []],
    ['submitted', { seedHeight: 50n }, 900n, []],
    ['submitted', { seedHeight: 49n }, 900n, ['drawEvaluators']],
    ['submitted', { seedHeight: 49n }, 1_001n, ['drawEvaluators', 'expire']],
    ['attesting', { revealed: [reveal(clean)] }, 1_060n, []],
    ['attesting', { revealed: [reveal(clean)] }, 1_061n, ['completeJob', 'expire']],
    ['attesting', { revealed: [reveal(guilty)] }, 1_061n, ['slash', 'expire']],
    ['attesting', {}, 1_061n, ['expire']],
    ['attesting', { committed: drawn }, 1_000n, []],
    ['attesting', { committed: drawn }, 1_001n, ['expire']],
    ['attesting', { committed: [drawn[1]], panelStart: 1 }, 1_001n, ['expire']],
    ['attesting', { committed: [drawn[0]], panelStart: 1 }, 1_060n, []],
    ['completed', {}, 900n, []],
    ['completed', { verdict: clean }, 900n, ['distributePayment']],
    ['settled', {}, 9_000n, []],
    ['cancelled', {}, 9_000n, []],
    ['expired', {}, 9_000n, []],
  ])('%s %o at %i: %o', (phase, view, timestamp, expected) => {
    expect(calls(phase, view, timestamp)).toEqual(expected)
  })

  test('tries the verdict that most evaluators gave', () => {
    const revealed = [reveal(clean), reveal(guilty), reveal(guilty)]
    expect(calls('attesting', { revealed }, 1_061n)).toEqual(['slash', 'expire'])
  })

  const [one, two, three] = [hash('e1'), hash('e2'), hash('e3')]
  const said = (evaluator: Hex, verdict: Verdict) => ({ evaluator, verdict })
  const split = [said(one, clean), said(two, clean), said(three, guilty)]

  test.each<[string, Partial<JobView>, bigint, string[]]>([
    ['two of three agree, and the third said its word last', {}, 900n, ['completeJob']],
    ['the third has yet to open its verdict', { revealed: split.slice(0, 2) }, 900n, []],
    ['no two agree', { revealed: [said(one, clean), said(two, guilty)] }, 900n, []],
    ['the third never committed, others may', { committed: [one, two] }, 1_000n, []],
    ['the third never committed in time', { committed: [one, two] }, 1_001n, ['completeJob']],
  ])('before the reveal window ends: %s', (_title, fields, timestamp, expected) => {
    const evaluators = [one, two, three]
    const view = { evaluators, committed: evaluators, revealed: split, ...fields }
    expect(calls('attesting', view, timestamp)).toEqual(expected)
  })
})
