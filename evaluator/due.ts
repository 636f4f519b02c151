import { attestingStage, conclusionOf } from '#chain/client/conclusion.ts'
import type { Head } from '#chain/client/feed.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'

/** A transaction that anyone may send once its time has come. */
export type Due =
  | { readonly call: 'drawEvaluators' | 'expire' }
  | { readonly call: 'completeJob' | 'slash' | 'distributePayment'; readonly verdict: Verdict }

/**
 * What moves a job on, in the order in which it should be tried: nothing while its stage runs. `deadline` is
 * the end of the stage in Unix seconds, as the contract keeps it.
 */
export function dueOf(view: JobView, head: Head, deadline: bigint): readonly Due[] {
  const isLate = deadline > 0n && head.timestamp > deadline
  switch (view.phase) {
    case 'submitted':
      if (isLate) return [{ call: 'drawEvaluators' }, { call: 'expire' }]
      return view.seedHeight !== undefined && head.number > view.seedHeight
        ? [{ call: 'drawEvaluators' }]
        : []
    case 'attesting': {
      const stage = attestingStage(view, { deadline, timestamp: head.timestamp })
      if (stage === 'over') return [...conclusions(view), { call: 'expire' }]
      return stage === 'decided' ? conclusions(view) : []
    }
    case 'completed':
      return view.verdict ? [{ call: 'distributePayment', verdict: view.verdict }] : []
    case 'posted':
    case 'running':
      return isLate ? [{ call: 'expire' }] : []
    default:
      return []
  }
}

/** By the revealed verdict with most support: the contract decides whether it is enough. */
function conclusions(view: JobView): Due[] {
  const found = conclusionOf(view)
  return found ? [{ call: found.call, verdict: found.verdict }] : []
}
