import { u32be, u64be, utf8 } from '#base/bytes.ts'
import { type MerkleProof, bytesRoot, listProof, listRoot } from '#base/crypto/merkle.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex, toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'

/**
 * What is committed of a training run, by hashes alone. Numbers are big-endian, floats little-endian.
 *
 * part root  = Merkle root over 2 KiB leaves of a flat binary32 vector (base/crypto/merkle.ts, `bytes`)
 * state      = SHA256("quern/state/1" | p | m | v | step u64)
 * transcript = SHA256("quern/transcript/1" | part root of the folded gradients | bits of the loss u32)
 * leaf       = SHA256("quern/leaf/1" | state | transcript)
 * stepRoot   = Merkle root over the leaves 0 to n of a segment (`list`)
 *
 * Gradients are folded 64 to 1 (`fold`, compute/exact/SPEC.md) before they are hashed. The roots of p, m and v
 * before and after a step bind them already, since all that they do is done to these; the fold makes the
 * transcript something that nobody knows who has not computed them.
 */
export const zeroHash: Hex = `0x${'00'.repeat(32)}`

/** Root of one flat vector of the state: p, m or v. */
export function partRootOf(values: Float32Array): Hex {
  return toHex(bytesRoot(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)))
}

/** Root of the carried state: parameters, moments and the step count. */
export function stateRootOf({ p, m, v, step }: Omit<Leaf, 'transcript'>): Hex {
  return toHex(sha256(utf8('quern/state/1'), fromHex(p), fromHex(m), fromHex(v), u64be(step)))
}

/** Root of what one step computed on its way: gradients and loss, so that skipped work cannot be claimed. */
export function transcriptRootOf(gradientRoot: Hex, loss: number): Hex {
  const bits = new DataView(new ArrayBuffer(4))
  bits.setFloat32(0, loss)
  return toHex(sha256(utf8('quern/transcript/1'), fromHex(gradientRoot), u32be(bits.getUint32(0))))
}

/** Hash of one leaf of a segment: its state root and its transcript root. */
export function leafHashOf(leaf: Leaf): Hex {
  return toHex(leafBytes(leaf))
}

/** Root over the leaves 0 to n of a segment. */
export function stepRootOf(leaves: readonly Leaf[]): Hex {
  return toHex(listRoot(leaves.map(leafBytes)))
}

/** Proof that leaf `index` stands under the step root; `verifyMerkleProof` checks it against its hash. */
export function stepProofOf(leaves: readonly Leaf[], index: number): MerkleProof {
  return listProof(leaves.map(leafBytes), index)
}

export interface SegmentPlace {
  readonly chainId: number
  /** The job's beacon, fixed on chain at assignment. */
  readonly beacon: Hex
  readonly jobId: Hex
  readonly segment: number
  readonly worker: Hex
  readonly attempt: number
}

/** Seed of a segment's batches and noise. */
export function segmentSeedOf(place: SegmentPlace): Hex {
  return toHex(
    sha256(
      utf8('quern/seed/1'),
      u64be(place.chainId),
      fromHex(place.beacon),
      fromHex(place.jobId),
      u32be(place.segment),
      fromHex(place.worker),
      u32be(place.attempt),
    ),
  )
}

/** Seed of a job's initial parameters. */
export function initSeedOf(jobId: Hex, beacon: Hex): Hex {
  return toHex(sha256(utf8('quern/init/1'), fromHex(jobId), fromHex(beacon)))
}

function leafBytes(leaf: Leaf): Uint8Array<ArrayBuffer> {
  return sha256(utf8('quern/leaf/1'), fromHex(stateRootOf(leaf)), fromHex(leaf.transcript))
}
