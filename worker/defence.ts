import { AppError, codeOf } from '#base/error.ts'
import { type Disputes, bondsWei } from '#chain/client/dispute/disputes.ts'
import { activeIn } from '#chain/client/dispute/announced.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import { programOfSpec } from '#compute/transcript/tensor-file.ts'
import { createAsserter } from '#dispute/asserter.ts'
import { workOfFiles } from '#dispute/files.ts'
import { playDispute } from '#dispute/play.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import { jobModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import type { WorkerDeps, WorkerOptions } from './loop.ts'
import { fetchRows } from './job-files.ts'
import type { AttemptJournal } from './journal.ts'
import { type AttemptPlace, attemptFolder, pinOwner } from './place.ts'
import { createTrainer } from './trainer.ts'
import { createUpdates } from './updates.ts'

/** Answers the disputes about what this worker signed, each to its end. */
export interface Defence {
  tend(): Promise<void>
  /** Resolves when nothing is played any more. */
  ended(): Promise<void>
}

type Deps = WorkerDeps & { readonly disputes: Disputes }

/**
 * A defence that plays in the background, all disputes at the same time: one whose challenger is silent must not use up
 * the clock of another. A restart goes on from the chain alone.
 */
export function createDefence(deps: Deps, options: WorkerOptions, signal: AbortSignal): Defence {
  const { disputes, account, log } = deps
  const self = account.address.toLowerCase() as Hex
  const playing = new Map<Hex, Promise<void>>()
  let funding: Promise<void> = Promise.resolve()

  /** What is put up in one dispute must not be missing in another; the first bond of each was taken when it began. */
  async function fund(count: number): Promise<void> {
    try {
      const { bondWei } = await disputes.rules()
      await deps.putUpBonds?.(bondsWei(bondWei, { open: count, fresh: 0 }))
    } catch (error) {
      log.error({ err: error, code: codeOf(error), disputes: count }, 'no more bonds')
    }
  }

  async function defend(standing: Standing): Promise<void> {
    const { id } = standing
    try {
      await funding
      const { outcome } = await playOwn(deps, options, { standing, signal })
      log.info({ id, ...figuresOf(outcome) }, 'dispute decided')
    } catch (error) {
      if (!signal.aborted) log.error({ err: error, code: codeOf(error), id }, 'dispute not played')
    }
  }

  return {
    async tend() {
      const all = await disputes.all()
      const open = all.filter(({ asserter, outcome }) => asserter === self && !outcome)
      const fresh = open.filter(({ id }) => !playing.has(id))
      if (fresh.length > 0) funding = funding.then(() => fund(open.length))
      for (const standing of fresh) {
        const { id, challenger } = standing
        log.warn({ id, challenger, round: standing.claim.round }, 'a claim is disputed')
        const played = defend(standing).finally(() => playing.delete(id))
        playing.set(id, played)
      }
    },
    ended: async () => void (await Promise.all(playing.values())),
  }
}

function figuresOf(outcome: Standing['outcome']) {
  return (
    outcome && {
      ...outcome,
      lostWei: String(outcome.lostWei),
      burnedWei: String(outcome.burnedWei),
    }
  )
}

async function playOwn(
  deps: Deps,
  options: WorkerOptions,
  { standing, signal }: { standing: Standing; signal: AbortSignal },
): Promise<Standing> {
  const { disputes, clock, log } = deps
  const { verifier } = disputes
  const opened = await openWork(deps, options, { standing, signal })
  try {
    const insists = options.misbehave !== undefined
    const moveOf = createAsserter({ work: opened.work, verifier }, { insists })
    const player = { id: standing.id, side: 'asserter', moveOf } as const
    return (await playDispute({ chain: disputes, clock, log }, player, signal)).standing
  } finally {
    await opened.close()
  }
}

/** The work behind a claim, in a folder of its own, so that a session that still runs is not disturbed. */
async function openWork(
  deps: Deps,
  options: WorkerOptions,
  { standing, signal }: { standing: Standing; signal: AbortSignal },
) {
  const { artifacts, files, feed } = deps
  const { jobId, attempt, round } = standing.claim
  const view = feed.job(jobId)
  if (!view) throw new AppError({ code: 'JOB_UNKNOWN', jobId })
  const beacon = view.beaconHeight && (await feed.randomness(view.beaconHeight))
  if (!beacon) throw new AppError({ code: 'BEACON_MISSING', jobId })
  const { chainId, self, misbehave } = options
  const place: AttemptPlace = {
    chainId,
    jobId,
    attempt,
    beacon,
    self,
    active: activeIn(view, attempt),
  }
  const owner = pinOwner(jobId)
  const { train, ...spec } = await fetchJobSpec(artifacts, view.terms.specDigest, { owner, signal })
  const rows = { jobId, spec: { ...spec, train }, owner }
  const trainFile = await fetchRows({ artifacts, files }, rows, signal)
  const runner = deps.openRunner(jobModes.exact)
  try {
    const { threads } = options
    const { parameterCount } = await runner.open({ spec: train, trainFile, threads }, { signal })
    const folder = `${attemptFolder(place)}/dispute-${round}`
    const journal = deps.journal.attempt(jobId, attempt)
    const updates = createUpdates(
      { artifacts, files },
      { folder, pinOwner: owner, sizeBytes: 4 * parameterCount, providersOf: async () => [] },
    )
    const trainer = createTrainer({ runner, files, updates, journal }, place, {
      train,
      misbehave,
      folder,
    })
    await trainer.initial()
    const work = workOfFiles({
      program: programOfSpec(train),
      leaves: leavesIn(journal, round),
      batches: () => trainer.batches(round, signal),
      transcribe: (step) => trainer.transcribe({ round, step }, signal),
    })
    const close = async () => {
      work.close()
      await runner.close()
      await files.remove(folder)
    }
    return { work, close }
  } catch (error) {
    await runner.close()
    throw error
  }
}

function leavesIn(journal: AttemptJournal, round: number): readonly Leaf[] {
  const start = round === 0 ? journal.initial() : journal.steps(round - 1)?.aggregated
  const done = journal.steps(round)
  if (!start || !done) throw new AppError({ code: 'JOURNAL_GAP', round })
  return [start, ...done.steps]
}
