import { assert } from '../assert.ts'
import { concatBytes, equalBytes, u64be } from '../bytes.ts'
import { sha256 } from './sha256.ts'

/**
 * SHA-256 Merkle trees in the shape of RFC 6962: a leaf is H(0x00 | leaf), a node H(0x01 | left | right),
 * an odd node rises unhashed. The root is H(0x02 | kind | length as u64be | top), so that trees of
 * different lengths or kinds never share a root. `bytes` trees cut a byte string into 4 KiB leaves (length
 * in bytes); `list` trees hold 32-byte leaves (length in leaves).
 */
export type MerkleKind = 'bytes' | 'list'

/** What proves one leaf: its place, the tree's length, and the siblings from the leaf to the top. */
export interface MerkleProof {
  readonly kind: MerkleKind
  readonly index: number
  readonly length: number
  readonly path: readonly Uint8Array[]
}

export const merkleLeafBytes = 4096

const leafTag = 0
const nodeTag = 1
const rootTag = 2
const kindTags = { bytes: 0, list: 1 } as const

/** Root over the 4 KiB leaves of a byte string, 32 bytes. Reuses its buffers: states are hashed at every step. */
export function bytesRoot(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = Math.ceil(bytes.length / merkleLeafBytes)
  const level = new Uint8Array(32 * Math.max(count, 1))
  const leaf = new Uint8Array(1 + merkleLeafBytes) // the first byte is leafTag, 0
  for (let i = 0; i < count; i += 1) {
    const cut = bytes.subarray(i * merkleLeafBytes, (i + 1) * merkleLeafBytes)
    leaf.set(cut, 1)
    level.set(sha256(leaf.subarray(0, 1 + cut.length)), 32 * i)
  }
  const node = new Uint8Array(65)
  node[0] = nodeTag
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    for (let i = 0; 2 * i + 1 < width; i += 1) {
      node.set(level.subarray(64 * i, 64 * i + 64), 1)
      level.set(sha256(node), 32 * i)
    }
    if (width % 2 === 1) level.copyWithin(16 * (width - 1), 32 * (width - 1), 32 * width)
  }
  return rootOf('bytes', bytes.length, level.subarray(0, 32))
}

/** Root over 32-byte leaves, 32 bytes. */
export function listRoot(leaves: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return rootOf('list', leaves.length, topOf(leavesOfList(leaves)))
}

/** Proof of the 4 KiB leaf `index` of a byte string. */
export function bytesProof(bytes: Uint8Array, index: number): MerkleProof {
  return { kind: 'bytes', index, length: bytes.length, path: pathOf(leavesOfBytes(bytes), index) }
}

/** Proof of the 32-byte leaf `index` of a list. */
export function listProof(leaves: readonly Uint8Array[], index: number): MerkleProof {
  return { kind: 'list', index, length: leaves.length, path: pathOf(leavesOfList(leaves), index) }
}

/** Whether `leaf` (a 4 KiB cut, the last may be shorter; or 32 bytes of a list) stands in the tree of `root`. */
export function verifyMerkleProof(root: Uint8Array, leaf: Uint8Array, proof: MerkleProof): boolean {
  const { kind, index, length, path } = proof
  if (!Number.isSafeInteger(length) || !Number.isSafeInteger(index) || index < 0) return false
  const count = kind === 'bytes' ? Math.ceil(length / merkleLeafBytes) : length
  if (index >= count || leaf.length !== leafSize(kind, index, length)) return false
  let node = hashLeaf(leaf)
  let used = 0
  for (let at = index, width = count; width > 1; at >>>= 1, width = Math.ceil(width / 2)) {
    if ((at ^ 1) >= width) continue // an odd last node rises as it is
    const sibling = path[used]
    if (sibling?.length !== 32) return false
    node = at % 2 === 0 ? hashNode(node, sibling) : hashNode(sibling, node)
    used += 1
  }
  return used === path.length && equalBytes(root, rootOf(kind, length, node))
}

function leafSize(kind: MerkleKind, index: number, length: number): number {
  return kind === 'list' ? 32 : Math.min(merkleLeafBytes, length - index * merkleLeafBytes)
}

function leavesOfBytes(bytes: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += merkleLeafBytes) {
    hashes.push(hashLeaf(bytes.subarray(at, at + merkleLeafBytes)))
  }
  return hashes
}

function leavesOfList(leaves: readonly Uint8Array[]): Uint8Array[] {
  return leaves.map((leaf) => {
    assert(leaf.length === 32, 'a list tree has leaves of 32 bytes')
    return hashLeaf(leaf)
  })
}

function topOf(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1) level = levelAbove(level)
  return level[0] ?? new Uint8Array(32)
}

function pathOf(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  assert(index >= 0 && index < hashes.length, 'a proof is of a leaf of the tree')
  const path: Uint8Array[] = []
  let level = hashes
  for (let at = index; level.length > 1; at >>>= 1) {
    const sibling = level[at ^ 1]
    if (sibling !== undefined) path.push(sibling)
    level = levelAbove(level)
  }
  return path
}

function levelAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i] as Uint8Array
    const right = level[i + 1]
    above.push(right === undefined ? left : hashNode(left, right))
  }
  return above
}

function hashLeaf(leaf: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(leafTag), leaf)
}

function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(nodeTag), left, right)
}

function rootOf(kind: MerkleKind, length: number, top: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(concatBytes(Uint8Array.of(rootTag, kindTags[kind]), u64be(length), top))
}
