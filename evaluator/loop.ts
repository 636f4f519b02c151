import { sha256 } from '#base/crypto/sha256.ts'
import { AppError, codeOf } from '#base/error.ts'
import { concatBytes } from '#base/bytes.ts'
import { fromHex } from '#base/hex.ts'
import type { Metrics } from '#base/metrics.ts'
import type { Service } from '#base/service.ts'
import { isOver } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { Hex } from '#wire/primitives.ts'
import {
  type AttestDeps,
  type AttestOptions,
  type OnProgress,
  attest,
  owesVerdict,
  pinOwnersOf,
} from './attest.ts'
import { type Due, dueOf } from './due.ts'
import { createHeldTopics } from './topics.ts'

export interface EvaluatorDeps extends Omit<AttestDeps, 'onProgress' | 'topics'> {
  readonly topics: Pick<JobTopics, 'open'>
  readonly metrics: Metrics
  readonly onProgress?: OnProgress
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
const retryAfterMs = 5_000
/** Jobs whose topics are open, finished ones among them. */
const topicsMax = 16
/** Jobs looked at in one tick for a step that anyone may do. */
const duePerTickMax = 32
const lookEveryMs = 1_000
const staggerMs = 400
const ranks = 4

/** Watches all jobs: gives the verdicts this evaluator owes, and moves on what has reached its deadline. */
export function createEvaluator(deps: EvaluatorDeps, options: EvaluatorOptions): Evaluator {
  const { feed, clock, log, journal } = deps
  const stopping = new AbortController()
  const topics = createHeldTopics(deps, { heldMax: topicsMax })
  const working = new Map<Hex, Promise<void>>()
  const restingUntilMs = new Map<Hex, number>()
  /** When a job is looked at again, and the stage in which it waits for this evaluator's turn. */
  const lookAtMs = new Map<Hex, number>()
  const turns = new Map<Hex, string>()
  const onProgress = meter(deps)
  let loop: Promise<void> | undefined

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await tick()
      } catch (error) {
        log.warn({ err: error, code: codeOf(error) }, 'tick failed')
      }
      await clock.sleep(tickMs, stopping.signal).catch(() => undefined)
    }
  }

  async function tick(): Promise<void> {
    const open = feed.jobs().filter((view) => !isOver(view))
    for (const view of open) if (owesVerdict(view, options.owner)) begin(view)
    for (const view of open.slice(0, duePerTickMax)) await moveOn(view)
    const ids = new Set(open.map(({ jobId }) => jobId))
    for (const known of [lookAtMs, turns, restingUntilMs]) {
      for (const jobId of known.keys()) if (!ids.has(jobId)) known.delete(jobId)
    }
    await tidy()
  }

  function begin(view: JobView): void {
    const { jobId, attempt } = view
    const isResting = clock.nowMs() < (restingUntilMs.get(jobId) ?? 0)
    if (working.has(jobId) || isResting || working.size >= options.concurrency) return
    const over = new AbortController()
    const unlisten = feed.onChange((changed) => {
      if (changed.jobId !== jobId) return
      const isOwed = changed.attempt === attempt && owesVerdict(changed, options.owner)
      if (!isOwed) over.abort(new AppError({ code: 'ATTEMPT_OVER' }))
    })
    const signal = AbortSignal.any([stopping.signal, over.signal])
    const work = perform(view, signal).finally(() => {
      unlisten()
      working.delete(jobId)
    })
    working.set(jobId, work)
  }

  async function perform(view: JobView, signal: AbortSignal): Promise<void> {
    const { jobId, attempt } = view
    try {
      await journal.keep({ jobId, untilTime: 0 })
      await attest({ ...deps, topics, onProgress }, options, { view, signal })
      restingUntilMs.set(jobId, clock.nowMs() + retryAfterMs) // until the feed has seen the reveal
    } catch (error) {
      if (signal.aborted) return
      restingUntilMs.set(jobId, clock.nowMs() + retryAfterMs)
      log.error({ err: error, code: codeOf(error), jobId, attempt }, 'verdict not given yet')
    }
  }

  /** Sends what anyone may send. Evaluators take turns, so that not all send the same. */
  async function moveOn(view: JobView): Promise<void> {
    const { jobId } = view
    const nowMs = clock.nowMs()
    if (nowMs < (lookAtMs.get(jobId) ?? 0)) return
    const dues = dueOf(view, feed.head(), await deadlineOf(view))
    const stage = `${view.attempt}/${view.phase}/${view.evaluators.length}`
    if (dues.length === 0) {
      turns.delete(jobId)
      lookAtMs.set(jobId, nowMs + lookEveryMs)
    } else if (turns.get(jobId) !== stage) {
      turns.set(jobId, stage)
      lookAtMs.set(jobId, nowMs + rankOf(jobId, options.owner) * staggerMs)
    } else {
      lookAtMs.set(jobId, nowMs + retryAfterMs)
      for (const due of dues) if (await sendDue(view, due)) break
    }
  }

  async function deadlineOf({ jobId }: JobView): Promise<bigint> {
    const state = await deps.chain.read<{ deadline: bigint }>('JobManager', 'jobState', [jobId])
    return state.deadline
  }

  async function sendDue(view: JobView, due: Due): Promise<boolean> {
    const { jobId, terms } = view
    const { call } = due
    try {
      await deps.chain.send('JobManager', call, 'verdict' in due ? [terms, due.verdict] : [terms])
      log.info({ jobId, call }, 'moved on')
      return true
    } catch (error) {
      log.debug({ err: error, jobId, call }, 'not moved on')
      return false
    }
  }

  /** Gives up what is no longer needed, and in the end what was kept for others. */
  async function tidy(): Promise<void> {
    const nowTime = Number(feed.head().timestamp)
    for (const { jobId, untilTime } of await journal.kept()) {
      if (working.has(jobId)) continue
      const view = feed.job(jobId)
      if (untilTime === 0) {
        if (view !== undefined && !isOver(view)) continue
        await deps.artifacts.unpinOwner(pinOwnersOf(jobId).passing)
        await journal.keep({ jobId, untilTime: nowTime + options.retentionSeconds })
        await deps.artifacts.collect()
      } else if (nowTime > untilTime) {
        await topics.close(jobId)
        await deps.artifacts.unpinOwner(pinOwnersOf(jobId).lasting)
        await deps.files.remove(jobId)
        await journal.forget(jobId)
        await deps.artifacts.collect()
      }
    }
  }

  return {
    async start() {
      const kept = await journal.kept()
      for (const { jobId } of kept.slice(-topicsMax)) await topics.of(jobId)
      loop = run()
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPED' }))
      await Promise.all([loop, ...working.values()])
      await topics.closeAll()
    },
    working: () => [...working.keys()],
  }
}

/** This evaluator's turn among others in a job, from 0 on. */
export function rankOf(jobId: Hex, owner: Hex): number {
  const [byte = 0] = sha256(concatBytes(fromHex(jobId), fromHex(owner)))
  return byte % ranks
}

function meter({ metrics, onProgress, log }: EvaluatorDeps): OnProgress {
  const verdicts = metrics.counter('quern_evaluator_verdicts', 'verdicts revealed')
  const steps = metrics.counter('quern_evaluator_rerun_steps', 'drawn steps repeated')
  const findings = metrics.counter('quern_evaluator_findings', 'faults found in the work of others')
  return (jobId, progress) => {
    if (progress.kind === 'rerun') steps.add(1)
    if (progress.kind === 'revealed') verdicts.add(1)
    if (progress.kind === 'judged') {
      findings.add(progress.findings.length)
      log.info({ jobId, ...progress, metricMicros: Number(progress.metricMicros) }, 'judged')
    } else log.info({ jobId, ...progress }, progress.kind)
    onProgress?.(jobId, progress)
  }
}
