import { AppError } from '#base/error.ts'
import { isJobMember, memberOf } from '#chain/client/members.ts'
import type { Runner } from '#compute/runner.ts'
import { segmentSeedOf } from '#compute/train/commit.ts'
import type { Course } from '#compute/train/course.ts'
import { drawSteps } from '#compute/train/drawn.ts'
import { replayJob } from '#compute/train/replay.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Notices, createNotices } from './notices.ts'
import { type Bench, type LocalStep, rerunStep } from './rerun.ts'
import { createAfter, isTolerant, stateBytesMaxOf } from './tolerant.ts'
import { type Verification, failed } from './verification.ts'

const syncTimeoutMs = 30_000
const stateTimeoutMs = 30_000
const sampleDefault = 8

/** Computes the whole attempt again, every worker's every step. Throws VERIFY_FAILED at the first difference. */
export async function replayAll(
  verification: Verification,
): Promise<{ modelRoot: Hex; steps: number }> {
  const { transcripts, deps, options } = verification
  const course = courseOf(verification)
  const lists = [...transcripts.values()][0]?.rounds ?? []
  const runners = await openPool(verification)
  try {
    const { findings, end } = await replayJob(
      { runners, scratchDirectory: deps.files.path('verify') },
      { course, lists, transcripts },
      { signal: options.signal, onProgress: options.onProgress },
    )
    const [finding] = findings
    if (finding || end === undefined) {
      throw failed('replay', { reason: finding?.kind ?? 'unfinished', ...finding })
    }
    return { modelRoot: end.modelRoot, steps: end.steps }
  } finally {
    await Promise.all(runners.slice(1).map((runner) => runner.close()))
  }
}

function courseOf({ attempt }: Verification): Course {
  const { chainId, jobId, beacon, active } = attempt.place
  const { train } = attempt.spec
  return { chainId, jobId, beacon, attempt: attempt.place.attempt, active, train }
}

/** The attempt's own runner and more of them, as many as there are threads and workers. */
async function openPool({ attempt, deps, options }: Verification): Promise<Runner[]> {
  const count = Math.max(1, Math.min(options.threads, attempt.place.active.length))
  const threads = Math.max(1, Math.floor(options.threads / count))
  const more = Array.from({ length: count - 1 }, () => deps.openRunner())
  const runners = [attempt.runner, ...more]
  const trainFile = deps.files.path(attempt.rowsFile)
  const job = { spec: attempt.spec.train, trainFile, threads }
  try {
    await Promise.all(runners.map((runner) => runner.open(job, { signal: options.signal })))
    return runners
  } catch (error) {
    await Promise.all(more.map((runner) => runner.close()))
    throw error
  }
}

/**
 * Repeats drawn local steps, the first one of each segment, whose states are still served: `wanted` of them (STATES_MISSING where fewer can be
 * had), else what there is, up to 8. Throws VERIFY_FAILED where one gives another leaf.
 */
export async function replayDrawn(
  verification: Verification,
  wanted: number | undefined,
): Promise<{ steps: number; drawn: number }> {
  const { attempt, transcripts, deps } = verification
  const { train } = attempt.spec
  const { auditSeed } = attempt.place
  const locals = [...transcripts.values()]
    .flatMap((transcript) =>
      drawSteps(train, transcript, { auditSeed, isTolerant: isTolerant(attempt.place) }),
    )
    .filter((drawn) => drawn.kind === 'local')
  const notices = await readNotices(verification)
  const count = Math.min(wanted ?? sampleDefault, locals.length)
  let steps = 0
  for (const drawn of shuffled(locals, (bound) => deps.rng.below(bound))) {
    if (steps >= count) break
    if (await isRepeated(verification, { drawn, notices })) steps += 1
  }
  if (wanted !== undefined && steps < count) {
    const message = `of ${count} drawn steps ${steps} could be repeated: nobody serves the others' states; try --full`
    throw new AppError({ code: 'STATES_MISSING', wanted: count, steps, message })
  }
  return { steps, drawn: locals.length }
}

/** What was said in the job's topic, from any peer that still has its log. */
async function readNotices({ deps, options, view }: Verification): Promise<Notices> {
  const { files, registry, topics, clock } = deps
  const { jobId, attempt, evaluators } = view
  await files.make('verify/topic')
  const topic = await topics.open(jobId, {
    directory: files.path('verify/topic'),
    isMember: (peerId) => isJobMember(view, peerId, registry),
  })
  try {
    const notices = createNotices(topic, (peerId) => memberOf(view, peerId, registry), {
      attempt,
      evaluators: () => evaluators,
    })
    const limit = AbortSignal.any([AbortSignal.timeout(syncTimeoutMs), options.signal])
    while (topic.peers().length === 0 && !limit.aborted) {
      await clock.sleep(200, limit).catch(() => undefined)
    }
    if (!limit.aborted) await topic.sync(limit).catch(() => undefined) // then with what came
    await notices.update()
    return notices
  } finally {
    await topic.close()
  }
}

/** True when the step was repeated and is right, false when its state cannot be had. */
async function isRepeated(
  { attempt, deps, options }: Verification,
  { drawn, notices }: { drawn: LocalStep; notices: Notices },
): Promise<boolean> {
  const { place, runner, opened } = attempt
  const { files } = deps
  const bench: Bench = {
    runner,
    files,
    segmentSeed: (worker, segment) => segmentSeedOf({ ...place, segment, worker }),
    shard: (worker) => ({ index: place.active.indexOf(worker), count: place.active.length }),
    ...(isTolerant(place) && {
      stateAfter: createAfter({ ...deps, notices }, attempt, { ...options, folder: 'verify' }),
    }),
  }
  const state = 'verify/state.safetensors'
  for (const { cid } of notices.openingsOf(drawn)) {
    const sizeBytesMax = stateBytesMaxOf(opened)
    const bounds = { sizeBytesMax, timeoutMs: stateTimeoutMs, signal: options.signal }
    await files.remove(state)
    try {
      await deps.artifacts.getFile(cid, files.path(state), bounds)
    } catch {
      continue // no longer served from there
    }
    const repetition = await rerunStep(bench, drawn, { state, signal: options.signal })
    if (repetition?.kind === 'equal') return true
    if (repetition?.kind === 'different') {
      const { worker, segment, step } = drawn
      throw failed('replay', { reason: 'another leaf', worker, segment, step, ...repetition })
    }
  }
  return false
}

/** A fair shuffle by the given source of numbers. */
function shuffled<T>(items: readonly T[], below: (bound: number) => number): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = below(i + 1)
    const held = order[i] as T
    order[i] = order[j] as T
    order[j] = held
  }
  return order
}
