import { emptyLedger } from '#chain/client/ledger-view.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Policy } from '#worker/policy.ts'

const zero: Hex = `0x${'00'.repeat(32)}`

/** Terms as a client would write them, but for what is given. */
export function sampleTerms(given: Partial<Terms> = {}): Terms {
  return {
    client: '0x00000000000000000000000000000000000000c1',
    nonce: 0n,
    rewardWei: 10n ** 20n,
    auditDepositWei: 10n ** 19n,
    workerStakeWei: 10n ** 19n,
    evaluatorStakeWei: 10n ** 19n,
    flops: 3n * 10n ** 12n,
    engineId: zero,
    specDigest: zero,
    slateVersion: 0n,
    workerCount: 3,
    workerCountMin: 2,
    evaluatorCount: 2,
    matchMode: 0,
    mode: 0,
    kind: 1,
    workerBps: 9000,
    evaluatorBps: 500,
    reporterBps: 3000,
    clientBps: 2000,
    timeoutBps: 1000,
    volunteerSeconds: 4,
    runSeconds: 600,
    drawSeconds: 60,
    commitSeconds: 60,
    revealSeconds: 60,
    roundSeconds: 30,
    segmentCount: 12,
    ...given,
  }
}

/** A policy that takes every small job of kind 1, but for what is given. */
export function samplePolicy(given: Partial<Policy> = {}): Policy {
  return {
    kinds: [1],
    hours: { from: 0, to: 24 },
    rewardMinWei: 0n,
    pricePerTeraflopWei: 0n,
    flopsMax: 10n ** 15n,
    segmentsMax: 100,
    concurrency: 1,
    ...given,
  }
}

/** A view of a posted job, but for what is given. */
export function sampleView(given: Partial<JobView> = {}): JobView {
  const terms = given.terms ?? sampleTerms()
  return {
    jobId: zero,
    client: terms.client,
    terms,
    postedBlock: 1n,
    phase: 'posted',
    attempt: 0,
    volunteers: [],
    workers: [],
    active: [],
    results: [],
    evaluators: [],
    committed: [],
    revealed: [],
    presented: [],
    closedRounds: [],
    slashes: [],
    payouts: [],
    burnedWei: 0n,
    refundedWei: 0n,
    ledger: emptyLedger,
    lastBlock: 1n,
    ...given,
  }
}
