import { AppError } from '#base/error.ts'
import type { Runner, TrainReport, TrainTask } from '#compute/runner.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import { initSeedOf, segmentSeedOf } from '#compute/train/commit.ts'
import { firstBatchOf, segmentOfRound, segmentRounds } from '#compute/train/records.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundList, RoundSteps } from '#wire/segment.ts'
import { type TrainSpec, roundsPerSegment } from '#wire/spec.ts'
import type { AttemptJournal } from './journal.ts'
import { claimUpdate, engineMisbehaviour, misplace, type MisbehaveKind } from './misbehave.ts'
import { type AttemptPlace, attemptFolder } from './place.ts'
import { ownIn, type Updates } from './updates.ts'

/**
 * The states of one attempt as files. `state-r` is the checkpoint before round r; that before a segment's
 * first round is kept, so that any later state can be computed again from the lists in the journal.
 */
export interface Trainer {
  /** Makes `state-0`. */
  initial(): Promise<Leaf>
  /** Runs the local steps of a round from its checkpoint; the update is in `updateFile(round)`. */
  train(round: number, signal: AbortSignal): Promise<TrainReport>
  updateFile(round: number): string
  /** Ends a round by its list: makes the next checkpoint. Repeats the local steps if they are not there. */
  finish(list: RoundList, report: TrainReport | undefined, signal: AbortSignal): Promise<RoundSteps>
  /** Removes what is no longer needed once the round is in the journal. */
  tidy(round: number): Promise<void>
  /** The checkpoint before a round: found, or computed again from an earlier one. */
  checkpoint(round: number, signal: AbortSignal): Promise<StateFile>
  /** The state before a step of a finished segment. */
  before(place: StepPlace, signal: AbortSignal): Promise<StateFile>
  /** Writes all tensors of a local step of a finished round into a file. */
  transcribe(place: LocalStep, signal: AbortSignal): Promise<string>
  /** What each local step of a finished round was given beside its state. */
  batches(round: number, signal: AbortSignal): Promise<readonly Hex[]>
  /** Removes files that `before` left. */
  clear(): Promise<void>
}

export interface StateFile {
  /** Below the job directories; `path` is absolute. */
  readonly name: string
  readonly path: string
}

export interface StepPlace {
  readonly segment: number
  /** Within the segment, from 0, aggregations included. */
  readonly step: number
}

export interface LocalStep {
  readonly round: number
  /** Within the round's local steps, from 0. */
  readonly step: number
}

export interface TrainerDeps {
  readonly runner: Runner
  readonly files: Files
  readonly updates: Updates
  readonly journal: AttemptJournal
}

interface Workshop extends TrainerDeps {
  readonly place: AttemptPlace
  readonly spec: TrainSpec
  readonly misbehave?: MisbehaveKind
  /** Steps may give other bits when they are done again: their states are kept. */
  readonly isTolerant: boolean
  readonly folder: string
  /** Checkpoints that this process has written or checked. */
  readonly sound: Set<number>
}

/** Creates the trainer of one attempt. */
export function createTrainer(
  deps: TrainerDeps,
  place: AttemptPlace,
  options: { train: TrainSpec; misbehave?: MisbehaveKind; isTolerant?: boolean; folder?: string },
): Trainer {
  const { train: spec, misbehave, isTolerant = false, folder = attemptFolder(place) } = options
  const shop: Workshop = { ...deps, place, spec, misbehave, isTolerant, folder, sound: new Set() }
  return {
    initial: () => makeInitial(shop),
    train: (round, signal) => trainRound(shop, round, signal),
    updateFile: (round) => pathOf(shop, 'own', round),
    finish: (list, report, signal) => finishRound(shop, { list, report }, signal),
    tidy: (round) => tidyRound(shop, round),
    checkpoint: (round, signal) => checkpointBefore(shop, round, signal),
    before: (step, signal) => stateBefore(shop, step, signal),
    transcribe: (local, signal) => transcribeStep(shop, local, signal),
    batches: (round, signal) => batchesOf(shop, round, signal),
    clear: () => clearOpenings(shop),
  }
}

type Kind = 'state' | 'local' | 'own'

function nameOf({ folder }: Workshop, kind: Kind, round: number): string {
  return `${folder}/${kind}-${round}.${kind === 'own' ? 'bin' : 'safetensors'}`
}

