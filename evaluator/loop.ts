import { AppError, codeOf } from '#base/error.ts'
import type { Metrics } from '#base/metrics.ts'
import type { Service } from '#base/service.ts'
import type { Disputes } from '#chain/client/dispute/disputes.ts'
import { isOver } from '#chain/client/feed.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import { verdictHashOf } from '#chain/client/terms.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { Hex } from '#wire/primitives.ts'
import {
  type AttestDeps,
  type AttestOptions,
  type OnProgress,
  attest,
  owesVerdict,
} from './attest.ts'
import { type Challenges, createChallenges } from './challenge/challenges.ts'
import { createKeeper } from './keeper.ts'
import { createRests } from './rests.ts'
import { createRetention } from './retention.ts'
import { type HeldTopics, createHeldTopics } from './topics.ts'

export interface EvaluatorDeps extends Omit<AttestDeps, 'onProgress' | 'topics' | 'chain'> {
  readonly chain: Pick<Transactor, 'read' | 'send' | 'address'>
  readonly topics: Pick<JobTopics, 'open'>
  readonly metrics: Metrics
  readonly onProgress?: OnProgress
  /** Where wrong claims are disputed; undefined where the chain has no game for it, or nobody wants to. */
  readonly disputes?: Disputes
  /** Brings what the operator has in the game up to an amount, in wei, where several disputes want it. */
  readonly putUpBonds?: (amountWei: bigint) => Promise<void>
}

export interface EvaluatorOptions extends AttestOptions {
  /** Jobs examined at the same time. */
  readonly concurrency: number
  /** How long a finished job's artifacts stay here. */
  readonly retentionSeconds: number
}

/** An evaluator at work. */
export interface Evaluator extends Service {
  /** Jobs that are examined now. */
  working(): readonly Hex[]
}

const tickMs = 500
/** Jobs whose topics are open, finished ones among them. */
const topicsMax = 16

/** Watches all jobs: gives the verdicts this evaluator owes, and moves on what has reached its deadline. */
export function createEvaluator(deps: EvaluatorDeps, options: EvaluatorOptions): Evaluator {
  const { feed, clock, log, journal } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  const topics = createHeldTopics(deps, { heldMax: topicsMax })
  const challenges = challengesOf(deps, options, signal)
  const metered = meter(deps)
  const onProgress: OnProgress = (jobId, progress) => {
    metered(jobId, progress)
    const view = feed.job(jobId)
    if (progress.kind === 'judged' && view) challenges?.found(view, progress.findings)
  }
  const bench = createBench({ ...deps, topics, onProgress }, options, signal)
  const keeper = createKeeper(deps, { owner: options.owner })
  const retention = createRetention({ ...deps, topics }, { seconds: options.retentionSeconds })
  let loop: Promise<void> | undefined

  async function tick(): Promise<void> {
    const open = feed.jobs().filter((view) => !isOver(view))
    for (const view of open) bench.consider(view)
    await keeper.tend(open)
    await retention.sweep(bench.working())
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await tick()
      } catch (error) {
        log.warn({ err: error, code: codeOf(error) }, 'tick failed')
      }
      await clock.sleep(tickMs, signal).catch(() => undefined)
    }
  }

  return {
    async start() {
      const kept = await journal.kept()
      for (const { jobId } of kept.slice(-topicsMax)) await topics.of(jobId)
      await challenges?.resume(feed.jobs())
      loop = run()
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPED' }))
      await loop
      await bench.ended()
      await challenges?.ended()
      await topics.closeAll()
    },
    working: bench.working,
  }
}

function challengesOf(
  { disputes, chain, ...deps }: EvaluatorDeps,
  { chainId, jobManager, threads }: EvaluatorOptions,
  signal: AbortSignal,
): Challenges | undefined {
  if (!disputes) return undefined
  const self = chain.address
  return createChallenges({ ...deps, disputes }, { self, chainId, jobManager, threads, signal })
}

/** The verdicts that are being worked on: one for each job, so many at a time. */
function createBench(
  deps: Omit<AttestDeps, 'topics'> & { topics: HeldTopics },
  options: EvaluatorOptions,
  stopping: AbortSignal,
) {
  const { feed, clock, log, journal } = deps
  const working = new Map<Hex, Promise<void>>()
  const rests = createRests()

  function consider(view: JobView): void {
    const { jobId, attempt } = view
    if (!owesVerdict(view, options.owner) || working.has(jobId)) return
    const isResting = rests.isResting(view, clock.nowMs())
    if (isResting || working.size >= options.concurrency || stopping.aborted) return
    const over = new AbortController()
    const unlisten = feed.onChange((changed) => {
      if (changed.jobId !== jobId) return
      const isOwed = changed.attempt === attempt && owesVerdict(changed, options.owner)
      if (!isOwed) over.abort(new AppError({ code: 'ATTEMPT_OVER' }))
    })
    const work = perform(view, AbortSignal.any([stopping, over.signal])).finally(() => {
      unlisten()
      working.delete(jobId)
    })
    working.set(jobId, work)
  }

  async function perform(view: JobView, signal: AbortSignal): Promise<void> {
    const { jobId, attempt } = view
    let code: string | undefined
    try {
      await journal.keep({ jobId, untilTime: 0 })
      await attest(deps, options, { view, signal })
    } catch (error) {
      if (signal.aborted) return
      code = codeOf(error)
      log.error({ err: error, code, jobId, attempt }, 'verdict not given yet')
    }
    rests.begin(view, { nowMs: clock.nowMs(), code })
  }

  return {
    consider,
    working: () => [...working.keys()],
    ended: () => Promise.all(working.values()),
  }
}

function meter({ metrics, onProgress, log }: EvaluatorDeps): OnProgress {
  const verdicts = metrics.counter('quern_evaluator_verdicts', 'verdicts revealed')
  const steps = metrics.counter('quern_evaluator_rerun_steps', 'drawn steps repeated')
  const audited = metrics.counter('quern_evaluator_steps', 'steps of the work that was judged')
  const findings = metrics.counter('quern_evaluator_findings', 'faults found in the work of others')
  return (jobId, progress) => {
    if (progress.kind === 'rerun') steps.add(1)
    if (progress.kind === 'revealed') verdicts.add(1)
    if (progress.kind === 'judged') {
      findings.add(progress.findings.length)
      audited.add(progress.steps.all)
      log.info({ jobId, ...progress, verdict: wordsOf(progress.verdict) }, 'judged')
    } else if (progress.kind === 'rerun') log.debug({ jobId, ...progress }, 'rerun')
    else log.info({ jobId, ...progress }, progress.kind)
    onProgress?.(jobId, progress)
  }
}

/** Everything that is hashed in a verdict, and the hash: where evaluators differ, their logs say in what. */
function wordsOf(verdict: Verdict) {
  const { metricMicros, segments, ...words } = verdict
  const numbers = { metricMicros: String(metricMicros), segments: `0x${segments.toString(16)}` }
  return { ...words, ...numbers, hash: verdictHashOf(verdict) }
}
