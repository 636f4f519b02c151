import type { JobView } from '../view.ts'
import type { SignedClaim, Transcript } from '#wire/segment.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Claim } from './claim.ts'

/** A claim as the contract takes it, from what a worker published and what is known of the job. */
export function claimOf(
  { jobId, attempt }: Pick<Transcript, 'jobId' | 'attempt'>,
  { client }: Pick<JobView, 'client'>,
  { signature: _signature, steps, validUntil, ...rest }: SignedClaim | UnsignedClaim,
): Claim {
  return { jobId, attempt, client, ...rest, steps: BigInt(steps), validUntil: BigInt(validUntil) }
}

export type UnsignedClaim = Omit<SignedClaim, 'signature'> & { readonly signature?: undefined }

/** Who took part in an attempt, in index order: all but those that earlier attempts removed. */
export function activeIn(view: JobView, attempt: number): readonly Hex[] {
  if (attempt === view.attempt) return view.active.map((index) => view.workers[index] as Hex)
  const removed = new Set(
    view.slashes.filter((slash) => slash.attempt < attempt).map(({ account }) => account),
  )
  return view.workers.filter((worker) => !removed.has(worker))
}
