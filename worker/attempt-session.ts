import { AppError } from '#base/error.ts'
import { isOver } from '#chain/client/feed.ts'
import { historyOf } from '#chain/client/history.ts'
import type { JobView } from '#chain/client/view.ts'
import { closedListsOf } from '#compute/train/closed.ts'
import { type AuditRate, auditRateOf } from '#compute/train/sample.ts'
import { jobModes } from '#wire/market.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { createAgreement } from './agreement.ts'
import { isAbort, runAttempt, transcriptIn } from './attempt.ts'
import { signClaims } from './claims.ts'
import { closeOnChain } from './closing.ts'
import { openExchange, type RoundEntry } from './exchange.ts'
import { publishOpenings } from './openings.ts'
import { type AttemptPlace, attemptFolder, pinOwner } from './place.ts'
import type { Progress } from './progress.ts'
import type { OpenJob, SessionDeps, SessionOptions } from './open-job.ts'
import { operatorIn } from './operator.ts'
import { buildResult } from './submission.ts'
import { createTrainer, type Trainer } from './trainer.ts'
import { createUpdates } from './updates.ts'

interface Part {
  readonly job: OpenJob
  readonly view: JobView
  readonly signal: AbortSignal
}

const waitStepMs = 500

/** One attempt from its start until the next one starts or the job is over. */
export async function takePart(
  deps: SessionDeps,
  options: SessionOptions,
  part: Part,
): Promise<void> {
  const { job, view } = part
  const over = new AbortController()
  const signal = AbortSignal.any([part.signal, over.signal])
  const unlisten = deps.feed.onChange((changed) => {
    if (changed.jobId === job.jobId && isPast(changed, view.attempt)) over.abort()
  })
  try {
    await workThrough(deps, options, { ...part, signal })
  } catch (error) {
    if (!over.signal.aborted || part.signal.aborted) throw error
    if (!isAbort(error)) deps.log.debug({ err: error, jobId: job.jobId }, 'left in the middle')
  } finally {
    unlisten()
  }
}

function isPast(view: JobView, attempt: number): boolean {
  return view.attempt !== attempt || isOver(view)
}

async function workThrough(deps: SessionDeps, options: SessionOptions, part: Part): Promise<void> {
  const { job, view, signal } = part
  const place = await placeOf(deps, options, part)
  const tools = openTools(deps, options, { place, part })
  deps.onProgress(job.jobId, {
    kind: 'session',
    attempt: place.attempt,
    workers: place.active.length,
  })
  try {
    const transcript = await trainAndSubmit(deps, { tools, part, options })
    for (let served: bigint | undefined; ;) {
      const next = await deps.feed.waitFor(
        job.jobId,
        (seen) =>
          isPast(seen, view.attempt) ||
          (seen.auditHeight !== undefined && seen.auditHeight !== served),
        { signal },
      )
      if (isPast(next, view.attempt)) return
      served = next.auditHeight as bigint
      if (options.misbehave === 'withhold-states' || !transcript) continue
      const auditSeed = await randomnessOf(deps, served, signal)
      const rate = await ownRate(deps, options.self, served)
      const { misbehave } = options
      const draw = { auditSeed, rate, isTolerant: isTolerant(view) }
      const work = { place, transcript, train: job.spec.train, draw, misbehave }
      const segments = await publishOpenings({ ...deps, ...tools }, work, signal)
      tools.onProgress({ kind: 'opened', attempt: place.attempt, segments })
    }
  } finally {
    await tools.close()
  }
}

/** How closely evaluators look at this worker. Where it cannot be known, all that could be drawn is served. */
async function ownRate(
  { chain, log }: SessionDeps,
  self: Hex,
  auditHeight: bigint,
): Promise<AuditRate> {
  try {
    return auditRateOf(await historyOf(chain, self, auditHeight))
  } catch (error) {
    log.warn({ err: error }, 'own history not read')
    return 'new'
  }
}

/** What stood in the journal, or what training gives; undefined when the attempt ended without this worker. */
async function trainAndSubmit(
  deps: SessionDeps,
  { tools, part, options }: { tools: Tools; part: Part; options: SessionOptions },
): Promise<Transcript | undefined> {
  const { job, view } = part
  const { place } = tools
  const seen = () => deps.feed.job(job.jobId) ?? view
  const isDone = (current: JobView) => current.results.some(({ worker }) => worker === options.self)
  const work = {
    train: job.spec.train,
    flopsPerStep: job.flopsPerStep,
    updateBytes: job.updateBytes,
  }
  const setting = { place, options: { ...work, misbehave: options.misbehave } }
  if (isDone(seen())) return transcriptIn(tools.journal, place, work)
  if (seen().phase !== 'running') return undefined
  const closing = new AbortController()
  const unlisten = deps.feed.onChange((changed) => {
    if (changed.jobId === job.jobId && changed.phase !== 'running') closing.abort()
  })
  const signal = AbortSignal.any([part.signal, closing.signal])
  try {
    const transcript = await runAttempt(tools, setting, signal)
    await claim(deps, { tools, part, transcript })
    await submit(deps, { tools, part, options, transcript })
    return transcript
  } catch (error) {
    if (part.signal.aborted || !closing.signal.aborted) throw error
    deps.log.warn({ jobId: job.jobId, attempt: place.attempt, err: error }, 'too late to submit')
    return undefined
  } finally {
    unlisten()
  }
}

