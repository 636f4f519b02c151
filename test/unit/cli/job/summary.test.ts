import { describe, expect, test } from 'vitest'
import { summaryOf } from '#cli/job/summary.ts'
import type { JobSpec } from '#wire/job.ts'
import {
  account,
  event,
  hash,
  postingOf,
  terms,
  verdict,
  viewAfter,
} from '#test/unit/chain/client/jobs.ts'

const spec = { metric: 'accuracy' } as JobSpec
const workers = [account('1'), account('2'), account('3')]
const evaluator = account('8')
const gwei = 10n ** 9n

function settled(paid: { workerWei: bigint; refundWei: bigint; burnedWei: bigint }) {
  return viewAfter(
    event('WorkersAssigned', { workers, beaconHeight: 9n }),
    event('WorkersSlashed', { workers: [workers[2]], amountsWei: [10n * gwei] }),
    event('VerdictRevealed', { evaluator, verdict }),
    event('JobCompleted', { modelHash: verdict.modelHash, modelCidDigest: hash('f') }, 31n),
    event('PaymentDistributed', {
      postings: [
        postingOf(workers[0]!, paid.workerWei / gwei),
        postingOf(workers[1]!, paid.workerWei / gwei),
        postingOf(evaluator, 53n),
      ],
      refundWei: paid.refundWei,
      burnedWei: paid.burnedWei,
    }),
    event('JobSettled', {}),
  )
}
const escrowWei = terms.rewardWei + terms.auditDepositWei
const exact = {
  workerWei: 400n * gwei,
  refundWei: 7n * gwei,
  burnedWei: escrowWei + (10n - 860n) * gwei,
}

describe('summaryOf', () => {
  test('credits segments by worker index, and what each was paid and lost', () => {
    const summary = summaryOf(settled(exact), spec)
    expect(summary.workers).toEqual([
      { address: workers[0], segments: 12, paidWei: 400n * gwei, slashedWei: 0n },
      { address: workers[1], segments: 12, paidWei: 400n * gwei, slashedWei: 0n },
      { address: workers[2], segments: 0, paidWei: 0n, slashedWei: 10n * gwei },
    ])
    expect(summary.evaluators).toEqual([
      { address: evaluator, paidWei: 53n * gwei, slashedWei: 0n },
    ])
    expect(summary).toMatchObject({ metric: { name: 'accuracy', value: 0.981 }, modelBlock: 31 })
  })

  test('is balanced when payouts, refund and burn are escrow and slashed stake', () => {
    expect(summaryOf(settled(exact), spec).isBalanced).toBe(true)
  })

  test.each(['workerWei', 'refundWei', 'burnedWei'] as const)(
    'is not, one gwei off in %s',
    (key) => {
      const view = settled({ ...exact, [key]: exact[key] + gwei })
      expect(summaryOf(view, spec).isBalanced).toBe(false)
    },
  )
})
