import { cidOfDigest, codecs } from '#wire/cid.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'

/** Rounds that the contract fixed, with what it keeps of each update. */
export interface ClosedRounds {
  readonly attempt: number
  readonly closedRounds: readonly {
    readonly attempt: number
    readonly round: number
    readonly updates: readonly {
      readonly worker: Hex
      readonly updateRoot: Hex
      readonly cidDigest: Hex
    }[]
  }[]
}

/**
 * The lists that the contract fixed in an attempt, by round. The chain keeps digests: a file of one block
 * starts with a raw one, a larger file (by the job's update size) with a list of blocks.
 */
export function closedListsOf(
  { attempt, closedRounds }: ClosedRounds,
  updateBytes: number,
): ReadonlyMap<number, readonly ListedUpdate[]> {
  const codec = updateBytes > limits.artifactBlockBytes ? codecs.dagPb : codecs.raw
  const ofAttempt = closedRounds.filter((closed) => closed.attempt === attempt)
  return new Map(
    ofAttempt.map(({ round, updates }) => [
      round,
      updates.map(({ worker, updateRoot, cidDigest }) => ({
        worker,
        updateRoot,
        cid: cidOfDigest(cidDigest, codec),
      })),
    ]),
  )
}
