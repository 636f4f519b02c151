import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { Registry } from '#chain/client/registry.ts'
import { type Terms, encodeTerms, jobIdOf } from '#chain/client/terms.ts'
import { type SigningPlace, signerOf } from '#chain/client/typed.ts'
import type { Network } from '#p2p/network.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { type Consent, consentProtocol, consentSchema } from '#wire/consent.ts'
import { matchModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'

/** A worker that may be asked. */
export interface Candidate {
  readonly owner: Hex
  readonly peerId: string
}

export interface AskDeps {
  readonly network: Pick<Network, 'request'>
  readonly registry: Registry
  readonly feed: Pick<JobFeed, 'head'>
  readonly clock: Clock
}

export interface AskOptions {
  readonly place: SigningPlace
  /** Who may be asked now, the best first; asked anew before each turn. */
  readonly candidates: () => Promise<readonly Candidate[]>
  /** With so many signatures the asking ends. */
  readonly wanted: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const pollMs = 1_000
const answerBytesMax = 4_096
/** A signature must outlive the transaction that carries it. */
const leftSecondsMin = 20n

/** What a worker's code says to a client; a code without words stands for itself. */
const words: Readonly<Record<string, string>> = {
  PRICE: 'asks for more than the reward pays',
  REWARD: 'asks for a higher reward',
  KIND: 'does not train this kind of model',
  ENGINE: 'runs another engine',
  FLOPS: 'takes no job with so much work',
  SEGMENTS: 'takes no job with so many segments',
  HOURS: 'takes no jobs at this hour',
  BUSY: 'is busy, or has signed for another job less than two minutes ago',
  STAKE: 'has too little free stake',
  ARTIFACT_MISSING: 'could not fetch the specification',
  PEER_UNREACHABLE: 'cannot be reached',
  PEER_TIMEOUT: 'did not answer in time',
  CONSENT_INVALID: 'sent a signature that does not count',
}
/** Answers that asking again does not change. */
const lasting = 'MODE MATCH ENGINE KIND SEGMENTS FLOPS REWARD PRICE CONSENT_INVALID'

/**
 * Asks workers for their signatures until as many have signed as are wanted, at most `timeoutMs`.
 * Answers them in the candidates' order. Throws CONSENT_MISSING when fewer than the terms need have signed;
 * nothing has been sent to the chain by then.
 */
export async function gatherConsents(
  deps: AskDeps,
  terms: Terms,
  options: AskOptions,
): Promise<readonly Consent[]> {
  const { clock } = deps
  const endMs = clock.nowMs() + options.timeoutMs
  const given = new Map<Hex, Consent>()
  const refusals = new Map<Hex, string>()
  const tries = new Map<Hex, number>()
  const triesOf = ({ owner }: Candidate) => tries.get(owner) ?? 0
  let order: readonly Hex[] = []

  async function askOne(candidate: Candidate): Promise<void> {
    const { owner } = candidate
    tries.set(owner, triesOf(candidate) + 1)
    try {
      given.set(owner, await askConsent(deps, terms, { candidate, ...options }))
      refusals.delete(owner)
    } catch (error) {
      if (options.signal.aborted) throw options.signal.reason
      refusals.set(owner, refusalOf(error))
    }
  }

  for (;;) {
    const candidates = await options.candidates()
    order = candidates.map(({ owner }) => owner)
    const open = candidates.filter(
      ({ owner }) => !given.has(owner) && !isLasting(refusals.get(owner)),
    )
    const missing = options.wanted - given.size
    const turn = open.toSorted((a, b) => triesOf(a) - triesOf(b)).slice(0, missing)
    await Promise.all(turn.map(askOne))
    const isHopeless = isDirect(terms) && order.some((owner) => isLasting(refusals.get(owner)))
    const isOver = given.size >= options.wanted || isHopeless
    if (isOver || clock.nowMs() >= endMs) break
    await clock.sleep(pollMs, options.signal)
  }
  if (given.size < terms.workerCountMin) throw missingError(terms, given.size, refusals)
  const places = new Map(order.map((owner, place) => [owner, place]))
  const placeOf = ({ owner }: Consent) => places.get(owner) ?? order.length
  return [...given.values()].toSorted((a, b) => placeOf(a) - placeOf(b))
}

/** Whether signatures are so old that a transaction may come too late for them. */
export function areStale(consents: readonly Consent[], head: { timestamp: bigint }): boolean {
  return consents.some(({ validUntil }) => BigInt(validUntil) < head.timestamp + leftSecondsMin)
}

/** Asks one worker and checks what it signed. Throws PEER_REFUSED, CONSENT_INVALID and the network's errors. */
async function askConsent(
  { network, registry, feed }: AskDeps,
  terms: Terms,
  asked: { candidate: Candidate; place: SigningPlace; signal: AbortSignal },
): Promise<Consent> {
  const { candidate, place, signal } = asked
  const body = canonicalBytes({ terms: encodeTerms(terms) })
  const limits = { signal, responseBytesMax: answerBytesMax }
  const answer = await network.request(candidate.peerId, consentProtocol, body, limits)
  const parsed = consentSchema.safeParse(parseJson(answer, answerBytesMax))
  if (!parsed.success) throw new AppError({ code: 'CONSENT_INVALID' }, { cause: parsed.error })
  const { owner, operator, validUntil, signature } = parsed.data
  const entry = await registry.entryOf(candidate.owner)
  const type = isDirect(terms) ? 'Acceptance' : 'Offer'
  const message = { jobId: jobIdOf(terms, place), worker: owner, validUntil: BigInt(validUntil) }
  const isTrue =
    owner === candidate.owner &&
    operator === entry.operator &&
    entry.isWorker &&
    !areStale([parsed.data], feed.head()) &&
    (await signerOf(place, { type, message }, signature)) === operator
  if (!isTrue) throw new AppError({ code: 'CONSENT_INVALID', owner: candidate.owner })
  return parsed.data
}

function isDirect({ matchMode }: Terms): boolean {
  return matchMode === matchModes.direct
}

/** The worker's own reason where it gave one. */
function refusalOf(error: unknown): string {
  const reason = error instanceof AppError ? error.fields['reason'] : undefined
  return codeOf(error) === 'PEER_REFUSED' ? String(reason) : (codeOf(error) ?? 'FAILED')
}

function isLasting(refusal: string | undefined): boolean {
  return refusal !== undefined && lasting.split(' ').includes(refusal)
}

function missingError(terms: Terms, signed: number, refusals: ReadonlyMap<Hex, string>): AppError {
  const reasons = [...refusals].map(([owner, code]) => `\n  ${owner} ${words[code] ?? code}`)
  const next = isDirect(terms)
    ? 'raise --reward, name other workers, or let --match volunteer find some'
    : 'raise --reward, lower --workers, or let --match volunteer find some'
  const nobody = refusals.size === 0 ? '\n  no worker that fits could be found' : ''
  const message =
    `${signed} of ${terms.workerCount} workers signed, ${terms.workerCountMin} are needed:` +
    `${reasons.join('')}${nobody}\nnothing was posted and no escrow was taken; ${next}`
  return new AppError({
    code: 'CONSENT_MISSING',
    signed,
    needed: terms.workerCountMin,
    refusals: Object.fromEntries(refusals),
    message,
  })
}
