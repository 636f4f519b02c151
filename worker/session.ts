import type { LocalAccount } from 'viem'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type JobFeed, isOver } from '#chain/client/feed.ts'
import { isJobMember } from '#chain/client/members.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Runner } from '#compute/runner.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { Artifacts, JobTopic, Network } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { RoundTimes } from './agreement.ts'
import { takePart } from './attempt-session.ts'
import { fetchRows } from './job-files.ts'
import type { Journal } from './journal.ts'
import type { MisbehaveKind } from './misbehave.ts'
import { pinOwner } from './place.ts'
import type { OnProgress } from './progress.ts'

export interface SessionDeps {
  readonly feed: JobFeed
  readonly registry: Registry
  readonly chain: Pick<Transactor, 'send' | 'read'>
  readonly account: LocalAccount
  readonly artifacts: Artifacts
  readonly topics: JobTopics
  readonly network: Pick<Network, 'peerId' | 'handle'>
  readonly files: Files
  readonly journal: Journal
  readonly openRunner: () => Runner
  readonly clock: Clock
  readonly log: Logger
  readonly onProgress: OnProgress
}

export interface SessionOptions {
  readonly chainId: number
  readonly jobManager: Hex
  /** Owner that this worker works for, lower case. */
  readonly self: Hex
  readonly threads: number
  readonly times: RoundTimes
  readonly misbehave?: MisbehaveKind
}

/** Everything an attempt needs, opened once for the job. */
export interface OpenJob {
  readonly jobId: Hex
  readonly spec: JobSpec
  readonly topic: JobTopic
  readonly runner: Runner
  readonly flopsPerStep: number
  readonly updateBytes: number
}

/**
 * One job from its assignment to its end: attempt after attempt, each trained, submitted and opened. Resumes
 * wherever an earlier process stopped. Returns when the job is over or goes on without this worker; rejects
 * with the signal's reason, SPEC_INVALID, ENGINE_DIFFERS and the codes of artifacts and runner.
 */
export async function runSession(
  deps: SessionDeps,
  options: SessionOptions,
  { jobId, signal }: { jobId: Hex; signal: AbortSignal },
): Promise<void> {
  const { feed, log } = deps
  const view = await feed.waitFor(jobId, hasBegun, { signal })
  if (isOver(view) || !isActive(view, options.self)) return
  if (options.misbehave === 'silent') return untilOver(deps, jobId, signal)
  const job = await openJob(deps, { view, options, signal })
  try {
    for (;;) {
      const current = feed.job(jobId)
      if (!current || isOver(current) || !isActive(current, options.self)) return
      await takePart(deps, options, { job, view: current, signal })
      log.info({ jobId, attempt: current.attempt }, 'attempt ended')
    }
  } finally {
    await job.runner.close()
    await job.topic.close()
  }
}

/** Workers are assigned, or never will be. */
function hasBegun(view: JobView): boolean {
  return view.phase !== 'posted'
}

/** Whether the owner takes part in the view's attempt. */
export function isActive(view: JobView, self: Hex): boolean {
  return view.active.some((index) => view.workers[index] === self)
}

async function untilOver(deps: SessionDeps, jobId: Hex, signal: AbortSignal): Promise<void> {
  await deps.feed.waitFor(jobId, isOver, { signal })
}

async function openJob(
  deps: SessionDeps,
  { view, options, signal }: { view: JobView; options: SessionOptions; signal: AbortSignal },
): Promise<OpenJob> {
  const { artifacts, files, feed, registry, topics } = deps
  const { jobId, terms } = view
  const owner = pinOwner(jobId)
  const spec = await fetchJobSpec(artifacts, terms.specDigest, { owner, signal })
  const trainFile = await fetchRows({ artifacts, files }, { jobId, spec, owner }, signal)
  const runner = deps.openRunner()
  try {
    const { threads } = options
    const opened = await runner.open({ spec: spec.train, trainFile, threads }, { signal })
    if (opened.engineId !== terms.engineId || spec.engineId !== terms.engineId) {
      const { engineId: found } = opened
      throw new AppError({ code: 'ENGINE_DIFFERS', found, expected: terms.engineId })
    }
    const topic = await topics.open(jobId, {
      directory: files.path(jobId),
      isMember: (peerId) => isJobMember(feed.job(jobId), peerId, registry),
    })
    const { flopsPerStep, parameterCount } = opened
    return { jobId, spec, topic, runner, flopsPerStep, updateBytes: 4 * parameterCount }
  } catch (error) {
    await runner.close()
    throw error
  }
}
