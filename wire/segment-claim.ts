import type { Hex } from './primitives.ts'

/** What a worker commits of a segment in the contract `WorkLedger`, in its six words. */
export interface SegmentClaim {
  /** From the low bits on: number within the worker's part of the job 32 | metered FLOP 128. */
  readonly work: bigint
  /** State before the segment. */
  readonly inputRoot: Hex
  /** State after it. */
  readonly outputRoot: Hex
  /** Of the model that its last parameters make. */
  readonly modelHash: Hex
  readonly stepRoot: Hex
  /** SHA-256 digest in the CID of the training rows. */
  readonly dataPointer: Hex
}

const numberBits = 32n

/** The first word of a claim. */
export function workWord({ segment, flops }: { segment: number; flops: number }): bigint {
  return BigInt(segment) | (BigInt(flops) << numberBits)
}

/** The number of a claimed segment. */
export function segmentNumber({ work }: Pick<SegmentClaim, 'work'>): number {
  return Number(work & ((1n << numberBits) - 1n))
}

/** Whether two claims say the same. */
export function sameClaim(a: SegmentClaim, b: SegmentClaim): boolean {
  return (
    a.work === b.work &&
    a.inputRoot === b.inputRoot &&
    a.outputRoot === b.outputRoot &&
    a.modelHash === b.modelHash &&
    a.stepRoot === b.stepRoot &&
    a.dataPointer === b.dataPointer
  )
}