function pathOf(shop: Workshop, kind: Kind, round: number): string {
  return shop.files.path(nameOf(shop, kind, round))
}

async function makeInitial(shop: Workshop): Promise<Leaf> {
  const { files, journal, place, runner, folder } = shop
  await files.make(folder)
  await files.remove(nameOf(shop, 'state', 0))
  const seed = initSeedOf(place.jobId, place.beacon)
  const leaf = await runner.initialState({ seed, to: pathOf(shop, 'state', 0) })
  if (!journal.initial()) await journal.setInitial(leaf)
  return leaf
}

async function trainRound(
  shop: Workshop,
  round: number,
  signal: AbortSignal,
): Promise<TrainReport> {
  const from = await checkpointBefore(shop, round, signal)
  await shop.files.remove(nameOf(shop, 'local', round))
  await shop.files.remove(nameOf(shop, 'own', round))
  const task = {
    ...taskOf(shop, round, shop.spec.localSteps),
    from: from.path,
    to: pathOf(shop, 'local', round),
    updateTo: pathOf(shop, 'own', round),
  }
  return shop.runner.train(task, { signal })
}

/** The first `steps` local steps of a round. */
function taskOf(shop: Workshop, round: number, steps: number): Omit<TrainTask, 'from' | 'to'> {
  const { place, spec } = shop
  const { active, self: worker } = place
  const rows = {
    segmentSeed: segmentSeedOf({ ...place, worker, segment: segmentOfRound(spec, round) }),
    shard: { index: active.indexOf(worker), count: active.length },
  }
  return {
    ...misplace(shop.misbehave, rows),
    firstBatch: firstBatchOf(spec, round),
    steps,
    misbehave: engineMisbehaviour(shop.misbehave),
  }
}

async function finishRound(
  shop: Workshop,
  { list, report }: { list: RoundList; report: TrainReport | undefined },
  signal: AbortSignal,
): Promise<RoundSteps> {
  const { files, place, runner, updates, spec } = shop
  const { round } = list
  const listed = ownIn(list.list, place.self)
  const isThere = (await files.size(nameOf(shop, 'local', round))) !== undefined
  const done = listed && (isThere && report ? report : await trainRound(shop, round, signal))
  const claimed = done && listed ? checkClaim(shop, done, listed) : undefined
  const from = listed
    ? pathOf(shop, 'local', round)
    : (await checkpointBefore(shop, round, signal)).path
  const paths = list.list.map((update) => updates.fetch(round, update, signal))
  const listHash = listHashOf(list.list)
  await files.remove(nameOf(shop, 'state', round + 1))
  const aggregated = await runner.aggregate(
    {
      from,
      to: pathOf(shop, 'state', round + 1),
      updates: await Promise.all(paths),
      method: spec.aggregation,
      transcript: listHash,
    },
    { signal },
  )
  shop.sound.add(round + 1)
  return { round, listHash, steps: claimed?.leaves ?? [], aggregated }
}

/** An own update that is not what was computed again would cost the stake: better to stop. */
function checkClaim(
  shop: Workshop,
  done: TrainReport,
  listed: { readonly updateRoot: Hex },
): TrainReport {
  if (done.updateRoot === listed.updateRoot) return done
  if (shop.misbehave) return claimUpdate(done, listed)
  const { updateRoot: found } = done
  throw new AppError({ code: 'UPDATE_DIFFERS', expected: listed.updateRoot, found })
}

async function checkpointBefore(
  shop: Workshop,
  round: number,
  signal: AbortSignal,
): Promise<StateFile> {
  for (let at = await newestUpTo(shop, round); at < round; at += 1) {
    const list = shop.journal.list(at)
    if (!list) throw new AppError({ code: 'JOURNAL_GAP', round: at })
    const steps = await finishRound(shop, { list, report: undefined }, signal)
    const known = shop.journal.steps(at)?.aggregated
    if (known && !sameState(known, steps.aggregated) && !shop.misbehave) {
      throw new AppError({ code: 'REPEAT_DIFFERS', round: at })
    }
    await tidyRound(shop, at)
  }
  return { name: nameOf(shop, 'state', round), path: pathOf(shop, 'state', round) }
}

