import { attestingStage, conclusionOf, hasQuorum } from '#chain/client/conclusion.ts'
import type { Head } from '#chain/client/feed.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import type { Hex } from '#wire/primitives.ts'

/** The stored state of a job as `JobManager.jobState` answers it, as far as duties need it. */
export interface StoredJob {
  readonly status: number
  readonly volunteerCount: number
  /** Unix seconds at which the present stage ends. */
  readonly deadline: bigint
  readonly seedHeight: bigint
}

export const statuses = { posted: 1, running: 2, submitted: 3, attesting: 4, completed: 5 } as const

/** A call that anyone may send, and that is due. */
export type Duty =
  | { readonly call: 'assignWorkers' | 'drawEvaluators' | 'expire' }
  | { readonly call: 'completeJob' | 'slash' | 'distributePayment'; readonly verdict: Verdict }

/** Which call moves a job on, if its time has come. Calls that nobody makes would leave money in escrow. */
export function dueCall(job: StoredJob, view: JobView, head: Head): Duty | undefined {
  const { terms } = view
  const isDrawable = head.number > job.seedHeight
  const isPast = (seconds: number) => head.timestamp > job.deadline + BigInt(seconds)
  switch (job.status) {
    case statuses.posted: {
      const isVolunteer = terms.matchMode === 0
      if (isPast(isVolunteer ? terms.runSeconds : 0)) return { call: 'expire' }
      const canAssign = isVolunteer && isDrawable && job.volunteerCount >= terms.workerCountMin
      return canAssign ? { call: 'assignWorkers' } : undefined
    }
    case statuses.running:
      return isPast(0) ? { call: 'expire' } : undefined
    case statuses.submitted:
      if (isPast(0)) return { call: 'expire' }
      return isDrawable ? { call: 'drawEvaluators' } : undefined
    case statuses.attesting:
      return attestingStage(view, { deadline: job.deadline, timestamp: head.timestamp }) === 'open'
        ? undefined
        : attestingDuty(view)
    case statuses.completed:
      return view.verdict ? { call: 'distributePayment', verdict: view.verdict } : undefined
    default:
      return undefined
  }
}

/** What most evaluators say, or a further panel where too few agree. */
function attestingDuty(view: JobView): Duty {
  const found = conclusionOf(view)
  if (found === undefined || !hasQuorum(view)) return { call: 'expire' }
  return { call: found.call, verdict: found.verdict }
}

/** How many blocks a party waits before it does what is everybody's duty: the first at once, the next later. */
export function patienceOf(view: JobView, self: Hex): bigint {
  return turnIn(view.workers.length > 0 ? view.workers : view.volunteers, self)
}

/** Blocks that one of several parties leaves to those before it; a stranger comes last. */
export function turnIn(parties: readonly Hex[], self: Hex): bigint {
  const place = parties.indexOf(self)
  return BigInt(place < 0 ? parties.length : place) * 2n
}
