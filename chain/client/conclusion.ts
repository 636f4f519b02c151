import { verdictHashOf } from './terms.ts'
import { type JobView, type Verdict, hasPanelCommitted, hasPanelRevealed } from './view.ts'

/** A verdict that evaluators revealed, and how an attempt is concluded by it. */
export interface Conclusion {
  readonly call: 'completeJob' | 'slash'
  readonly verdict: Verdict
  /** How many gave it, word for word. */
  readonly support: number
}

/** The verdict that most evaluators revealed; of two with as many the one that was there first. */
export function conclusionOf({ revealed }: Pick<JobView, 'revealed'>): Conclusion | undefined {
  const alike = Map.groupBy(revealed, ({ verdict }) => verdictHashOf(verdict))
  const [most] = [...alike.values()].toSorted((a, b) => b.length - a.length)
  const verdict = most?.[0]?.verdict
  if (most === undefined || verdict === undefined) return undefined
  const isClean = verdict.guiltyMask === 0 && verdict.withheldMask === 0
  return { call: isClean ? 'completeJob' : 'slash', verdict, support: most.length }
}

/**
 * Whether a panel's verdicts may be acted upon at a block's time: `over` after the reveal window, `decided` before it
 * ends where enough agree and nobody has anything left to open, which happens when the last to open was outvoted.
 * `deadline` is the end of the stage in Unix seconds, as the contract keeps it: of commitments, and once all have
 * committed of the reveal window itself.
 */
export function attestingStage(
  view: JobView,
  { deadline, timestamp }: { readonly deadline: bigint; readonly timestamp: bigint },
): 'open' | 'decided' | 'over' {
  const isWhole = hasPanelCommitted(view)
  if (timestamp > deadline + BigInt(isWhole ? 0 : view.terms.revealSeconds)) return 'over'
  const isOpened = (isWhole || timestamp > deadline) && hasPanelRevealed(view)
  return isOpened && hasQuorum(view) ? 'decided' : 'open'
}

/** Two must agree (one, where the terms want one evaluator), and more than half of all that revealed. */
export function hasQuorum({ revealed, terms }: JobView): boolean {
  const support = conclusionOf({ revealed })?.support ?? 0
  return support >= Math.min(2, terms.evaluatorCount) && support * 2 > revealed.length
}
