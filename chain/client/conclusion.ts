import { verdictHashOf } from './terms.ts'
import type { JobView, Verdict } from './view.ts'

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
