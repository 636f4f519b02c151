import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex, toHex } from '#base/hex.ts'
import type { Misbehaviour, TrainReport, TrainTask } from '#compute/runner.ts'
import { misbehaviourIn } from '#wire/misbehaviour.ts'
import type { ListedUpdate } from '#wire/segment.ts'

/**
 * Ways to cheat, so that tests and the demo can show how each is caught. `skip-steps` claims every second
 * step without doing it and `skip-few` every twentieth, `zero-rate` learns nothing, `wrong-shard` trains on another's
 * rows, `wrong-seed` in an order of its own, `copy-update` announces another worker's update as its own, `flip-bit`
 * changes one bit of an activation, `ulp` the last bit of one weight, `noise` adds noise to its parameters,
 * `sign-flip` and `alie` poison the update, `withhold-states` never serves a drawn state, `two-states` announces a
 * wrong one before it, `slow-states` takes its time, `silent` takes jobs and does nothing,
 * `false-claims` commits other segments for units of work than those of its transcript.
 */
export const misbehaveKinds = [
  'skip-steps',
  'skip-few',
  'zero-rate',
  'wrong-shard',
  'wrong-seed',
  'copy-update',
  'flip-bit',
  'ulp',
  'noise',
  'sign-flip',
  'alie',
  'withhold-states',
  'two-states',
  'slow-states',
  'silent',
  'false-claims',
] as const
export type MisbehaveKind = (typeof misbehaveKinds)[number]

/** The kind behind a flag's text. Throws USAGE, MISBEHAVE_REFUSED. */
export function misbehaveKindOf(text: string, chainId: number): MisbehaveKind {
  return misbehaviourIn(misbehaveKinds, text, chainId)
}

/** What the engine is told to do wrong. */
export function engineMisbehaviour(kind: MisbehaveKind | undefined): Misbehaviour | undefined {
  if (kind === 'skip-steps' || kind === 'copy-update') return 'skip'
  return engineKinds.find((known) => known === kind)
}

const engineKinds = [
  'skip-few',
  'noise',
  'ulp',
  'flip-bit',
  'zero-rate',
  'sign-flip',
  'alie',
] as const satisfies readonly Misbehaviour[]

/** Which rows, in which order: those of a neighbour, or of a seed that nobody gave. */
export function misplace(
  kind: MisbehaveKind | undefined,
  task: Pick<TrainTask, 'segmentSeed' | 'shard'>,
): Pick<TrainTask, 'segmentSeed' | 'shard'> {
  const { segmentSeed, shard } = task
  const { index, count } = shard
  if (kind === 'wrong-shard') return { segmentSeed, shard: { index: (index + 1) % count, count } }
  return kind === 'wrong-seed' ? { segmentSeed: toHex(sha256(fromHex(segmentSeed))), shard } : task
}

/** A report that claims to have ended in somebody else's update. */
export function claimUpdate(
  report: TrainReport,
  copied: Pick<ListedUpdate, 'updateRoot'>,
): TrainReport {
  const { updateRoot } = copied
  const leaves = report.leaves.map((leaf, i) =>
    i === report.leaves.length - 1 ? { ...leaf, p: updateRoot } : leaf,
  )
  return { ...report, leaves, updateRoot }
}
