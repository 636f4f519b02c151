import { AppError, codeOf } from '#base/error.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { Capabilities } from '#p2p/capabilities.ts'
import type { Capability } from '#p2p/capability.ts'
import { type JobKind, jobKinds } from '#wire/market.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { Hex } from '#wire/primitives.ts'
import { shareOf } from '#worker/policy.ts'
import type { Candidate } from './consents.ts'

export interface FindDeps {
  readonly capabilities: Pick<Capabilities, 'query'>
  readonly registry: Registry
  readonly reader: Pick<Transactor, 'read'>
}

/** A worker that announced itself, with what ranks it. */
export interface RankedCandidate extends Candidate {
  readonly pricePerGflopWei: bigint
  /** What the chain remembers of it: 0 for a newcomer. */
  readonly score: number
  readonly load: number
}

const askedMax = 64
const gigaflop = 1_000_000_000n

/** Workers that announce the engine and the kind of job at a price within the reward, the best first. */
export async function findCandidates(
  deps: FindDeps,
  terms: Terms,
): Promise<readonly RankedCandidate[]> {
  const records = deps.capabilities.query({
    role: 'worker',
    engine: 'exact',
    taskKind: kindNameOf(terms.kind),
    pricePerGflopWeiMax: pricePerGflopOf(terms),
  })
  const ranked = await Promise.all(records.slice(0, askedMax).map((record) => rank(deps, record)))
  return ranked.filter((candidate) => candidate !== undefined).toSorted(byMerit)
}

/** The named owners as they stand in the registry, in their order. Throws NOT_REGISTERED. */
export async function namedCandidates(
  registry: Registry,
  owners: readonly Hex[],
): Promise<readonly Candidate[]> {
  return Promise.all(
    owners.map(async (owner) => {
      const entry = await registry.entryOf(owner).catch((error: unknown) => {
        throw codeOf(error) === 'NOT_REGISTERED' ? notRegistered(owner) : error
      })
      if (!entry.isWorker) throw notRegistered(owner)
      return { owner, peerId: entry.peerId }
    }),
  )
}

/** What the terms pay one worker for 10^9 FLOPs, in wei, rounded down. */
export function pricePerGflopOf(terms: Terms): bigint {
  const flops = terms.flops / BigInt(terms.workerCount)
  return flops === 0n ? shareOf(terms) : (shareOf(terms) * gigaflop) / flops
}

async function rank(
  { registry, reader }: FindDeps,
  { binding, peerId, pricePerGflopWei, load }: Capability,
): Promise<RankedCandidate | undefined> {
  const owner = await registry.ownerOf(binding.account)
  if (owner === undefined) return undefined
  const reputation = await reader.read<{ score: number }>('Staking', 'reputationOf', [owner])
  return { owner, peerId, pricePerGflopWei, score: reputation.score, load }
}

function notRegistered(owner: Hex): AppError {
  const message = `${owner} is not registered as a worker; --workers-at takes the owners of workers`
  return new AppError({ code: 'NOT_REGISTERED', owner, message })
}

/** Price, then reputation, then how idle the machine is; the address settles the rest. */
function byMerit(a: RankedCandidate, b: RankedCandidate): number {
  if (a.pricePerGflopWei !== b.pricePerGflopWei)
    return a.pricePerGflopWei < b.pricePerGflopWei ? -1 : 1
  return b.score - a.score || a.load - b.load || (a.owner < b.owner ? -1 : 1)
}

function kindNameOf(kind: number): string | undefined {
  return (Object.keys(jobKinds) as JobKind[]).find((name) => jobKinds[name] === kind)
}
