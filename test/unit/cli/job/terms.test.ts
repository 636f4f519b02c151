import { describe, expect, test } from 'vitest'
import { type Offer, escrowOf, termsOf, trainToWei, weiToTrain } from '#cli/job/terms.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { account, hash } from '#test/unit/chain/client/jobs.ts'

const train: TrainSpec = {
  model: { kind: 'mlp', hidden: [8] },
  inputShape: [4],
  outputs: 3,
  loss: 'crossEntropy',
  optimizer: { kind: 'sgd', learningRate: 0.1 },
  schedule: 'constant',
  batchSize: 4,
  localSteps: 32,
  rounds: 12,
  segmentSteps: 32,
  aggregation: 'mean',
}
const facts = {
  client: account('c'),
  nonce: 7n,
  engineId: hash('e'),
  specDigest: hash('5'),
  slateVersion: 2n,
  train,
  flopsPerStep: 1000,
}
const offer: Omit<Offer, 'rewardWei'> = {
  mode: 'exact',
  match: 'volunteer',
  workersAt: [],
  consentSeconds: 60,
  workers: 3,
  evaluators: 2,
  volunteerSeconds: 4,
  runSeconds: 600,
}

describe('termsOf', () => {
  const terms = termsOf(facts, { ...offer, rewardWei: trainToWei('1000') })

  test('counts segments and work from the specification', () => {
    expect(terms.segmentCount).toBe(12)
    expect(terms.flops).toBe(1000n * 32n * 12n * 3n)
  })

  test('shares 90, 5 and 5 per cent', () => {
    expect([terms.workerBps, terms.evaluatorBps]).toEqual([9000, 500])
  })

  test('locks of each worker what 20 of its segments earn', () => {
    expect(weiToTrain(terms.workerStakeWei)).toBe('500')
  })

  test('puts reward and audit deposit into escrow, in whole gwei', () => {
    const odd = termsOf(facts, { ...offer, rewardWei: 1_000_000_000_000_000_001n })
    expect(odd.rewardWei).toBe(10n ** 18n)
    expect(escrowOf(odd)).toBe(11n * 10n ** 17n)
    const amounts = [odd.auditDepositWei, odd.workerStakeWei, odd.evaluatorStakeWei]
    expect(amounts.map((amount) => amount % 10n ** 9n)).toEqual([0n, 0n, 0n])
  })

  test('goes on with two thirds of the volunteers', () => {
    const minimum = (workers: number) =>
      termsOf(facts, { ...offer, workers, rewardWei: 10n ** 18n }).workerCountMin
    expect([1, 2, 3, 4, 8].map(minimum)).toEqual([1, 2, 2, 3, 6])
  })

  test.each([
    ['volunteer', 0, 2],
    ['offers', 1, 2],
    ['direct', 2, 3],
  ] as const)('by way of %s has mode %i and needs %i of 3 workers', (match, mode, needed) => {
    const found = termsOf(facts, { ...offer, match, rewardWei: 10n ** 18n })
    expect([found.matchMode, found.workerCountMin]).toEqual([mode, needed])
  })
})

describe('amounts of TRAIN', () => {
  test.each([
    ['1000', 1000n * 10n ** 18n],
    ['0.5', 5n * 10n ** 17n],
    ['0.000000000000000001', 1n],
  ])('%s is read exactly', (text, amountWei) => {
    expect(trainToWei(text)).toBe(amountWei)
  })

  test.each(['', '-1', '1e3', '1,5', '0.0000000000000000001', 'ten'])(
    '"%s": AMOUNT_INVALID',
    (text) => {
      expect(() => trainToWei(text)).toThrow(expect.objectContaining({ code: 'AMOUNT_INVALID' }))
    },
  )

  test('are shown with up to six digits', () => {
    expect([0n, 5n * 10n ** 17n, 1234567n * 10n ** 12n].map(weiToTrain)).toEqual([
      '0',
      '0.5',
      '1.234567',
    ])
  })
})