/** Costs a block or two, and never the job. */
async function claim(
  deps: SessionDeps,
  { tools, part, transcript }: { tools: Tools; part: Part; transcript: Transcript },
): Promise<void> {
  const { job, view } = part
  const { place } = tools
  const seen = deps.feed.job(job.jobId) ?? view
  const work = { view: seen, spec: job.spec, place, transcript }
  const segments = await deps.leading.commit(work)
  if (segments > 0) tools.onProgress({ kind: 'claimed', attempt: place.attempt, segments })
}

async function submit(
  deps: SessionDeps,
  {
    tools,
    part,
    options,
    transcript,
  }: { tools: Tools; part: Part; options: SessionOptions; transcript: Transcript },
): Promise<void> {
  const { job, view, signal } = part
  const { trainer, place } = tools
  const { name } = await trainer.checkpoint(job.spec.train.rounds, signal)
  const finalState = await deps.files.read(name)
  const result = await buildResult(deps.artifacts, place, {
    spec: job.spec,
    transcript: await signClaims(deps, options, {
      view,
      spec: job.spec.train,
      transcript,
      batchesOf: (round) => trainer.batches(round, signal),
    }),
    finalState,
  })
  await deps.chain.send('JobManager', 'submitResult', [view.terms, result]).catch(ignoreDone)
  const { modelHash } = result
  tools.onProgress({ kind: 'submitted', attempt: place.attempt, modelHash })
}

/** A process before this one submitted, and no finalised block tells it yet. */
function ignoreDone(error: unknown): void {
  if (!(error instanceof AppError) || error.fields['reason'] !== 'AlreadyDone') throw error
}

type Tools = ReturnType<typeof openTools>

function openTools(
  deps: SessionDeps,
  options: SessionOptions,
  { place, part }: { place: AttemptPlace; part: Part },
) {
  const { artifacts, files, clock, log } = deps
  const { job, view } = part
  const { train } = job.spec
  const journal = deps.journal.attempt(job.jobId, place.attempt)
  const updates = createUpdates(
    { artifacts, files },
    {
      folder: attemptFolder(place),
      pinOwner: pinOwner(job.jobId),
      sizeBytes: job.updateBytes,
      providersOf: (worker) => providersOf(deps, job, worker),
    },
  )
  const trainer: Trainer = createTrainer({ runner: job.runner, files, updates, journal }, place, {
    train,
    misbehave: options.misbehave,
    isTolerant: isTolerant(view),
  })
  const seen = () => deps.feed.job(job.jobId) ?? view
  const operatorOf = (owner: Hex) => operatorIn(deps, owner)
  const entries: { listener?: (entry: RoundEntry) => void } = {}
  const signing = { chainId: options.chainId, jobManager: options.jobManager }
  const { peerId } = deps.network
  const exchangeDeps = { topic: job.topic, peerId, account: deps.account, signing, operatorOf, log }
  const exchange = openExchange(exchangeDeps, place, (entry) => entries.listener?.(entry))
  const agreement = createAgreement(
    {
      clock,
      log,
      journal,
      fetch: (round, update, signal) => updates.fetch(round, update, signal),
      vote: (cast) => exchange.vote(cast),
      close: (round, held, signal) =>
        closeOnChain({ ...deps, operatorOf }, { view: seen, round, held }, signal),
    },
    { self: place.self, active: place.active, rounds: train.rounds, times: options.times },
  )
  entries.listener = (entry) => agreement.onEntry(entry)
  const onView = (next: JobView) => {
    if (next.jobId === job.jobId && next.attempt === place.attempt) {
      agreement.onClosed(closedListsOf(next, job.updateBytes))
    }
  }
  const unlisten = deps.feed.onChange(onView)
  onView(seen())
  const onProgress = (progress: Progress) => deps.onProgress(job.jobId, progress)

  async function close(): Promise<void> {
    unlisten()
    exchange.close()
    await agreement.stop()
  }

  return { place, clock, journal, updates, trainer, exchange, agreement, onProgress, close }
}

/** Whether what other engines compute is right as well. */
function isTolerant({ terms }: JobView): boolean {
  return terms.mode === jobModes.tolerant
}

/** The announcer's peer, then whoever else is in the topic. */
async function providersOf(
  { registry }: SessionDeps,
  { topic }: OpenJob,
  worker: Hex,
): Promise<readonly string[]> {
  const announcer = await registry.entryOf(worker).catch(() => undefined)
  const others = topic.peers().filter((peer) => peer !== announcer?.peerId)
  return announcer?.peerId ? [announcer.peerId, ...others] : others
}

async function placeOf(
  deps: SessionDeps,
  { chainId, self }: SessionOptions,
  { job, view, signal }: Part,
): Promise<AttemptPlace> {
  const { beaconHeight, attempt } = view
  if (beaconHeight === undefined) throw new AppError({ code: 'BEACON_MISSING', jobId: job.jobId })
  const beacon = await randomnessOf(deps, beaconHeight, signal)
  const active = view.active.map((index) => view.workers[index] as Hex)
  return { chainId, jobId: job.jobId, attempt, beacon, self, active }
}

/** Waits for the randomness of a height that may lie ahead. */
async function randomnessOf(
  { feed, clock }: Pick<SessionDeps, 'feed' | 'clock'>,
  height: bigint,
  signal: AbortSignal,
): Promise<Hex> {
  for (;;) {
    const found = await feed.randomness(height)
    if (found !== undefined) return found
    await clock.sleep(waitStepMs, signal)
  }
}
