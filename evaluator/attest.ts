import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import { memberOf } from '#chain/client/members.ts'
import type { Operators } from '#chain/client/operators.ts'
import type { Registry } from '#chain/client/registry.ts'
import { verdictCommitment, verdictHashOf } from '#chain/client/terms.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import { type JobView, type Verdict, hasPanelCommitted } from '#chain/client/view.ts'
import type { Runner } from '#compute/runner.ts'
import type { Artifacts, JobTopic } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import { readPlace, readRates } from './attempt.ts'
import { type Examined, examineAttempt } from './examine.ts'
import { createCourt } from './court.ts'
import { joinPanel } from './joining.ts'
import type { Journal, JournalEntry } from './journal.ts'
import { type EvaluatorLie, sitLazily } from './misbehave.ts'
import { type SignTyped, createWordCheck } from './saying.ts'
import type { HeldTopics } from './topics.ts'
import { type Windows, openWindows } from './window.ts'

export interface AttestDeps {
  readonly feed: JobFeed
  readonly chain: Pick<Transactor, 'read' | 'send'>
  readonly registry: Registry
  readonly operators: Operators
  readonly artifacts: Artifacts
  readonly topics: Pick<HeldTopics, 'of'>
  readonly files: Files
  readonly journal: Journal
  readonly openRunner: () => Runner
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly sign: SignTyped
  readonly log: Logger
  readonly onProgress: OnProgress
}

export interface AttestOptions {
  readonly chainId: number
  readonly jobManager: Hex
  /** Owner that this evaluator works for, lower case. */
  readonly owner: Hex
  /** Private X25519 key to which clients seal held-out keys. */
  readonly sealKey: Uint8Array
  readonly threads: number
  /** Whether the chain's ledger decides about withheld states. */
  readonly hasCourt?: boolean
  readonly misbehave?: EvaluatorLie | undefined
}

/** What an evaluator tells of its work, for logs, metrics and people. */
export type Progress =
  | { readonly kind: 'drawn'; readonly attempt: number }
  | { readonly kind: 'rerun'; readonly attempt: number; readonly outcome: Outcome }
  | {
      readonly kind: 'judged'
      readonly attempt: number
      readonly findings: readonly Finding[]
      readonly steps: Examined['steps']
      readonly verdict: Verdict
    }
  | { readonly kind: 'committed' | 'revealed'; readonly attempt: number }
export type OnProgress = (jobId: Hex, progress: Progress) => void

type Outcome = 'equal' | 'different' | 'withheld'

/** Names under which a job's artifacts are pinned. */
export function pinOwnersOf(jobId: Hex) {
  return { lasting: `job:${jobId}`, passing: `audit:${jobId}` }
}

/** Whether this evaluator still owes a verdict: drawn in the present attempt, and not revealed. */
export function owesVerdict(view: JobView, owner: Hex): boolean {
  return (
    view.phase === 'attesting' &&
    view.evaluators.includes(owner) &&
    !view.revealed.some(({ evaluator }) => evaluator === owner)
  )
}

/**
 * Examines the present attempt of a job, commits the verdict and reveals it. What is committed is on disk
 * first, so that a process killed at any moment goes on where it stopped. Rejects with the signal's reason
 * when the attempt is over, SALT_LOST when it was committed with a journal that is gone.
 */
export async function attest(
  deps: AttestDeps,
  options: AttestOptions,
  { view, signal }: { view: JobView; signal: AbortSignal },
): Promise<void> {
  const { jobId, attempt, terms } = view
  const { owner } = options
  deps.onProgress(jobId, { kind: 'drawn', attempt })
  const known = deps.journal.entry(jobId, attempt)
  if (known === undefined && view.committed.includes(owner)) {
    throw new AppError({ code: 'SALT_LOST', jobId, attempt })
  }
  const entry = known ?? (await decide(deps, options, { view, signal }))
  const current = () => deps.feed.job(jobId) ?? view
  if (!current().committed.includes(owner)) {
    const verdictHash = verdictHashOf(entry.verdict)
    const commitment = verdictCommitment({ ...entry, evaluator: owner, verdictHash })
    await sendOnce(deps, 'commitVerdict', [terms, commitment])
    deps.onProgress(jobId, { kind: 'committed', attempt })
  }
  await untilRevealing(deps, view, signal)
  const { verdict, salt, heldOutKey } = entry
  await sendOnce(deps, 'revealVerdict', [terms, verdict, salt, heldOutKey])
  deps.onProgress(jobId, { kind: 'revealed', attempt })
}

