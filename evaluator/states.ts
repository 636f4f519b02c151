import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type JobFeed, isOver } from '#chain/client/feed.ts'
import type { StateRequest } from '#chain/client/ledger-view.ts'
import { isJobMember, memberOf } from '#chain/client/members.ts'
import type { Registry } from '#chain/client/registry.ts'
import { seatNumberOf } from '#chain/client/seats.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import { stateRootOf } from '#compute/train/commit.ts'
import { locateStep } from '#compute/train/drawn.ts'
import { decodeState, leafOfState } from '#compute/train/state.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import { fetchTranscript } from './fetch.ts'
import { createNotices } from './notices.ts'
import { openWindow } from './window.ts'

export interface StatesDeps {
  readonly feed: Pick<JobFeed, 'head' | 'job' | 'onHead'>
  /** One for each validator's account. */
  readonly accounts: readonly Pick<Transactor, 'address' | 'read' | 'send'>[]
  readonly registry: Registry
  readonly topics: Pick<JobTopics, 'open'>
  readonly artifacts: Artifacts
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
}

/** Answers the requests for states that validators are drawn for. */
export interface StatesDesk {
  /** Takes up what is asked in a job. */
  tend(view: JobView): Promise<void>
  ended(): Promise<unknown>
}

const pollMs = 500
/** Of the time for answers this much is left for the transaction. */
const marginSeconds = 8n
const fetchTimeoutMs = 5_000

/** Creates the desk; what it fetched it serves until the job is over. */
export function createStatesDesk(deps: StatesDeps, stopping: AbortSignal): StatesDesk {
  const { accounts, log } = deps
  const taken = new Map<Hex, Promise<void>>()

  async function tend(view: JobView): Promise<void> {
    if (isOver(view)) return release(view)
    for (const request of view.ledger.stateRequests) {
      if (request.status !== 'drawn' || taken.has(request.requestId)) continue
      const drawn = await drawnFor(request)
      const work = drawn.length === 0 ? Promise.resolve() : answer(view, request, drawn)
      const logged = work.catch((error: unknown) => {
        if (!stopping.aborted) log.warn({ err: error, code: codeOf(error) }, 'state not looked for')
      })
      taken.set(request.requestId, logged)
    }
  }

  /** Gives back the space of what is needed no more. */
  async function release({ jobId, ledger }: JobView): Promise<void> {
    const held = ledger.stateRequests.filter(({ requestId }) => taken.delete(requestId))
    if (held.length === 0) return
    await deps.artifacts.unpinOwner(pinOwnerOf(jobId))
    await deps.artifacts.collect()
  }

  async function drawnFor({ seats, answered }: StateRequest): Promise<StatesDeps['accounts']> {
    const wanted = await Promise.all(
      accounts.map(async (account) => {
        const seat = await seatNumberOf(account, account.address)
        return seat !== undefined && seats.includes(seat) && !answered.includes(seat)
      }),
    )
    return accounts.filter((_, i) => wanted[i])
  }

  async function answer(
    view: JobView,
    request: StateRequest,
    drawn: StatesDeps['accounts'],
  ): Promise<void> {
    const { jobId } = view
    const isServed = await findState(deps, { view, request, signal: stopping })
    if (isServed === undefined) return log.warn({ jobId }, 'no time to look for a state')
    for (const account of drawn) {
      await account
        .send('WorkLedger', 'attestState', [request.requestId, isServed])
        .catch((error: unknown) =>
          log.info({ jobId, code: codeOf(error) }, 'word on a state refused'),
        )
      log.info({ jobId, isServed, account: account.address }, 'looked for a state')
    }
  }

  return { tend, ended: () => Promise.all(taken.values()) }
}

interface Search {
  readonly view: JobView
  readonly request: StateRequest
  readonly signal: AbortSignal
}

/**
 * Whether the state before the step can be had, from wherever the worker says, before the answers are due; undefined where
 * there was no time to look: whoever could not look says nothing against the worker.
 */
export async function findState(deps: StatesDeps, search: Search): Promise<boolean | undefined> {
  const { request, signal } = search
  const untilTime = request.untilTime - marginSeconds
  const window = openWindow(deps.feed, { untilTime, lastTime: untilTime }, signal)
  try {
    return await lookUntil(deps, search, window.signal)
  } finally {
    window.release()
  }
}

async function lookUntil(
  deps: StatesDeps,
  search: Search,
  closing: AbortSignal,
): Promise<boolean | undefined> {
  const { feed, files, registry, clock } = deps
  const { view, request, signal } = search
  const { jobId } = view
  const root = closing.aborted ? 'late' : await rootOf(deps, search, closing)
  if (root === 'late') return undefined
  if (root === undefined) return false
  const directory = `${jobId}/states`
  await files.make(directory)
  const topic = await deps.topics.open(jobId, {
    directory: files.path(directory),
    isMember: (peerId) => isJobMember(feed.job(jobId) ?? view, peerId, registry),
  })
  try {
    const notices = createNotices(topic, (peerId) => memberOf(view, peerId, registry), {
      attempt: request.attempt,
      evaluators: () => view.evaluators,
    })
    let looks = 0
    for (; !closing.aborted; looks += 1) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(fetchTimeoutMs)])
      await topic.sync(limit).catch(() => undefined) // then with what came
      await notices.update().catch(() => undefined) // the rest the next time
      for (const { cid } of notices.openingsOf(request)) {
        if (await isState(deps, { jobId, cid, root, signal })) return true
      }
      await clock.sleep(pollMs, closing).catch(() => undefined)
    }
    return looks > 0 ? false : undefined
  } finally {
    await topic.close()
  }
}

/** The root of the state that was asked for; undefined where the worker's transcript does not have it. */
async function rootOf(
  { artifacts, clock }: StatesDeps,
  { view, request, signal }: Search,
  closing: AbortSignal,
): Promise<Hex | 'late' | undefined> {
  const result = view.results.find(({ worker }) => worker === request.worker)
  if (result === undefined) return undefined
  const owner = pinOwnerOf(view.jobId)
  const { train } = await fetchJobSpec(artifacts, view.terms.specDigest, { owner, signal })
  const transcript = await fetchTranscript({ artifacts, clock }, result.transcriptCidDigest, {
    owner,
    closing,
  })
  if (transcript === 'withheld') return 'late'
  if (typeof transcript === 'string') return undefined
  try {
    return stateRootOf(locateStep(train, transcript, request).before)
  } catch {
    return undefined // the transcript has no such step: nobody can serve it
  }
}

/** Fetches a file and keeps it for others, if it is the state. */
async function isState(
  { artifacts, files }: StatesDeps,
  { jobId, cid, root, signal }: { jobId: Hex; cid: string; root: Hex; signal: AbortSignal },
): Promise<boolean> {
  const name = `${jobId}/states/state.safetensors`
  const sizeBytesMax = limits.parametersMax * 12 + 65_536
  const bounds = { owner: pinOwnerOf(jobId), sizeBytesMax, timeoutMs: fetchTimeoutMs, signal }
  try {
    await artifacts.getFile(cid, files.path(name), bounds)
    return stateRootOf(leafOfState(decodeState(await files.read(name)))) === root
  } catch {
    return false // not to be had from there, or no state
  } finally {
    await files.remove(name)
  }
}

/** Under which name an attester keeps what it serves again. */
function pinOwnerOf(jobId: Hex): string {
  return `states:${jobId}`
}
