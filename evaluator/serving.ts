import type { Clock } from '#base/clock.ts'
import { leafHashOf } from '#compute/train/commit.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Finding } from '#wire/evidence.ts'
import type { OpeningEntry } from '#wire/topic.ts'
import type { Court } from './court.ts'
import type { Notices } from './notices.ts'
import type { Part } from './panel.ts'
import type { LocalStep, Repetition } from './rerun.ts'

export interface ServingDeps {
  readonly artifacts: Pick<Artifacts, 'getFile'>
  readonly files: Files
  readonly clock: Clock
  readonly notices: Notices
  /** Who decides whether a state was withheld; undefined where only evaluators do. */
  readonly court?: Court
  /** Repeats a step from a state's file (a name in `files`); undefined while something else is not here. */
  readonly rerun: (drawn: LocalStep, state: string) => Promise<Repetition | undefined>
  /** What this evaluator does about a step, as far as it knows. */
  readonly part: (drawn: DrawnStep) => Part
  /** Takes what repeating a step showed. */
  readonly tell: (drawn: DrawnStep, shown: Shown, tookMs?: number) => Promise<void>
}

/** What came of a step that was to be repeated. */
export type Shown = Exclude<Repetition, { kind: 'foreign' }> | { readonly kind: 'withheld' }

export interface ServingOptions {
  readonly folder: string
  readonly pinOwner: string
  readonly stateBytesMax: number
  /** Workers may serve until it aborts. */
  readonly serving: AbortSignal
  /** What another evaluator had in time may be fetched until it aborts. */
  readonly sharing: AbortSignal
  /** Where a court decides: it is waited for until it aborts. */
  readonly answering: AbortSignal
}

const pollMs = 250
const stallTimeoutMs = 10_000
/** After a place did not have the file. */
const restMs = 500
/** A place whose file is not the state is not asked for ever. */
const foreignMax = 3

interface Pending {
  readonly drawn: LocalStep
  /** What came of each place so far, by CID. */
  readonly places: Map<string, { foreign: number; nextMs: number }>
  hasMissed: boolean
  /** Validators have it and serve it again. */
  isServed: boolean
}

/**
 * Repeats the drawn local steps as their states arrive; a worker that keeps its own back delays nobody else.
 * A state counts as served when it came before `serving` aborts, here or at another evaluator that passes it on
 * until `sharing` aborts: so two honest evaluators agree on what was withheld even when a worker speaks to one
 * of them at the last moment.
 */
export async function rerunServed(
  deps: ServingDeps,
  steps: readonly LocalStep[],
  options: ServingOptions,
): Promise<Finding[]> {
  const byWorker = Map.groupBy(steps, ({ worker }) => worker)
  const found = [...byWorker.values()].map((own) => rerunOf(deps, own, options))
  return (await Promise.all(found)).flat()
}

async function rerunOf(
  deps: ServingDeps,
  steps: readonly LocalStep[],
  options: ServingOptions,
): Promise<Finding[]> {
  const { notices } = deps
  const findings: Finding[] = []
  let pending: Pending[] = steps.map((drawn) => ({
    drawn,
    places: new Map(),
    hasMissed: false,
    isServed: false,
  }))
  while (pending.length > 0) {
    await notices.update()
    const open: Pending[] = []
    for (const step of pending) {
      const part = deps.part(step.drawn)
      if (part === 'trusted') continue
      if (part === 'wait') {
        open.push(step)
        continue
      }
      const repetition = mayServe(deps, step, options)
        ? await tryStep(deps, step, options)
        : undefined
      if (repetition !== undefined) findings.push(...findingsOf(step.drawn, repetition))
      else if (deps.court !== undefined) {
        const ruled = await ruledBy(deps.court, step, {
          ...options,
          notices,
          isFirst: open.length === 0,
        })
        if (ruled === 'open') open.push(step)
        else await deps.tell(step.drawn, { kind: 'withheld' })
        if (ruled === 'withheld') findings.push({ kind: 'stateWithheld', ...placeOf(step.drawn) })
      } else if (await isGivenUp(deps, step, options)) {
        findings.push({ kind: 'stateWithheld', ...placeOf(step.drawn) })
      } else open.push(step)
    }
    const hasMoved = open.length < pending.length
    pending = open
    if (pending.length > 0 && !hasMoved) {
      const until = deps.court === undefined ? options.sharing : options.answering
      await deps.clock.sleep(pollMs, until).catch(() => undefined)
    }
  }
  return findings
}

