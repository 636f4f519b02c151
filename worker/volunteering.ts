import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Head, JobFeed } from '#chain/client/feed.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Hex } from '#wire/primitives.ts'
import { segmentsPerWorker } from '#wire/spec.ts'
import { fetchSpec } from './job-files.ts'
import { decide, type Policy } from './policy.ts'

/** Offers this worker for posted jobs that its policy likes. */
export interface Volunteering {
  /** Looks at every posted job once; ends when what is to be sent is sent. */
  look(head: Head, signal: AbortSignal): Promise<void>
}

interface VolunteeringDeps {
  readonly feed: Pick<JobFeed, 'jobs'>
  readonly chain: Pick<Transactor, 'send' | 'read'>
  readonly artifacts: Artifacts
  readonly log: Logger
}

interface VolunteeringOptions {
  readonly self: Hex
  readonly policy: Policy
  readonly engineId: Hex
  /** Sessions that run now. */
  readonly sessions: () => number
}

interface Account {
  readonly activeGwei: bigint
  readonly lockedGwei: bigint
}

const gwei = 1_000_000_000n
const specTimeoutMs = 20_000
const jobsMax = 10_000

/** Creates the volunteering of one owner. */
export function createVolunteering(
  deps: VolunteeringDeps,
  options: VolunteeringOptions,
): Volunteering {
  const { chain, feed, log } = deps
  const { self } = options
  /** Jobs about which nothing can change any more. */
  const left = new Set<Hex>()

  async function look(head: Head, signal: AbortSignal): Promise<void> {
    const posted = feed.jobs().filter(({ phase }) => phase === 'posted')
    const hopes = posted.filter(({ volunteers }) => volunteers.includes(self))
    let busy = options.sessions() + hopes.length
    for (const view of posted) {
      if (left.has(view.jobId) || view.volunteers.includes(self)) continue
      if (await consider(view, { head, busy, signal })) busy += 1
    }
    if (left.size > jobsMax) left.clear()
  }

  async function consider(
    view: JobView,
    { head, busy, signal }: { head: Head; busy: number; signal: AbortSignal },
  ): Promise<boolean> {
    const { jobId, terms } = view
    const account = await chain.read<Account>('Staking', 'accountOf', [self])
    const freeStakeWei = (account.activeGwei - account.lockedGwei) * gwei
    const { engineId, policy } = options
    const { timestamp } = head
    const decision = decide(policy, terms, { timestamp, busy, freeStakeWei, engineId })
    if (decision.kind === 'leave') {
      if (decision.isFinal) left.add(jobId)
      log.debug({ jobId, reason: decision.reason }, 'job left')
      return false
    }
    try {
      await checkSpec(deps.artifacts, view, signal)
      await chain.send('JobManager', 'volunteer', [terms])
      left.add(jobId)
      log.info({ jobId }, 'volunteered')
      return true
    } catch (error) {
      const code = codeOf(error)
      if (code === 'REVERTED' || code === 'SPEC_INVALID') left.add(jobId)
      log.info({ jobId, code, err: error }, 'did not volunteer')
      return false
    }
  }

  return { look }
}

/** Stake is not locked for a job whose specification is missing, or is not what the terms say. */
async function checkSpec(
  artifacts: Artifacts,
  { terms }: JobView,
  signal: AbortSignal,
): Promise<void> {
  const { specDigest } = terms
  const spec = await fetchSpec(artifacts, specDigest, { timeoutMs: specTimeoutMs, signal })
  const isAsSaid =
    segmentsPerWorker(spec.train) === terms.segmentCount && spec.engineId === terms.engineId
  if (!isAsSaid)
    throw new AppError({ code: 'SPEC_INVALID', specDigest, reason: 'not as the terms' })
}
