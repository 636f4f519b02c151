import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Transactor } from '#chain/client/transactor.ts'
import type { JobView } from '#chain/client/view.ts'
import { claimsOf } from '#compute/train/claims.ts'
import type { JobSpec } from '#wire/job.ts'
import { jobModes } from '#wire/market.ts'
import type { Transcript } from '#wire/segment.ts'
import { type SegmentClaim, segmentNumber } from '#wire/segment-claim.ts'
import type { MisbehaveKind } from './misbehave.ts'
import type { AttemptPlace } from './place.ts'

/** Segments in one transaction. */
export const segmentsAtOnce = 16

/** What a worker without a seat, or a chain without a ledger, answers: said once, since nothing is wrong. */
const quiet = ['NoSeat', 'NotEligible', 'CONTRACT_MISSING']

/** Commits the segments of finished attempts for units of work. Never fails: pay does not depend on it. */
export interface Leading {
  /** Before the result is submitted, since the window closes when all have submitted. Answers how many. */
  commit(work: {
    readonly view: JobView
    readonly spec: JobSpec
    readonly place: AttemptPlace
    readonly transcript: Transcript
  }): Promise<number>
}

/** Creates the committing of one worker. */
export function createLeading(
  deps: { readonly chain: Pick<Transactor, 'send'>; readonly log: Logger },
  options: { readonly misbehave?: MisbehaveKind } = {},
): Leading {
  const { chain, log } = deps
  const said = new Set<string>()

  function tell(error: unknown, jobId: string): void {
    const reason = reasonOf(error)
    const fields = { jobId, reason }
    if (!quiet.includes(reason)) log.warn({ err: error, ...fields }, 'segments not committed')
    else if (said.has(reason)) log.debug(fields, 'segments are not committed')
    else log.info(fields, 'segments are not committed')
    said.add(reason)
  }

  return {
    async commit({ view, spec, place, transcript }) {
      const { jobId, terms } = view
      if (terms.mode !== jobModes.exact) return 0
      let count = 0
      try {
        const known = new Set(
          view.ledger.commitments
            .filter(({ worker }) => worker === place.self)
            .map(({ claim }) => segmentNumber(claim)),
        )
        const honest = claimsOf({ jobId, spec, beacon: place.beacon }, worked(transcript))
        const claims = options.misbehave === 'false-claims' ? honest.map(falsified) : honest
        const fresh = claims.filter((claim) => !known.has(segmentNumber(claim)))
        for (let i = 0; i < fresh.length; i += segmentsAtOnce) {
          const batch = fresh.slice(i, i + segmentsAtOnce)
          await chain.send('WorkLedger', 'commitSegments', [terms, batch])
          count += batch.length
        }
      } catch (error) {
        tell(error, jobId)
      }
      return count
    },
  }
}

/** Segments in which the worker did steps of its own; the others have no work to claim. */
function worked({ records }: Transcript): Transcript['records'] {
  return records.filter(({ flops }) => flops > 0)
}

/** Another model than the transcript's. */
function falsified(claim: SegmentClaim): SegmentClaim {
  return { ...claim, modelHash: claim.stepRoot }
}

function reasonOf(error: unknown): string {
  const reason = error instanceof AppError ? error.fields['reason'] : undefined
  return typeof reason === 'string' ? reason : (codeOf(error) ?? 'unknown')
}
