import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Head, JobFeed } from '#chain/client/feed.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { Artifacts, GetOptions } from '#p2p/network.ts'
import { matchModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import { segmentsPerWorker } from '#wire/spec.ts'
import { decide, type Policy } from './policy.ts'

/** Offers this worker for posted jobs that its policy likes. */
export interface Volunteering {
  /** Looks at every posted job once, at all of them together; ends when what is to be sent is sent. */
  look(head: Head, signal: AbortSignal): Promise<void>
}

export interface MarketDeps {
  readonly feed: Pick<JobFeed, 'jobs'>
  readonly chain: Pick<Transactor, 'send' | 'read'>
  readonly artifacts: Artifacts
  readonly log: Logger
}

export interface MarketOptions {
  readonly self: Hex
  readonly policy: Policy
  readonly engineId: Hex
  /** Jobs that this worker has promised to take or works on. */
  readonly busy: () => number
}

const specTimeoutMs = 20_000
const jobsMax = 10_000

/** Creates the volunteering of one owner. */
export function createVolunteering(deps: MarketDeps, options: MarketOptions): Volunteering {
  const { chain, feed, log } = deps
  const { self } = options
  /** Jobs about which nothing can change any more. */
  const left = new Set<Hex>()

  async function look({ timestamp }: Head, signal: AbortSignal): Promise<void> {
    const open = feed.jobs().filter(isOpen)
    if (open.length === 0) return
    const { engineId, policy } = options
    let freeStakeWei = await freeStakeOf(chain, self)
    let busy = options.busy()
    const offers: Promise<void>[] = []
    for (const { jobId, terms } of open) {
      const situation = { timestamp, busy, freeStakeWei, engineId, isAsked: false }
      const decision = decide(policy, terms, situation)
      if (decision.kind === 'leave') {
        if (decision.isFinal) left.add(jobId)
        log.debug({ jobId, reason: decision.reason }, 'job left')
        continue
      }
      // Neither the feed nor the stake knows of it yet.
      busy += 1
      freeStakeWei -= terms.workerStakeWei
      offers.push(offer(jobId, terms, signal))
    }
    await Promise.all(offers)
    if (left.size > jobsMax) left.clear()
  }

  function isOpen({ jobId, phase, terms, volunteers }: JobView): boolean {
    const isAsking = phase === 'posted' && terms.matchMode === matchModes.volunteer
    return isAsking && !left.has(jobId) && !volunteers.includes(self)
  }

  async function offer(jobId: Hex, terms: Terms, signal: AbortSignal): Promise<void> {
    try {
      await checkSpec(deps.artifacts, terms, { timeoutMs: specTimeoutMs, signal })
      await chain.send('JobManager', 'volunteer', [terms])
      left.add(jobId)
      log.info({ jobId }, 'volunteered')
    } catch (error) {
      const code = codeOf(error)
      if (code === 'REVERTED' || code === 'SPEC_INVALID') left.add(jobId)
      log.info({ jobId, code, err: error }, 'did not volunteer')
    }
  }

  return { look }
}

interface Account {
  readonly activeGwei: bigint
  readonly lockedGwei: bigint
}

const gwei = 1_000_000_000n

/** Active stake of an owner that no job has locked. */
export async function freeStakeOf(chain: Pick<Transactor, 'read'>, owner: Hex): Promise<bigint> {
  const account = await chain.read<Account>('Staking', 'accountOf', [owner])
  return (account.activeGwei - account.lockedGwei) * gwei
}

/** Stake is not locked for a job whose specification is missing, or is not what the terms say. */
export async function checkSpec(
  artifacts: Artifacts,
  terms: Terms,
  options: GetOptions,
): Promise<void> {
  const { specDigest } = terms
  const spec = await fetchJobSpec(artifacts, specDigest, options)
  const isAsSaid =
    segmentsPerWorker(spec.train) === terms.segmentCount && spec.engineId === terms.engineId
  if (!isAsSaid)
    throw new AppError({ code: 'SPEC_INVALID', specDigest, reason: 'not as the terms' })
}
