import type { JobEvent } from '#chain/client/fold.ts'
import { packTerms } from '#chain/client/terms.ts'
import { foldEvent } from '#chain/client/fold.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { sampleTerms } from '#test/unit/worker/terms.ts'

export const hash = (digit: string): Hex => `0x${digit.repeat(64)}`
export const account = (digit: string): Hex => `0x${digit.repeat(40)}`
export const jobId = hash('a')

const wei = 10n ** 18n

export const terms = sampleTerms({
  client: account('c'),
  nonce: 1n,
  rewardWei: 1000n * wei,
  auditDepositWei: 100n * wei,
  workerStakeWei: 10n * wei,
  evaluatorStakeWei: 5n * wei,
  flops: 1_000_000n,
  engineId: hash('e'),
  specDigest: hash('5'),
  slateVersion: 1n,
  commitSeconds: 120,
})

export const verdict: Verdict = {
  modelHash: hash('d'),
  modelCidDigest: hash('f'),
  metricMicros: 981_000n,
  segments: 12n | (12n << 16n),
  guiltyMask: 0,
  withheldMask: 0,
  lazyMask: 0,
  evidenceDigest: hash('0'),
}

/** A posting as the contract writes it: who gets how many gwei, and the fact that is noted of it. */
export function postingOf(receiver: Hex, amountGwei: bigint, fact = 1n): bigint {
  return BigInt(receiver) | (amountGwei << 160n) | (fact << 224n)
}

export function event(eventName: string, args: object, blockNumber = 5n): JobEvent {
  return { eventName, args: { jobId, ...args }, blockNumber } as unknown as JobEvent
}

/** The view after these events, the posting first. */
export function viewAfter(...events: JobEvent[]): JobView {
  const posted = event('JobPosted', { client: terms.client, terms: packTerms(terms) }, 2n)
  let view: JobView | undefined
  for (const one of [posted, ...events]) view = foldEvent(view, one)
  if (view === undefined) throw new Error('the posting makes a view')
  return view
}
