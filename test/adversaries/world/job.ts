import { type Rng, createRng } from '#base/rng.ts'
import { verdictHashOf } from '#chain/client/terms.ts'
import type { Verdict } from '#chain/client/view.ts'
import type { AuditRate } from '#compute/train/sample.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { MisbehaveKind } from '#worker/misbehave.ts'
import { type Attempt, beginAttempt } from './attempt.ts'
import { createVirtualClock } from './clock.ts'
import { createClosing } from './contract.ts'
import type { Lab } from './lab.ts'
import { type Judged, agreedOf, judgePanel } from './panel.ts'
import { type Party, evaluatorParties, hashOf, place, workerParties } from './parties.ts'
import { createStore } from './store.ts'
import { type Weather, createTopic } from './topic.ts'
import { type Crash, runWorker } from './worker.ts'

/** What goes wrong in a job without anybody's intent. */
export interface Faults {
  readonly weather: Weather
  /** Share of fetches that fail. */
  readonly missRate: number
  /** By worker index. */
  readonly crashes: ReadonlyMap<number, readonly Crash[]>
  readonly evaluatorStartMsMax: number
  /** How long an evaluator's process is stopped at most. */
  readonly evaluatorStopMsMax?: number
}

export const calm: Faults = {
  weather: { delayMsMax: 20, dropRate: 0, resendMsMax: 1 },
  missRate: 0,
  crashes: new Map(),
  evaluatorStartMsMax: 0,
}

export interface JobOptions {
  readonly seed: number
  readonly workers: number
  /** By worker index. */
  readonly lies?: ReadonlyMap<number, MisbehaveKind>
  readonly rate?: AuditRate
  readonly faults?: Faults
  /** Place in the first panel of an evaluator that gives tags which it has not made. */
  readonly lazy?: number
  /** Place in the first panel of an evaluator that is killed when it has committed. */
  readonly lost?: number
  /** Evaluators of the second panel; all others if undefined, as the contract draws up to 7. */
  readonly further?: number
}

/** What came of one attempt. */
export interface AttemptOutcome {
  readonly attempt: number
  readonly verdict: Verdict
  readonly findings: readonly Finding[]
  /** Evaluators whose verdict was another than the one that stands. */
  readonly outvoted: readonly Hex[]
  /** Places of evaluators whose tags were found to be false. */
  readonly lazy: readonly number[]
  /** Worker indices. */
  readonly guilty: readonly number[]
  readonly withheld: readonly number[]
  /** Those that submitted nothing in time. */
  readonly silent: readonly number[]
  readonly steps: { readonly repeated: number; readonly all: number }
}

export interface JobOutcome {
  readonly attempts: readonly AttemptOutcome[]
  readonly isCompleted: boolean
}

const startMs = 1_700_000_000_000
const attemptsMax = 4
const panelSize = 2

/** Runs a job to its end: attempt after attempt, each without those whom the one before removed. */
export async function simulateJob(lab: Lab, options: JobOptions): Promise<JobOutcome> {
  const rng = createRng(options.seed)
  const clock = createVirtualClock(startMs)
  const jobId = hashOf('job', options.seed)
  const workers = workerParties.slice(0, options.workers).map(({ owner }) => owner)
  const attempts: AttemptOutcome[] = []
  let active = workers
  try {
    while (active.length > 0 && attempts.length < attemptsMax) {
      const attempt = attempts.length
      const work = playAttempt({ lab, rng, jobId, workers, active, attempt, clock }, options)
      const outcome = await clock.play(work)
      attempts.push(outcome)
      const removed = [...outcome.guilty, ...outcome.withheld, ...outcome.silent]
      if (outcome.guilty.length + outcome.withheld.length === 0) break
      active = active.filter((worker) => !removed.includes(workers.indexOf(worker)))
    }
  } finally {
    for (const { owner } of [...workerParties, ...evaluatorParties]) lab.disk.remove(owner)
  }
  const last = attempts.at(-1)
  return { attempts, isCompleted: last?.guilty.length === 0 && last.withheld.length === 0 }
}

interface Stage extends Pick<
  Attempt,
  'lab' | 'jobId' | 'workers' | 'active' | 'attempt' | 'clock'
> {
  readonly rng: Rng
}

