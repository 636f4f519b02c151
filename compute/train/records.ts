import { listRoot } from '#base/crypto/merkle.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf, RoundSteps, SegmentRecord } from '#wire/segment.ts'
import { type TrainSpec, roundsPerSegment } from '#wire/spec.ts'
import { stateRootOf, stepRootOf } from './commit.ts'

/** Which whole rounds a segment holds: `first` to `first + count - 1`. */
export interface SegmentRounds {
  readonly segment: number
  readonly first: number
  readonly count: number
}

/** The rounds of a segment; the last one may be shorter. */
export function segmentRounds(train: TrainSpec, segment: number): SegmentRounds {
  const size = roundsPerSegment(train)
  const first = segment * size
  return { segment, first, count: Math.min(size, train.rounds - first) }
}

/** The segment that a round belongs to. */
export function segmentOfRound(train: TrainSpec, round: number): number {
  return Math.floor(round / roundsPerSegment(train))
}

/**
 * The first batch of a round within its segment: every round has its own `localSteps` batches, whether or
 * not the worker took part in the rounds before.
 */
export function firstBatchOf(train: TrainSpec, round: number): number {
  return (round % roundsPerSegment(train)) * train.localSteps
}

export interface RecordPlace {
  readonly jobId: Hex
  readonly attempt: number
  readonly worker: Hex
  readonly segment: number
}

/** The record of a finished segment: `input` is the leaf before its first step. */
export function recordOf(
  place: RecordPlace,
  { input, rounds }: { input: Leaf; rounds: readonly RoundSteps[] },
  flopsPerStep: number,
): SegmentRecord {
  const leaves = [input, ...rounds.flatMap(({ steps, aggregated }) => [...steps, aggregated])]
  const localSteps = rounds.reduce((sum, { steps }) => sum + steps.length, 0)
  return {
    version: 1,
    ...place,
    input,
    rounds: [...rounds],
    inputRoot: stateRootOf(input),
    outputRoot: stateRootOf(leaves.at(-1) ?? input),
    stepRoot: stepRootOf(leaves),
    flops: localSteps * flopsPerStep,
  }
}

/** SHA-256 of a record's canonical JSON. */
export function recordHashOf(record: SegmentRecord): Hex {
  return toHex(sha256(canonicalBytes(record)))
}

/** Merkle root over the hashes of a worker's records: what `submitResult` anchors on chain. */
export function segmentsRootOf(records: readonly SegmentRecord[]): Hex {
  return toHex(listRoot(records.map((record) => fromHex(recordHashOf(record)))))
}
