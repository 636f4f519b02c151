import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type Contest, type Served, checkAttempt, sortFindings } from '#compute/train/check.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import { segmentSeedOf } from '#compute/train/commit.ts'
import { type DrawnStep, drawSteps, stepCountOf } from '#compute/train/drawn.ts'
import { segmentOfRound } from '#compute/train/records.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Finding } from '#wire/evidence.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { type Aggregate, type Aggregates, createAggregates } from './aggregates.ts'
import type { Court } from './court.ts'
import { fetchTranscript } from './fetch.ts'
import type { Voices } from './hearing.ts'
import type { Notices } from './notices.ts'
import type { OpenAttempt, PinOwners } from './open-attempt.ts'
import { type Panel, isSameStep } from './panel.ts'
import { type LocalStep, rerunStep, tagsOf } from './rerun.ts'
import { placeOf, rerunServed } from './serving.ts'
import { createAfter, isTolerant, stateBytesMaxOf } from './tolerant.ts'
import { type Repeat, type RepeatOptions, type Saying, examineTogether } from './together.ts'

/** What an audit needs of the world. */
export interface Audit {
  readonly artifacts: Artifacts
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  readonly notices: Notices
  readonly panel: Panel
  readonly voices: Voices
  readonly say: Saying
  readonly court?: Court
}

export interface AuditOptions {
  readonly folder: string
  readonly pins: PinOwners
  /** How long a silent evaluator is waited for. */
  readonly patienceMs: number
  readonly isBribed?: boolean
  /** Ends the wait for transcripts, for states, for what other evaluators had in time, and for what they claim. */
  readonly reading: AbortSignal
  readonly serving: AbortSignal
  readonly sharing: AbortSignal
  readonly answering: AbortSignal
  /** Whether workers had less time here than they are due, because this evaluator came too late. */
  readonly isCut?: () => boolean
  readonly signal: AbortSignal
}

export interface Audited {
  readonly findings: readonly Finding[]
  /** Evaluators of which a word was false, ascending. */
  readonly lazy: readonly Hex[]
  readonly credits: ReadonlyMap<Hex, number>
  /** How many steps were repeated here, of how many that transcripts have. */
  readonly steps: { readonly repeated: number; readonly all: number }
  /** Transcripts that could be read. */
  readonly transcripts: ReadonlyMap<Hex, Transcript>
  readonly aggregates: Aggregates
}

/**
 * All checks and repetitions of one attempt. Throws LATE where nobody can say whether something was withheld: this
 * evaluator came too late to wait for it, and validators have not ruled.
 */
export async function auditAttempt(
  deps: Audit,
  attempt: OpenAttempt,
  options: AuditOptions,
): Promise<Audited> {
  const { facts, place } = attempt
  const served = await fetchAll(deps, attempt, options)
  const checked = checkAttempt(facts, served)
  const aggregates = aggregatesOf(deps, attempt, options)
  const broken = new Set(checked.findings.map(({ worker }) => worker))
  const transcripts = new Map(
    [...served].filter((entry): entry is [Hex, Transcript] => typeof entry[1] !== 'string'),
  )
  // Whoever failed the free checks is out; repeating its steps would prove nothing new.
  const drawn = [...transcripts]
    .filter(([worker]) => !broken.has(worker) && options.isBribed !== true)
    .flatMap(([worker, transcript]) => {
      const { auditSeed, rates } = place
      const draw = { auditSeed, rate: rates?.get(worker), isTolerant: isTolerant(place) }
      return drawSteps(facts.train, transcript, draw)
    })
  const bench = { ...deps, aggregates, facts }
  const repeat: Repeat = async (steps, how) => {
    // At the same time: waiting for a withheld state must not use up the time for updates, nor the reverse.
    const found = await Promise.all([
      rerunLocals(deps, attempt, { ...options, ...how, drawn: steps }),
      rerunAggregations(bench, steps, how),
    ])
    return found.flat()
  }
  const [together, contested] = await Promise.all([
    examineTogether({ ...deps, repeat }, drawn, options),
    decideContests(bench, checked.contests, options.sharing),
  ])
  const seen = [...checked.findings, ...together.findings, ...contested]
  const late = withoutExcuses(seen).filter(isMissed)
  if (late.length > 0 && options.isCut?.() === true) {
    throw new AppError({ code: 'LATE', findings: late, retryable: true })
  }
  const findings = withoutExcuses([...seen, ...withheldBy(deps.court, drawn)])
  return {
    findings: sortFindings(findings, facts.active),
    lazy: together.lazy,
    credits: checked.credits,
    steps: { repeated: together.repeated, all: stepsIn(transcripts) },
    transcripts,
    aggregates,
  }
}