async function decide(
  deps: AttestDeps,
  options: AttestOptions,
  { view, signal }: { view: JobView; signal: AbortSignal },
): Promise<JournalEntry> {
  const { jobId, attempt } = view
  const found = await readPlace(deps, view, options)
  const place = { ...found, rates: await readRates(deps.chain, found) }
  const topic = await deps.topics.of(jobId)
  await topic.sync(AbortSignal.any([signal, AbortSignal.timeout(syncTimeoutMs)])).catch(() => {
    deps.log.debug({ jobId }, 'job log not synced yet') // it goes on in the background
  })
  const examined = await examine(deps, options, { view, place, topic, signal })
  const { verdict, heldOutKey, findings, steps } = examined
  deps.onProgress(jobId, { kind: 'judged', attempt, findings, steps, verdict })
  const salt = toHex(deps.randomBytes(32))
  const entry = { jobId, attempt, verdict, salt, heldOutKey }
  await deps.journal.write(entry)
  return entry
}

const syncTimeoutMs = 10_000

interface Examining {
  readonly view: JobView
  readonly place: Awaited<ReturnType<typeof readPlace>>
  readonly topic: JobTopic
  readonly signal: AbortSignal
}

async function examine(
  deps: AttestDeps,
  options: AttestOptions,
  { view, place, topic, signal }: Examining,
): Promise<Examined> {
  const { feed, registry } = deps
  const { jobId, attempt, terms } = view
  const { owner, sealKey, threads, misbehave } = options
  const present = () => feed.job(jobId) ?? view
  const opened: Windows[] = []
  const windows = (statesBytes: number) => {
    const { commitDeadline = 0n } = present()
    const { commitSeconds } = terms
    const all = openWindows(feed, { commitDeadline, commitSeconds, statesBytes }, signal)
    opened.push(all)
    return all
  }
  const seat = joinPanel(
    {
      ...deps,
      topic,
      accountOfPeer: (peerId) => memberOf(present(), peerId, registry),
      isSigned: createWordCheck(deps.operators, place),
      onShown: (outcome) => deps.onProgress(jobId, { kind: 'rerun', attempt, outcome }),
    },
    place,
    { owner, evaluators: () => present().evaluators },
  )
  const court = options.hasCourt === true ? createCourt(deps, { view, owner }) : undefined
  try {
    const joined = misbehave === 'lazy' ? sitLazily(seat) : seat
    return await examineAttempt({ ...deps, ...joined, court }, place, {
      owner,
      sealKey,
      threads,
      folder: `${jobId}/audit-${attempt}`,
      pins: pinOwnersOf(jobId),
      windows,
      patienceMs,
      isBribed: misbehave === 'bribed',
      signal,
    })
  } finally {
    for (const { release } of opened) release()
  }
}

/** An examiner that is silent for so long is not waited for. */
const patienceMs = 10_000

/** Waits until the whole panel has committed, or may no longer. */
async function untilRevealing(
  deps: Pick<AttestDeps, 'feed' | 'clock'>,
  view: JobView,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const present = deps.feed.job(view.jobId) ?? view
    const { commitDeadline = 0n } = present
    if (deps.feed.head().timestamp > commitDeadline) return
    if (hasPanelCommitted(present)) return
    await deps.clock.sleep(pollMs, signal)
  }
}

const pollMs = 250

/** Sends a call that may have been sent before a restart. */
async function sendOnce(
  deps: Pick<AttestDeps, 'chain' | 'log'>,
  call: 'commitVerdict' | 'revealVerdict',
  args: readonly unknown[],
): Promise<void> {
  try {
    await deps.chain.send('JobManager', call, args)
  } catch (error) {
    const reason = error instanceof AppError ? error.fields['reason'] : undefined
    if (reason !== 'AlreadyDone') throw error
    deps.log.info({ call }, 'was sent before')
  }
}