/** In time, or late but with another evaluator's word that it was in time there. */
function mayServe({ notices }: ServingDeps, step: Pending, options: ServingOptions): boolean {
  return !options.serving.aborted || step.isServed || notices.wasServed(step.drawn)
}

/** Says once that a state did not come in time, then waits for what the other evaluators say of it. */
async function isGivenUp(
  { notices, tell }: ServingDeps,
  step: Pending,
  { serving, sharing }: ServingOptions,
): Promise<boolean> {
  if (!serving.aborted && !sharing.aborted) return false
  if (!step.hasMissed) {
    step.hasMissed = true
    await tell(step.drawn, { kind: 'withheld' })
  }
  return sharing.aborted || notices.wasMissedByAll(step.drawn)
}

interface Ruled extends ServingOptions {
  readonly notices: Notices
  /** No other step of the worker is asked for at present: one is enough to void its work. */
  readonly isFirst: boolean
}

/**
 * What becomes of a step where validators decide. What they rule to be withheld is found by everybody alike, so it is
 * left to their ruling here; what they have is fetched from them, and nobody is blamed for what did not come from there
 * in time. Where they have not ruled in the end, the evaluator's own window decides.
 */
async function ruledBy(
  court: Court,
  step: Pending,
  { serving, answering, notices, isFirst }: Ruled,
): Promise<'open' | 'left' | 'withheld'> {
  if (!serving.aborted) return 'open'
  const isVoid = court.withheld().some(({ worker }) => worker === step.drawn.worker)
  if (isVoid && (answering.aborted || !notices.wasServed(step.drawn))) return 'left'
  if (answering.aborted) return step.isServed ? 'left' : 'withheld'
  if (isFirst) step.isServed = (await court.look(step.drawn)) === 'served'
  return 'open'
}

/** What repeating showed, or undefined while no place has the state. */
async function tryStep(
  deps: ServingDeps,
  { drawn, places }: Pending,
  options: ServingOptions,
): Promise<Repetition | undefined> {
  for (const opening of deps.notices.openingsOf(drawn)) {
    const { foreign, nextMs } = places.get(opening.cid) ?? { foreign: 0, nextMs: 0 }
    if (foreign >= foreignMax || deps.clock.nowMs() < nextMs) continue
    const begunMs = deps.clock.nowMs()
    const repetition = await tryOpening(deps, { drawn, opening }, options)
    if (repetition !== undefined && repetition.kind !== 'foreign') {
      await deps.tell(drawn, repetition, deps.clock.nowMs() - begunMs)
      return repetition
    }
    const isForeign = repetition?.kind === 'foreign'
    places.set(opening.cid, {
      foreign: foreign + Number(isForeign),
      nextMs: deps.clock.nowMs() + restMs,
    })
  }
  return undefined
}

async function tryOpening(
  deps: ServingDeps,
  { drawn, opening }: { drawn: LocalStep; opening: OpeningEntry },
  options: ServingOptions,
): Promise<Repetition | undefined> {
  const { files } = deps
  const state = `${options.folder}/${drawn.worker.slice(2)}-${drawn.segment}-${drawn.step}.safetensors`
  try {
    await deps.artifacts.getFile(opening.cid, files.path(state), {
      owner: options.pinOwner,
      sizeBytesMax: options.stateBytesMax,
      timeoutMs: stallTimeoutMs,
      signal: deps.court === undefined ? options.sharing : options.answering,
    })
  } catch {
    return undefined // not here yet, or never
  }
  try {
    return await deps.rerun(drawn, state)
  } finally {
    await files.remove(state)
  }
}

function findingsOf(drawn: LocalStep, repetition: Repetition): Finding[] {
  if (repetition.kind !== 'different') return []
  const { expected } = repetition
  return [{ kind: 'step', ...placeOf(drawn), committed: leafHashOf(drawn.after), expected }]
}

/** Where a drawn step stands, for findings. */
export function placeOf({ worker, segment, step, round }: DrawnStep) {
  return { worker, segment, step, round }
}
