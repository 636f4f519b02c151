import type { Clock } from '#base/clock.ts'
import { leafHashOf } from '#compute/train/commit.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Finding } from '#wire/evidence.ts'
import type { OpeningEntry } from '#wire/topic.ts'
import type { Notices } from './notices.ts'
import type { LocalStep, Repetition } from './rerun.ts'

export interface ServingDeps {
  readonly artifacts: Pick<Artifacts, 'getFile'>
  readonly files: Files
  readonly clock: Clock
  readonly notices: Notices
  /** Repeats a step from a state's file (a name in `files`). */
  readonly rerun: (drawn: LocalStep, state: string) => Promise<Repetition>
  /** Tells the others what repeating showed. */
  readonly tell: (drawn: DrawnStep, outcome: 'equal' | 'different' | 'withheld') => Promise<void>
}

export interface ServingOptions {
  readonly folder: string
  readonly pinOwner: string
  readonly stateBytesMax: number
  /** Workers may serve until it aborts. */
  readonly serving: AbortSignal
  /** What another evaluator had in time may be fetched until it aborts. */
  readonly sharing: AbortSignal
}

const pollMs = 250
const stallTimeoutMs = 10_000
const triesMax = 3

interface Pending {
  readonly drawn: LocalStep
  /** How often each place was tried in vain. */
  readonly tries: Map<string, number>
}

/**
 * Repeats the drawn local steps as their states arrive, one after another. A state counts as served when it
 * came before `serving` aborts, here or at another evaluator that passed it on: so two honest evaluators
 * agree on what was withheld even when a worker speaks to one of them at the last moment.
 */
export async function rerunServed(
  deps: ServingDeps,
  steps: readonly LocalStep[],
  options: ServingOptions,
): Promise<Finding[]> {
  const { serving, sharing } = options
  const findings: Finding[] = []
  let pending: Pending[] = steps.map((drawn) => ({ drawn, tries: new Map() }))
  while (pending.length > 0) {
    await deps.notices.update()
    const open: Pending[] = []
    for (const step of pending) {
      const repetition = await tryStep(deps, step, options)
      if (repetition === undefined) open.push(step)
      else findings.push(...findingsOf(step.drawn, repetition))
    }
    const isOver = ({ drawn }: Pending) =>
      sharing.aborted || (serving.aborted && !deps.notices.wasServed(drawn))
    for (const { drawn } of open.filter(isOver)) {
      findings.push({ kind: 'stateWithheld', ...placeOf(drawn) })
      await deps.tell(drawn, 'withheld')
    }
    const hasMoved = open.length < pending.length
    pending = open.filter((step) => !isOver(step))
    if (pending.length > 0 && !hasMoved)
      await deps.clock.sleep(pollMs, sharing).catch(() => undefined)
  }
  return findings
}

/** What repeating showed, or undefined while no place has the state. */
async function tryStep(
  deps: ServingDeps,
  { drawn, tries }: Pending,
  options: ServingOptions,
): Promise<Repetition | undefined> {
  for (const opening of deps.notices.openingsOf(drawn)) {
    const tried = tries.get(opening.cid) ?? 0
    if (tried >= triesMax && !options.serving.aborted) continue
    const repetition = await tryOpening(deps, { drawn, opening }, options)
    if (repetition !== undefined && repetition.kind !== 'foreign') {
      await deps.tell(drawn, repetition.kind)
      return repetition
    }
    tries.set(opening.cid, tried + 1)
  }
  return undefined
}

async function tryOpening(
  deps: ServingDeps,
  { drawn, opening }: { drawn: LocalStep; opening: OpeningEntry },
  options: ServingOptions,
): Promise<Repetition | undefined> {
  const { files } = deps
  const state = `${options.folder}/${drawn.worker.slice(2)}-${drawn.segment}.safetensors`
  try {
    await deps.artifacts.getFile(opening.cid, files.path(state), {
      owner: options.pinOwner,
      sizeBytesMax: options.stateBytesMax,
      timeoutMs: stallTimeoutMs,
      signal: options.sharing,
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
