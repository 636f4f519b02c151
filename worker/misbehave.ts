import { AppError } from '#base/error.ts'
import type { Misbehaviour, TrainReport } from '#compute/runner.ts'
import { devChainId } from '#wire/addresses.ts'
import type { ListedUpdate } from '#wire/segment.ts'

/**
 * Ways to cheat, so that tests and the demo can show how each is caught. `skip-steps` claims every second
 * step without doing it, `copy-update` announces another worker's update as its own, `noise` adds noise to
 * its parameters, `ulp` changes the last bit of one weight, `withhold-states` never serves a drawn state, `silent` takes jobs and does nothing,
 * `false-claims` commits other segments for units of work than those of its transcript.
 */
export const misbehaveKinds = [
  'skip-steps',
  'copy-update',
  'noise',
  'ulp',
  'withhold-states',
  'silent',
  'false-claims',
] as const
export type MisbehaveKind = (typeof misbehaveKinds)[number]

/** The kind behind a flag's text. Throws MISBEHAVE_REFUSED on chains that are not for development. */
export function misbehaveKindOf(text: string, chainId: number): MisbehaveKind {
  const kind = misbehaveKinds.find((known) => known === text)
  if (kind === undefined)
    throw new AppError({ code: 'USAGE', message: `no such misbehaviour: ${text}` })
  if (chainId !== devChainId) {
    const message = 'workers misbehave on development chains only'
    throw new AppError({ code: 'MISBEHAVE_REFUSED', chainId, message })
  }
  return kind
}

/** What the engine is told to do wrong. */
export function engineMisbehaviour(kind: MisbehaveKind | undefined): Misbehaviour | undefined {
  if (kind === 'skip-steps' || kind === 'copy-update') return 'skip'
  return kind === 'noise' || kind === 'ulp' ? kind : undefined
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
