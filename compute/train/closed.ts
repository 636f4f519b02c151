import { cidOfDigest, codecs } from '#wire/cid.ts'
import { limits } from '#wire/limits.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate } from '#wire/segment.ts'

/** An update as the contract keeps it. */
export interface PresentedUpdate {
  readonly worker: Hex
  readonly updateRoot: Hex
  readonly cidDigest: Hex
}

/**
 * The list of a round that the contract fixed. The chain keeps digests: a file of one block starts with a raw
 * one, a larger file (by the job's update size) with a list of blocks.
 */
export function closedListOf(
  updates: readonly PresentedUpdate[],
  updateBytes: number,
): ListedUpdate[] {
  const codec = updateBytes > limits.artifactBlockBytes ? codecs.dagPb : codecs.raw
  return updates.map(({ worker, updateRoot, cidDigest }) => ({
    worker,
    updateRoot,
    cid: cidOfDigest(cidDigest, codec),
  }))
}
