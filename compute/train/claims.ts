import { assert } from '#base/assert.ts'
import { manifestOf, modelHashOf } from '#compute/export/model.ts'
import { digestOfCid } from '#wire/cid.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { SegmentRecord } from '#wire/segment.ts'
import { type SegmentClaim, workWord } from '#wire/segment-claim.ts'
import { initSeedOf } from './commit.ts'

/** A job's public side, from which claims follow. */
export interface ClaimedJob {
  readonly jobId: Hex
  readonly spec: JobSpec
  /** The job's beacon, fixed on chain at assignment. */
  readonly beacon: Hex
}

/** What the ledger says of these records, where their author says there what it says in its transcript. */
export function claimsOf(
  { jobId, spec, beacon }: ClaimedJob,
  records: readonly SegmentRecord[],
): SegmentClaim[] {
  const initialSeed = initSeedOf(jobId, beacon)
  const dataPointer = digestOfCid(spec.trainSet.cid)
  return records.map((record) => {
    const modelRoot = record.rounds.at(-1)?.aggregated.p
    assert(modelRoot !== undefined, 'a record has a round')
    const { segment, flops, inputRoot, outputRoot, stepRoot } = record
    return {
      work: workWord({ segment, flops }),
      inputRoot,
      outputRoot,
      modelHash: modelHashOf(manifestOf({ job: spec, initialSeed }, modelRoot)),
      stepRoot,
      dataPointer,
    }
  })
}
