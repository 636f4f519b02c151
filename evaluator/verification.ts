import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Rng } from '#base/rng.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { Operators } from '#chain/client/operators.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { JobView, Verdict } from '#chain/client/view.ts'
import type { Runner } from '#compute/runner.ts'
import type { JobTopics } from '#p2p/job-topic.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import type { Place } from './attempt.ts'
import type { OpenAttempt } from './open-attempt.ts'

export interface VerifyDeps {
  readonly feed: JobFeed
  readonly operators: Operators
  readonly registry: Registry
  readonly topics: Pick<JobTopics, 'open'>
  readonly artifacts: Artifacts
  readonly files: Files
  readonly clock: Clock
  readonly rng: Rng
  readonly openRunner: () => Runner
}

/** Which steps are computed again: all, so many of the drawn ones, or as many as are served, up to 8. */
export type ReplayWish = 'full' | 'some' | { readonly sample: number }

export interface VerifyOptions extends Place {
  readonly replay: ReplayWish
  readonly threads: number
  readonly signal: AbortSignal
  /** Hears of each claim as soon as it is proven. */
  readonly onProof: (proof: Proof) => void
  readonly onProgress?: (done: { readonly round: number; readonly rounds: number }) => void
}

/** One thing that was found to be as the chain says. */
export interface Proof {
  readonly claim:
    | 'verdict'
    | 'evidence'
    | 'specification'
    | 'transcripts'
    | 'credits'
    | 'model'
    | 'heldOut'
    | 'replay'
  readonly text: string
}

/** Everything that one claim after the other needs. */
export interface Verification {
  readonly deps: VerifyDeps
  readonly options: VerifyOptions
  readonly view: JobView
  readonly verdict: Verdict
  readonly attempt: OpenAttempt
  readonly transcripts: ReadonlyMap<Hex, Transcript>
}

/** A claim that does not hold. */
export function failed(claim: Proof['claim'], fields: Record<string, unknown>): AppError {
  const text = typeof fields['reason'] === 'string' ? `: ${fields['reason']}` : ''
  return new AppError({
    code: 'VERIFY_FAILED',
    claim,
    ...fields,
    message: `${claim} is wrong${text}`,
  })
}