/** What validators could not fetch is withheld, whoever had it in time. */
function withheldBy(court: Court | undefined, drawn: readonly DrawnStep[]): Finding[] {
  const ruled = court?.withheld() ?? []
  return drawn
    .filter((step) => ruled.some((one) => isSameStep(one, step)))
    .map((step) => ({ kind: 'stateWithheld', ...placeOf(step) }))
}

function stepsIn(transcripts: ReadonlyMap<Hex, Transcript>): number {
  const records = [...transcripts.values()].flatMap((transcript) => transcript.records)
  return records.reduce((sum, record) => sum + stepCountOf(record), 0)
}

/** What a liar also withheld says nothing more, and might be seen by one evaluator only. */
function withoutExcuses(findings: readonly Finding[]): Finding[] {
  const isWithheld = ({ kind }: Finding) => kind === 'stateWithheld' || kind === 'updateWithheld'
  const liars = new Set(findings.filter((one) => !isWithheld(one)).map(({ worker }) => worker))
  return findings.filter((finding) => !isWithheld(finding) || !liars.has(finding.worker))
}

/** Whether it says no more than that something did not come in time. */
function isMissed({ kind }: Finding): boolean {
  return kind === 'transcriptWithheld' || kind === 'stateWithheld' || kind === 'updateWithheld'
}

async function fetchAll(
  deps: Audit,
  { facts, place }: OpenAttempt,
  { pins, reading: closing }: AuditOptions,
): Promise<Map<Hex, Served>> {
  const results = place.view.results.filter(({ worker }) => facts.active.includes(worker))
  const fetched = results.map(async ({ worker, transcriptCidDigest }) => {
    const served = await fetchTranscript(deps, transcriptCidDigest, {
      owner: pins.lasting,
      closing,
    })
    return [worker, served] as const
  })
  return new Map(await Promise.all(fetched))
}

function aggregatesOf(deps: Audit, attempt: OpenAttempt, options: AuditOptions): Aggregates {
  const { runner, opened, spec, initialState } = attempt
  return createAggregates(
    { ...deps, runner },
    {
      folder: options.folder,
      pinOwner: options.pins.passing,
      method: spec.train.aggregation,
      updateBytes: opened.parameterCount * 4,
      initialState,
    },
  )
}

async function rerunLocals(
  deps: Audit,
  attempt: OpenAttempt,
  options: AuditOptions & RepeatOptions & { drawn: readonly DrawnStep[] },
): Promise<Finding[]> {
  const { place, facts, runner, opened } = attempt
  const { chainId, beacon, jobId } = place
  const bench = {
    runner,
    files: deps.files,
    segmentSeed: (worker: Hex, segment: number) =>
      segmentSeedOf({ chainId, beacon, jobId, segment, worker, attempt: place.attempt }),
    shard: (worker: Hex) => ({
      index: facts.active.indexOf(worker),
      count: facts.active.length,
    }),
    tagging: { evaluators: deps.panel.all, beacon: place.auditSeed },
    ...(isTolerant(place) && { stateAfter: createAfter(deps, attempt, options) }),
  }
  const { signal, part, tell } = options
  const rerun = (drawn: LocalStep, state: string) => rerunStep(bench, drawn, { state, signal })
  const locals = options.drawn.filter((drawn) => drawn.kind === 'local')
  const stateBytesMax = stateBytesMaxOf(opened)
  const pinOwner = options.pins.passing
  return rerunServed({ ...deps, rerun, part, tell }, locals, {
    ...options,
    pinOwner,
    stateBytesMax,
  })
}

