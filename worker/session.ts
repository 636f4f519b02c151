import { AppError } from '#base/error.ts'
import { isOver } from '#chain/client/feed.ts'
import { isJobMember } from '#chain/client/members.ts'
import type { JobView } from '#chain/client/view.ts'
import { fetchJobSpec } from '#p2p/job-spec.ts'
import type { Hex } from '#wire/primitives.ts'
import { takePart } from './attempt-session.ts'
import { fetchRows } from './job-files.ts'
import { pinOwner } from './place.ts'
import type { OpenJob, SessionDeps, SessionOptions } from './open-job.ts'

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
  const runner = deps.openRunner(terms.mode)
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