/** The newest checkpoint at or before a round whose file holds what the journal says. */
async function newestUpTo(shop: Workshop, round: number): Promise<number> {
  const { files, journal, runner, sound } = shop
  for (let at = round; at > 0; at -= 1) {
    const expected = journal.steps(at - 1)?.aggregated
    const name = nameOf(shop, 'state', at)
    if (!expected || (await files.size(name)) === undefined) continue
    if (sound.has(at)) return at
    const found = await runner.inspect(files.path(name)).catch(() => undefined)
    if (found && sameState(found, expected)) {
      sound.add(at)
      return at
    }
    await files.remove(name)
  }
  return 0
}

async function tidyRound(shop: Workshop, round: number): Promise<void> {
  const { files, updates, spec, isTolerant } = shop
  await updates.drop(round)
  await files.remove(nameOf(shop, 'own', round))
  if (isTolerant) return
  await files.remove(nameOf(shop, 'local', round))
  if (!isSegmentStart(spec, round)) await files.remove(nameOf(shop, 'state', round))
}

async function stateBefore(
  shop: Workshop,
  { segment, step }: StepPlace,
  signal: AbortSignal,
): Promise<StateFile> {
  const { files, journal, runner, spec, folder } = shop
  const { first, count } = segmentRounds(spec, segment)
  let left = step
  for (let round = first; round < first + count; round += 1) {
    const steps = journal.steps(round)
    if (!steps) throw new AppError({ code: 'JOURNAL_GAP', round })
    if (left > steps.steps.length) {
      left -= steps.steps.length + 1
      continue
    }
    const from = await checkpointBefore(shop, round, signal)
    if (left === 0) return from
    const local = nameOf(shop, 'local', round)
    const isKept = shop.isTolerant && left === steps.steps.length
    if (isKept && (await files.size(local)) !== undefined)
      return { name: local, path: files.path(local) }
    const name = `${folder}/opening-${segment}-${step}.safetensors`
    const path = files.path(name)
    await files.remove(name)
    await runner.train({ ...taskOf(shop, round, left), from: from.path, to: path }, { signal })
    return { name, path }
  }
  throw new AppError({ code: 'STEP_UNKNOWN', segment, step })
}

async function batchesOf(
  shop: Workshop,
  round: number,
  signal: AbortSignal,
): Promise<readonly Hex[]> {
  const { journal, runner } = shop
  const before = round === 0 ? journal.initial() : journal.steps(round - 1)?.aggregated
  const done = journal.steps(round)
  if (!before || !done) throw new AppError({ code: 'JOURNAL_GAP', round })
  const { segmentSeed, firstBatch, shard } = taskOf(shop, round, 0)
  const place = { segmentSeed, firstBatch, shard, firstStep: before.step }
  return runner.batches({ ...place, steps: done.steps.length }, { signal })
}

async function transcribeStep(
  shop: Workshop,
  { round, step }: LocalStep,
  signal: AbortSignal,
): Promise<string> {
  const { files, journal, runner, spec, folder } = shop
  const segment = segmentOfRound(spec, round)
  let before = step
  for (let at = segmentRounds(spec, segment).first; at < round; at += 1) {
    before += (journal.steps(at)?.steps.length ?? 0) + 1
  }
  const from = await stateBefore(shop, { segment, step: before }, signal)
  const { segmentSeed, firstBatch, shard, misbehave } = taskOf(shop, round, 1)
  const name = `${folder}/tensors.bin`
  await files.remove(name)
  const task = { from: from.path, tensorsTo: files.path(name), segmentSeed, shard, misbehave }
  await runner.transcribe({ ...task, batch: firstBatch + step }, { signal })
  return files.path(name)
}

async function clearOpenings({ files, folder, spec, isTolerant }: Workshop): Promise<void> {
  for (const name of await files.list(folder)) {
    const round = Number(/^state-([0-9]+)\./.exec(name)?.[1] ?? 0)
    const isKept = isTolerant || isSegmentStart(spec, round) || round === spec.rounds
    if (name.startsWith('opening-') || !isKept) await files.remove(`${folder}/${name}`)
  }
}

function isSegmentStart(spec: TrainSpec, round: number): boolean {
  return round % roundsPerSegment(spec) === 0
}

function sameState(a: Leaf, b: Leaf): boolean {
  return a.p === b.p && a.m === b.m && a.v === b.v && a.step === b.step
}