interface Bench extends Pick<Audit, 'files' | 'clock' | 'notices' | 'panel'> {
  readonly aggregates: Aggregates
  readonly facts: OpenAttempt['facts']
}

type AggregationStep = Extract<DrawnStep, { kind: 'aggregation' }>

const pollMs = 250

async function rerunAggregations(
  bench: Bench,
  drawn: readonly DrawnStep[],
  how: RepeatOptions,
): Promise<Finding[]> {
  const findings: Finding[] = []
  let pending = drawn.filter((step) => step.kind === 'aggregation')
  while (pending.length > 0) {
    await bench.notices.update()
    const mine = pending.filter((step) => how.part(step) === 'mine')
    for (const step of mine) findings.push(...(await rerunAggregation(bench, step, how)))
    pending = pending.filter((step) => !mine.includes(step) && how.part(step) !== 'trusted')
    if (pending.length > 0 && mine.length === 0) {
      await bench.clock.sleep(pollMs, how.sharing).catch(() => undefined)
    }
  }
  return findings
}

async function rerunAggregation(
  bench: Bench,
  step: AggregationStep,
  { tell, sharing }: RepeatOptions,
): Promise<Finding[]> {
  const aggregate = await bench.aggregates.of(step.list, sharing)
  if (aggregate.kind !== 'aggregate') {
    await tell(step, { kind: 'withheld' })
    return faultsOf(bench, aggregate, step.round)
  }
  const transcript = listHashOf(step.list.list)
  const tagging = { evaluators: bench.panel.all, beacon: bench.panel.auditSeed }
  const tags = await tagsOf(bench.files, tagging, { name: aggregate.state, transcript })
  const isEqual = aggregate.p === step.after.p
  await tell(step, { kind: isEqual ? 'equal' : 'different', tags })
  if (isEqual) return []
  const { p: expected } = aggregate
  return [{ kind: 'aggregation', ...placeOf(step), expected, committed: step.after.p }]
}

/** Whose parameters after the aggregation are wrong, where workers disagree about them. */
async function decideContests(
  bench: Bench,
  contests: readonly Contest[],
  closing: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const liars = new Set<Hex>()
  for (const { round, list, claims } of contests) {
    const open = claims.filter(({ worker }) => !liars.has(worker))
    if (open.every(({ p }) => p === open[0]?.p)) continue
    const aggregate = await bench.aggregates.of(list, closing)
    if (aggregate.kind !== 'aggregate') {
      findings.push(...faultsOf(bench, aggregate, round))
      continue
    }
    for (const { worker, p } of open.filter((claim) => claim.p !== aggregate.p)) {
      liars.add(worker)
      const segment = segmentOfRound(bench.facts.train, round)
      const { p: expected } = aggregate
      findings.push({ kind: 'aggregation', worker, segment, round, expected, committed: p })
    }
  }
  return findings
}

/**
 * An update that nobody serves, or whose bytes are others, is its author's fault: it went on with a list that
 * names it. An author that did not submit has nothing more to lose, and its round cannot be repeated.
 */
function faultsOf(
  { facts }: Bench,
  aggregate: Exclude<Aggregate, { kind: 'aggregate' }>,
  round: number,
): Finding[] {
  const kind = aggregate.kind === 'wrong' ? 'updateBytes' : 'updateWithheld'
  return aggregate.workers
    .filter((worker) => facts.results.some((result) => result.worker === worker))
    .map((worker) => ({ kind, worker, round }) as const)
}
