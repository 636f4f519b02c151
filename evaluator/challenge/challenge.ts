import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import { type Claim, claimIdOf } from '#chain/client/dispute/claim.ts'
import { type Disputes, bondsWei } from '#chain/client/dispute/disputes.ts'
import { activeIn } from '#chain/client/dispute/announced.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import { zeroHash } from '#compute/train/commit.ts'
import { createChallenger } from '#dispute/challenger.ts'
import { workOfFiles } from '#dispute/files.ts'
import { type Played, playDispute } from '#dispute/play.ts'
import { jobModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import type { AttemptPlace } from '../attempt.ts'
import { type ExamineDeps, openAttempt } from '../examine.ts'
import { fetchTranscript } from '../fetch.ts'
import { findWrongClaim } from './find.ts'

export interface ChallengeDeps extends Pick<
  ExamineDeps,
  'artifacts' | 'files' | 'openRunner' | 'log'
> {
  readonly clock: Clock
  readonly disputes: Disputes
  readonly feed: Pick<JobFeed, 'randomness' | 'job'>
}

export interface Challenge {
  readonly view: JobView
  /** Which attempt, of which worker (its owner, lower case). */
  readonly attempt: number
  readonly worker: Hex
  /** Dispute this round alone. */
  readonly round?: number | undefined
  /** Who disputes and holds the bonds, lower case. */
  readonly self: Hex
  readonly chainId: number
  readonly jobManager: Hex
  readonly threads: number
  /** Called when the replay is over and the dispute open. */
  readonly onOpened?: () => void
  readonly signal: AbortSignal
}

export type Challenged =
  | { readonly kind: 'played'; readonly id: Hex; readonly played: Played }
  /** Why nothing was opened. */
  | { readonly kind: 'left'; readonly reason: LeftReason }
type LeftReason =
  | 'not exact'
  | 'nothing wrong'
  | 'other batches'
  | 'no transcript'
  | 'bonds missing'
  | 'disputed already'

const readingMs = 60_000
const judgingMs = 1_000

/**
 * Computes a worker's share of an attempt again; where the replay contradicts what it signed, opens a dispute, or goes
 * on with the own one that is open, and plays it to its end.
 */
export async function challenge(deps: ChallengeDeps, options: Challenge): Promise<Challenged> {
  const { view, attempt, worker, signal, threads } = options
  const { jobId } = view
  if (view.terms.mode !== jobModes.exact) return { kind: 'left', reason: 'not exact' }
  const index = view.workers.indexOf(worker)
  const folder = `${jobId}/dispute-${attempt}-${index}`
  const pin = `dispute:${jobId}:${attempt}:${index}`
  const transcript = await readTranscript(deps, options, pin)
  if (transcript === undefined) return { kind: 'left', reason: 'no transcript' }
  const place = await placeOf(deps, options)
  const runner = deps.openRunner()
  try {
    const pins = { lasting: pin, passing: pin }
    const opened = await openAttempt({ ...deps, runner }, place, { folder, pins, threads, signal })
    const suspect = { worker, transcript, folder, signal }
    const wrong = await findWrongClaim(deps, opened, suspect)
    if (wrong === 'other batches') return { kind: 'left', reason: wrong }
    const isOther = options.round !== undefined && wrong?.claim.round !== options.round
    if (!wrong || isOther) return { kind: 'left', reason: 'nothing wrong' }
    const id = claimIdOf(wrong.claim)
    const reason = await openDispute(deps, { ...options, ...wrong, id })
    if (reason) return { kind: 'left', reason }
    options.onOpened?.()
    const work = workOfFiles(wrong.source)
    try {
      const moveOf = createChallenger({ work, verifier: deps.disputes.verifier })
      const player = { id, side: 'challenger', moveOf } as const
      const played = await playDispute({ ...deps, chain: deps.disputes }, player, signal)
      if (played.standing.outcome?.winner === options.self) {
        await judged(deps, options)
        await slash(deps, view, wrong.claim)
      }
      return { kind: 'played', id, played }
    } finally {
      work.close()
    }
  } finally {
    await runner.close()
    await deps.files.remove(folder)
    await deps.artifacts.unpinOwner(pin)
  }
}

/** What a worker published of its attempt; undefined where nobody serves it. */
export async function readTranscript(
  deps: Pick<ChallengeDeps, 'artifacts' | 'clock' | 'disputes'>,
  { view, attempt, worker, signal }: Challenge,
  owner: string,
): Promise<Transcript | undefined> {
  const { jobId, postedBlock: fromBlock } = view
  // The view has what was submitted together; the other events have earlier attempts.
  const own =
    attempt === view.attempt ? view.results.find((one) => one.worker === worker) : undefined
  const digest =
    own?.transcriptCidDigest ??
    (await deps.disputes.transcriptDigest({ jobId, attempt, worker, fromBlock }))
  if (!digest) return undefined
  const closing = AbortSignal.any([signal, AbortSignal.timeout(readingMs)])
  const transcript = await fetchTranscript(deps, digest, { owner, closing })
  return typeof transcript === 'string' ? undefined : transcript
}

/** The attempt as replaying needs it, also when the job has gone on to another one. */
async function placeOf(
  { feed }: ChallengeDeps,
  { view, attempt, chainId, jobManager }: Challenge,
): Promise<AttemptPlace> {
  const { jobId, beaconHeight } = view
  const beacon = beaconHeight === undefined ? undefined : await feed.randomness(beaconHeight)
  if (beacon === undefined) throw new AppError({ code: 'NOT_READY', jobId, retryable: true })
  const active = activeIn(view, attempt)
  const unused = { auditSeed: zeroHash, operators: new Map<Hex, readonly Hex[]>() }
  return { chainId, jobManager, view, jobId, attempt, active, beacon, ...unused }
}

/** A panel at work decides first: the proof would end its attempt and leave it unpaid. */
async function judged(
  { feed, clock }: ChallengeDeps,
  { view, attempt, signal }: Challenge,
): Promise<void> {
  for (;;) {
    const { phase, attempt: present } = feed.job(view.jobId) ?? view
    if (present !== attempt || !['submitted', 'attesting'].includes(phase)) return
    await clock.sleep(judgingMs, signal)
  }
}

/** Brings a lost claim to the job, for the worker's stake. A verdict, or another process, may have been first. */
export async function slash(
  { disputes, log }: Pick<ChallengeDeps, 'disputes' | 'log'>,
  { jobId, terms }: Pick<JobView, 'jobId' | 'terms'>,
  claim: Claim,
): Promise<void> {
  try {
    const { gasUsed } = await disputes.slash(terms, claim)
    log.warn({ jobId, asserter: claim.asserter, gasUsed: Number(gasUsed) }, 'stake slashed')
  } catch (error) {
    if (codeOf(error) !== 'REVERTED') throw error
    const reason = error instanceof AppError ? error.fields['reason'] : undefined
    log.info({ jobId, asserter: claim.asserter, reason }, 'stake not slashed')
  }
}

/** Why there is no dispute of its own to play; undefined when there is one, opened now or before a crash. */
export async function openDispute(
  { disputes, log }: ChallengeDeps,
  open: { id: Hex; claim: unknown; signature: Hex; self: Hex },
): Promise<LeftReason | undefined> {
  const { id, claim, signature, self } = open
  const known = await disputes.standing(id)
  if (known && !known.outcome) return known.challenger === self ? undefined : 'disputed already'
  const { bondWei } = await disputes.rules()
  if ((await disputes.balanceOf(self)) < bondsWei(bondWei, { open: 0, fresh: 1 }))
    return 'bonds missing'
  try {
    const { gasUsed } = await disputes.send('open', [claim, signature])
    log.warn({ id, gasUsed: Number(gasUsed) }, 'dispute opened')
    return undefined
  } catch (error) {
    const reason = error instanceof AppError ? error.fields['reason'] : undefined
    log.info({ id, code: codeOf(error), reason }, 'dispute not opened')
    if (reason === 'AlreadyDisputed' || reason === 'AlreadyLost') return 'disputed already'
    if (reason === 'BalanceTooLow') return 'bonds missing'
    throw error
  }
}
