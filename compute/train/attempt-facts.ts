import type { Hex } from '#wire/primitives.ts'
import type { Leaf, ListedUpdate } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { SignerOf } from './certificate.ts'

/** What stands outside of the transcripts: the job, the chain's word on the attempt, the initial state. */
export interface AttemptFacts {
  readonly jobId: Hex
  readonly attempt: number
  readonly train: TrainSpec
  /** Workers of this attempt, in index order. */
  readonly active: readonly Hex[]
  /** What each of them submitted on chain; a silent one is missing. */
  readonly results: readonly Submission[]
  /** Lists that the contract fixed in this attempt. */
  readonly closedRounds: ReadonlyMap<number, readonly ListedUpdate[]>
  /** The state of the job's seed before any step. */
  readonly initial: Leaf
  readonly flopsPerStep: number
  readonly signerOf: SignerOf
  /** The hash of a model with these parameters: its manifest follows from the specification. */
  readonly modelHashOf: (modelRoot: Hex) => Hex
}

export interface Submission {
  readonly worker: Hex
  readonly modelHash: Hex
  readonly segmentsRoot: Hex
}
