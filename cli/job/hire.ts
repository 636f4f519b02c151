import type { Terms } from '#chain/client/terms.ts'
import type { Consent } from '#wire/consent.ts'
import type { Client } from '../compose-client.ts'
import type { Context } from '../context.ts'
import { type Candidate, areStale, gatherConsents } from './consents.ts'
import { findCandidates, namedCandidates, pricePerGflopOf } from './candidates.ts'
import { type Offer, weiToTrain } from './terms.ts'

interface Hiring {
  readonly terms: Terms
  readonly offer: Offer
}

/** The signatures with which the job may be opened; none where workers volunteer. Throws CONSENT_MISSING. */
export async function askWorkers(
  context: Context,
  client: Client,
  hiring: Hiring,
): Promise<readonly Consent[]> {
  const { terms, offer } = hiring
  if (offer.match === 'volunteer') return []
  const candidates =
    offer.match === 'direct'
      ? () => namedCandidates(client.registry, offer.workersAt)
      : () => findCandidates(client, terms)
  const text = `asking        for the signatures of ${offer.workers} workers, ${offer.consentSeconds} s at most`
  context.output.print({ event: 'asking', match: offer.match, workers: offer.workers }, text)
  return gather(context, client, { ...hiring, candidates, wanted: offer.workers })
}

/** The same signatures, fresh ones where the old would be late. Throws CONSENT_MISSING. */
export async function renewConsents(
  context: Context,
  client: Client,
  hiring: Hiring & { readonly consents: readonly Consent[] },
): Promise<readonly Consent[]> {
  const { consents } = hiring
  if (!areStale(consents, client.feed.head())) return consents
  const owners = consents.map(({ owner }) => owner)
  const candidates = () => namedCandidates(client.registry, owners)
  return gather(context, client, { ...hiring, candidates, wanted: owners.length })
}

/** Who signed and what each is paid, for people. */
export function describeConsents(terms: Terms, consents: readonly Consent[]): readonly string[] {
  const perTeraflop = weiToTrain(pricePerGflopOf(terms) * 1000n)
  return consents.map(({ owner, validUntil }) => {
    const until = new Date(validUntil * 1000).toISOString().slice(11, 19)
    return `signed        ${owner} at ${perTeraflop} TRAIN a TFLOP, good until ${until} UTC`
  })
}

function gather(
  context: Context,
  client: Client,
  ask: Hiring & {
    readonly candidates: () => Promise<readonly Candidate[]>
    readonly wanted: number
  },
): Promise<readonly Consent[]> {
  const { terms, offer, candidates, wanted } = ask
  const { chainId, contracts } = client.access
  const place = { chainId, jobManager: contracts.JobManager }
  const timeoutMs = offer.consentSeconds * 1000
  const deps = { ...client, clock: context.clock }
  const options = { place, candidates, wanted, timeoutMs, signal: context.stopping }
  return gatherConsents(deps, terms, options)
}
