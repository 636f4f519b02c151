import type { LocalAccount } from 'viem'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import { decodeTerms, jobIdOf } from '#chain/client/terms.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import { type SigningPlace, signTyped } from '#chain/client/typed.ts'
import type { Artifacts, Network } from '#p2p/network.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { type Consent, consentProtocol, consentRequestSchema } from '#wire/consent.ts'
import { matchModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import { decide } from './policy.ts'
import { checkSpec, freeStakeOf, type MarketOptions } from './volunteering.ts'

/** Answers clients that ask this worker itself: with its signature when the policy likes the job. */
export interface Consents extends Service {
  /** Signatures that are valid and whose jobs have no workers yet. */
  open(): number
}

interface ConsentsDeps {
  readonly network: Pick<Network, 'handle'>
  readonly feed: Pick<JobFeed, 'head' | 'job'>
  readonly chain: Pick<Transactor, 'read'>
  readonly artifacts: Artifacts
  readonly account: LocalAccount
  readonly log: Logger
}

const validSeconds = 120n
const requestBytesMax = 16_384
const concurrencyMax = 4
const specTimeoutMs = 10_000

/**
 * Creates the answers. A client hears PEER_REFUSED with TERMS_INVALID, SPEC_INVALID, or what the policy says,
 * such as PRICE; REQUEST_INVALID for anything else.
 */
export function createConsents(
  deps: ConsentsDeps,
  options: MarketOptions & { signing: SigningPlace },
): Consents {
  const { account, artifacts, chain, feed, log } = deps
  const { engineId, policy, self, signing } = options
  /** Job -> Unix seconds until which this worker's word holds. */
  const given = new Map<Hex, bigint>()
  let unserve: (() => Promise<void>) | undefined

  function open(): number {
    const { timestamp } = feed.head()
    for (const [jobId, until] of given) {
      const isTaken = (feed.job(jobId)?.workers.length ?? 0) > 0
      if (isTaken || until < timestamp) given.delete(jobId)
    }
    return given.size
  }

  async function answer(
    request: Uint8Array,
    from: string,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const parsed = consentRequestSchema.safeParse(parseJson(request, requestBytesMax))
    if (!parsed.success) throw new AppError({ code: 'REQUEST_INVALID' })
    const terms = decodeTerms(parsed.data.terms)
    const jobId = jobIdOf(terms, signing)
    const { timestamp } = feed.head()
    const freeStakeWei = await freeStakeOf(chain, self)
    const busy = options.busy() - (given.has(jobId) ? 1 : 0) // asked again about the same job
    const situation = { timestamp, busy, freeStakeWei, engineId, isAsked: true }
    const decision = decide(policy, terms, situation)
    if (decision.kind === 'leave') throw new AppError({ code: decision.reason })
    await checkSpec(artifacts, terms, { providers: [from], timeoutMs: specTimeoutMs, signal })
    const until = timestamp + validSeconds
    const type = terms.matchMode === matchModes.offers ? 'Offer' : 'Acceptance'
    const message = { jobId, worker: self, validUntil: until }
    const signature = await signTyped(account, signing, { type, message })
    given.set(jobId, until)
    log.info({ jobId, type, validUntil: until }, 'consented')
    const operator = account.address.toLowerCase() as Hex
    const consent: Consent = { owner: self, operator, validUntil: Number(until), signature }
    return canonicalBytes(consent)
  }

  return {
    open,
    async start() {
      const limits = { requestBytesMax, concurrencyMax }
      unserve = await deps.network.handle(consentProtocol, answer, limits)
    },
    async stop() {
      await unserve?.()
    },
  }
}
