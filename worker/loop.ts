import { codeOf } from '#base/error.ts'
import { type Metrics, noopMetrics } from '#base/metrics.ts'
import type { Service } from '#base/service.ts'
import type { Disputes } from '#chain/client/dispute/disputes.ts'
import { type Head, isOver } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Consents, createConsents } from './consents.ts'
import { createDefence } from './defence.ts'
import { createHarvest } from './harvest.ts'
import { createKeeper } from './keeper.ts'
import { createLeading } from './leading.ts'
import { createMeter } from './meter.ts'
import { placesTaken } from './places.ts'
import type { Policy } from './policy.ts'
import { createRetention } from './retention.ts'
import type { SessionDeps, SessionOptions } from './open-job.ts'
import { runSession } from './session.ts'
import { createVolunteering } from './volunteering.ts'

export interface WorkerOptions extends SessionOptions {
  readonly policy: Policy
  readonly engineId: Hex
  /** Seconds of block time for which a finished job's artifacts are kept. */
  readonly retentionSeconds: number
}

/** A daemon's worker part. */
export interface Worker extends Service {
  /** Jobs with a session now. */
  sessions(): readonly Hex[]
}

export type WorkerDeps = Omit<SessionDeps, 'onProgress' | 'leading'> & {
  readonly metrics?: Metrics
  /** Where claims of this worker are disputed; undefined where the chain has no game for it. */
  readonly disputes?: Disputes
  /** Brings what this worker has free in the game up to an amount; undefined where nobody pays for more. */
  readonly putUpBonds?: (amountWei: bigint) => Promise<void>
}

const restartsMax = 5
const restartMs = 2_000
/** A session that ran so long before it failed starts with a clean record. */
const calmMs = 120_000
const sweepEveryBlocks = 60n
/** Failures that no other try can mend. */
const lasting = ['SPEC_INVALID', 'ENGINE_DIFFERS', 'UPDATE_DIFFERS', 'REPEAT_DIFFERS', 'NON_FINITE']

/**
 * Watches finalised blocks: volunteers for jobs that the policy likes, runs a session for every job that this
 * worker is assigned to, does the duties that anyone has, and frees space. The chain is the only memory, so
 * that a restart goes on where the last process stopped.
 */
export function createWorker(deps: WorkerDeps, options: WorkerOptions): Worker {
  const { feed, log } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  const meter = createMeter(deps.metrics ?? noopMetrics, log)
  const retention = createRetention(deps, { seconds: options.retentionSeconds })
  const sessions = createSessions(deps, options, { meter, retention, signal })
  const busy = () => placesTaken(feed, options.self, sessions.ids()) + consents.open()
  const market = { ...options, busy }
  const signing = { chainId: options.chainId, jobManager: options.jobManager }
  const consents: Consents = createConsents(deps, { ...market, signing })
  const volunteering = createVolunteering(deps, market)
  const keeper = createKeeper({ ...deps, self: options.self })
  const harvest = createHarvest({ ...deps, self: options.self })
  const { disputes } = deps
  const defence = disputes && createDefence({ ...deps, disputes }, options, signal)
  const releases: (() => void)[] = []
  let loops: readonly Promise<void>[] = []

  async function tend(head: Head): Promise<void> {
    meter.head(head)
    await keeper.tend(head)
    await harvest.tend(head)
    await defence?.tend()
    if (head.number % sweepEveryBlocks === 0n) await retention.sweep(head)
  }

  return {
    sessions: () => sessions.ids(),
    async start() {
      for (const view of feed.jobs()) sessions.consider(view)
      releases.push(feed.onChange((view) => sessions.consider(view)))
      await consents.start()
      // A job is posted for a few seconds: its workers do not wait for what others need done.
      loops = [(head: Head) => volunteering.look(head, signal), tend].map((pass) =>
        eachHead(deps, { tend: pass, signal }),
      )
    },
    async stop() {
      stopping.abort()
      for (const release of releases.splice(0)) release()
      await consents.stop()
      await Promise.all(loops)
      await defence?.ended()
      await sessions.ended()
    },
  }
}

interface SessionParts {
  readonly meter: ReturnType<typeof createMeter>
  readonly retention: ReturnType<typeof createRetention>
  readonly signal: AbortSignal
}

/** One session for each job of this worker that is not over. */
function createSessions(
  deps: WorkerDeps,
  options: WorkerOptions,
  { meter, retention, signal }: SessionParts,
) {
  const { clock, log } = deps
  const leading = createLeading(deps, options)
  const running = new Map<Hex, Promise<void>>()
  const ended = new Set<Hex>()

  function consider(view: JobView): void {
    const { jobId } = view
    const isNew = !running.has(jobId) && !ended.has(jobId) && !signal.aborted
    if (!isNew || isOver(view) || !view.workers.includes(options.self)) return
    const work = runUntilOver(jobId).finally(() => {
      running.delete(jobId)
      ended.add(jobId)
      meter.sessions(running.size)
    })
    running.set(jobId, work)
    meter.sessions(running.size)
  }

  async function runUntilOver(jobId: Hex): Promise<void> {
    const sessionDeps = { ...deps, leading, onProgress: meter.onProgress }
    let failures = 0
    while (failures <= restartsMax) {
      const beganMs = clock.nowMs()
      try {
        await retention.begin(jobId)
        await runSession(sessionDeps, options, { jobId, signal })
        return log.info({ jobId }, 'session ended')
      } catch (error) {
        if (signal.aborted) return
        const code = codeOf(error)
        log.error({ err: error, jobId, code, failures }, 'session failed')
        if (code !== undefined && lasting.includes(code)) return
        failures = clock.nowMs() - beganMs > calmMs ? 0 : failures + 1
      }
      await clock.sleep(restartMs, signal).catch(() => undefined)
    }
  }

  return {
    consider,
    ids: () => [...running.keys()],
    ended: async () => void (await Promise.all(running.values())),
  }
}

/** One pass for each new head; heads that come during a pass are taken together. */
async function eachHead(
  { feed, log }: WorkerDeps,
  { tend, signal }: { tend: (head: Head) => Promise<void>; signal: AbortSignal },
): Promise<void> {
  let latest = feed.head()
  let wake: (() => void) | undefined
  const release = feed.onHead((head) => {
    latest = head
    wake?.()
  })
  const onAbort = () => wake?.()
  signal.addEventListener('abort', onAbort, { once: true })
  while (!signal.aborted) {
    const head = latest
    await tend(head).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error, code: codeOf(error) }, 'head not tended')
    })
    if (latest !== head || signal.aborted) continue
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  release()
}