async function playAttempt(
  { rng, ...stage }: Stage,
  { lies = new Map(), rate = 'normal', faults = calm, lazy, lost, further }: JobOptions,
): Promise<AttemptOutcome> {
  const { lab, clock, workers, active, jobId } = stage
  const { weather, missRate } = faults
  const store = createStore(lab.disk, () => rng.below(1000) < missRate * 1000)
  await publishJob(lab, store.of('client'))
  const parties = [...active, ...evaluatorParties.map(({ owner }) => owner)]
  const over = new AbortController()
  const attempt = beginAttempt({
    ...stage,
    store,
    topic: createTopic({ clock, rng, weather }, parties),
    closing: createClosing(clock, active),
    chainId: place.chainId,
    beacon: hashOf('beacon', jobId),
    over: over.signal,
  })
  const lives = active.map((worker) => {
    const index = workers.indexOf(worker)
    const party = workerParties[index] as (typeof workerParties)[number]
    const planned = stage.attempt === 0 ? (faults.crashes.get(index) ?? []) : []
    const crashes = planned.map((crash) => ({ ...crash, atMs: startMs + crash.atMs }))
    return runWorker(attempt, { party, lie: lies.get(index), crashes, rate })
  })
  const living = Promise.all(lives)
  const judging = judge(attempt, { rng, rate, faults, lazy, lost, further })
  const judged = await Promise.race([judging, living.then(() => judging)])
  over.abort(new Error('judged'))
  await living
  return outcomeOf(attempt, judged)
}

interface Judging {
  readonly rng: Rng
  readonly rate: AuditRate
  readonly faults: Faults
  readonly lazy: number | undefined
  readonly lost: number | undefined
  readonly further: number | undefined
}

/** The verdicts of a panel, and of a further one where it did not agree. */
async function judge(attempt: Attempt, options: Judging): Promise<readonly Judged[]> {
  const { rng, rate, faults, lazy, lost, further = evaluatorParties.length } = options
  await attempt.drawn(new AbortController().signal)
  const first = rng.below(evaluatorParties.length)
  const drawn = evaluatorParties.map(
    (_, i) => evaluatorParties[(first + i) % evaluatorParties.length] as Party,
  )
  const panel = drawn.slice(0, panelSize)
  const rates = new Map(attempt.active.map((worker) => [worker, rate] as const))
  const lazyOwner = lazy === undefined ? undefined : panel[lazy]?.owner
  const { evaluatorStartMsMax: startMsMax, evaluatorStopMsMax: stopMsMax } = faults
  const common = { rates, faults: { startMsMax, stopMsMax }, rng, lazy: lazyOwner }
  const all = await judgePanel(attempt, panel, common)
  const judged = all.filter((_, i) => i !== lost)
  if (agreedOf(judged.map(({ examined }) => examined.verdict))) return judged
  const earlier = all.map(({ evaluator }) => evaluator)
  const more = await judgePanel(attempt, drawn.slice(panelSize, panelSize + further), {
    ...common,
    earlier,
  })
  return [...judged, ...more]
}

function outcomeOf(attempt: Attempt, judged: readonly Judged[]): AttemptOutcome {
  const verdict = agreedOf(judged.map(({ examined }) => examined.verdict))
  if (!verdict)
    throw new Error(
      `evaluators disagree: ${JSON.stringify(judged.map(({ examined }) => examined.findings))}`,
    )
  const hash = verdictHashOf(verdict)
  const agreeing = judged.filter(({ examined }) => verdictHashOf(examined.verdict) === hash)
  const { workers, active, results } = attempt
  const indices = (mask: number) => workers.flatMap((_, i) => ((mask >> i) & 1 ? [i] : []))
  const { findings = [], steps = { repeated: 0, all: 0 } } = agreeing[0]?.examined ?? {}
  return {
    attempt: attempt.attempt,
    verdict,
    findings,
    outvoted: judged.filter((one) => !agreeing.includes(one)).map(({ evaluator }) => evaluator),
    lazy: judged.flatMap((_, i) => ((verdict.lazyMask >> i) & 1 ? [i] : [])),
    guilty: indices(verdict.guiltyMask),
    withheld: indices(verdict.withheldMask),
    silent: active.filter((worker) => !results.has(worker)).map((one) => workers.indexOf(one)),
    steps,
  }
}

async function publishJob(lab: Lab, artifacts: { add(bytes: Uint8Array): Promise<string> }) {
  await artifacts.add(canonicalBytes(lab.spec))
  await artifacts.add(lab.rows)
  await artifacts.add(lab.heldOut)
}
