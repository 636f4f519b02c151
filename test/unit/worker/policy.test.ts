import { describe, expect, test } from 'vitest'
import type { Terms } from '#chain/client/terms.ts'
import type { Hex } from '#wire/primitives.ts'
import { decide, type Policy, shareOf, type Situation } from '#worker/policy.ts'
import { samplePolicy, sampleTerms } from './terms.ts'

const engineId: Hex = `0x${'e1'.repeat(32)}`
const train = (amount: number) => BigInt(amount) * 10n ** 18n

const policy = samplePolicy({ kinds: [0, 1, 2], concurrency: 2 })
const situation: Situation = {
  timestamp: 1_700_000_000n, // 22:13 UTC
  busy: 0,
  freeStakeWei: train(1000),
  engineId,
  isAsked: false,
}
const terms = sampleTerms({ engineId, workerCount: 3, rewardWei: train(900) })

interface Case {
  readonly policy?: Partial<Policy>
  readonly terms?: Partial<Terms>
  readonly situation?: Partial<Situation>
}

function decision(given: Case) {
  return decide(
    { ...policy, ...given.policy },
    { ...terms, ...given.terms },
    { ...situation, ...given.situation },
  )
}

describe('decide', () => {
  test.each<[string, Case]>([
    ['a job like any other', {}],
    ['a share of exactly the least reward', { policy: { rewardMinWei: train(270) } }],
    ['exactly the price', { policy: { pricePerTeraflopWei: train(270) } }],
    ['the whole day as 7-7', { policy: { hours: { from: 7, to: 7 } } }],
    ['hours over midnight', { policy: { hours: { from: 20, to: 6 } } }],
    ['the hour that begins now', { policy: { hours: { from: 22, to: 23 } } }],
    ['the last free place', { situation: { busy: 1 } }],
    ['an offer when asked', { terms: { matchMode: 1 }, situation: { isAsked: true } }],
    ['a named place when asked', { terms: { matchMode: 2 }, situation: { isAsked: true } }],
    ['stake that just suffices', { situation: { freeStakeWei: terms.workerStakeWei } }],
  ])('takes %s', (_title, given) => {
    expect(decision(given)).toEqual({ kind: 'take' })
  })

  test.each<[string, Case]>([
    ['MODE', { terms: { mode: 2 } }],
    ['MATCH', { terms: { matchMode: 2 } }],
    ['MATCH', { situation: { isAsked: true } }],
    ['ENGINE', { terms: { engineId: `0x${'00'.repeat(32)}` } }],
    ['KIND', { policy: { kinds: [0, 2] } }],
    ['SEGMENTS', { terms: { segmentCount: 101 } }],
    ['FLOPS', { policy: { flopsMax: 10n ** 12n - 1n } }],
    ['REWARD', { policy: { rewardMinWei: train(270) + 1n } }],
    ['PRICE', { policy: { pricePerTeraflopWei: train(270) + 1n } }],
  ])('leaves for good: %s', (reason, given) => {
    expect(decision(given)).toEqual({ kind: 'leave', reason, isFinal: true })
  })

  test.each<[string, Case]>([
    ['HOURS', { policy: { hours: { from: 6, to: 22 } } }],
    ['BUSY', { situation: { busy: 2 } }],
    ['STAKE', { situation: { freeStakeWei: terms.workerStakeWei - 1n } }],
  ])('leaves for now: %s', (reason, given) => {
    expect(decision(given)).toEqual({ kind: 'leave', reason, isFinal: false })
  })
})

describe('shareOf', () => {
  test('is the workers part of the reward, split evenly and rounded down', () => {
    expect(shareOf(terms)).toBe(train(270))
    expect(shareOf({ ...terms, rewardWei: 10n })).toBe(3n)
  })
})
