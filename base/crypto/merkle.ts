import { assert } from '../assert.ts'
import { concatBytes, equalBytes, u64be } from '../bytes.ts'
import { sha256, sha256Bytes, sha256Into } from './sha256.ts'

/**
 * SHA-256 Merkle trees. The root is H(0x02 | kind | length as u64be | top), so that trees of different lengths
 * or kinds never share a root. In both kinds a last node with one child alone rises unhashed.
 *
 * `bytes` trees cut a byte string into 2 KiB leaves (length in bytes): a leaf is H(leaf), a node is H of the
 * hashes of up to four children one after another. No tag stands before them, so that memory is hashed where
 * it lies. None is needed: the root states the length, the length gives the shape of the tree, and the shape
 * says of every place whether a leaf or a node stands there and how long it is. Two strings with one root are
 * therefore of one shape, and going down from the root the first place where they differ is a collision of
 * SHA-256. (RFC 6962 tags because its root does not bind the number of leaves.)
 *
 * `list` trees hold 32-byte leaves (length in leaves) in the shape of RFC 6962: a leaf is H(0x00 | leaf), a
 * node H(0x01 | left | right).
 */
export type MerkleKind = 'bytes' | 'list'

/**
 * What proves one leaf: its place, the tree's length, and from the leaf to the top the other children of each
 * node, in their order.
 */
export interface MerkleProof {
  readonly kind: MerkleKind
  readonly index: number
  readonly length: number
  readonly path: readonly Uint8Array[]
}

export const merkleLeafBytes = 2048

/** A whole subtree of the `bytes` tree, two levels high: what one thread hashes at a time. */
export const merkleGroupBytes = 16 * merkleLeafBytes

const rootTag = 2

interface Shape {
  readonly kindTag: number
  readonly arity: number
  readonly hashLeaf: (leaf: Uint8Array) => Uint8Array
  readonly hashNode: (children: readonly Uint8Array[]) => Uint8Array
}

const shapes: Readonly<Record<MerkleKind, Shape>> = {
  bytes: {
    kindTag: 0,
    arity: 4,
    hashLeaf: (leaf) => sha256(leaf),
    hashNode: (children) => sha256(...children),
  },
  list: {
    kindTag: 1,
    arity: 2,
    hashLeaf: (leaf) => sha256(Uint8Array.of(0), leaf),
    hashNode: (children) => sha256(Uint8Array.of(1), ...children),
  },
}

/** Root over the 2 KiB leaves of a byte string, 32 bytes. */
export function bytesRoot(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const groups = merkleGroupsOf(bytes.length)
  const digests = new Uint8Array(sha256Bytes * Math.max(groups, 1))
  for (let group = 0; group < groups; group += 1) hashGroup(bytes, group, digests)
  return rootOfGroups(bytes.length, digests)
}

/** Number of groups of a byte string. */
export function merkleGroupsOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / merkleGroupBytes)
}

const leafDigests = new Uint8Array((sha256Bytes * merkleGroupBytes) / merkleLeafBytes)

/** Writes the top of the subtree over group `group` of `bytes` into `digests`, at 32 * `group`. */
export function hashGroup(bytes: Uint8Array, group: number, digests: Uint8Array): void {
  const start = group * merkleGroupBytes
  const end = Math.min(start + merkleGroupBytes, bytes.length)
  let count = 0
  for (let at = start; at < end; at += merkleLeafBytes, count += 1) {
    const leaf = bytes.subarray(at, Math.min(at + merkleLeafBytes, end))
    sha256Into(leaf, leafDigests, sha256Bytes * count)
  }
  collapse(leafDigests, count)
  digests.set(leafDigests.subarray(0, sha256Bytes), sha256Bytes * group)
}

/** The root that `bytesRoot` gives, from the tops of all groups. Overwrites `digests`. */
export function rootOfGroups(sizeBytes: number, digests: Uint8Array): Uint8Array<ArrayBuffer> {
  collapse(digests, merkleGroupsOf(sizeBytes))
  return rootOf('bytes', sizeBytes, digests.subarray(0, sha256Bytes))
}

/** Replaces `count` hashes of one level of a `bytes` tree by their top, in place. */
function collapse(level: Uint8Array, count: number): void {
  const { arity } = shapes.bytes
  for (let width = count; width > 1; width = Math.ceil(width / arity)) {
    for (let from = 0, to = 0; from < width; from += arity, to += sha256Bytes) {
      const children = Math.min(arity, width - from)
      const start = sha256Bytes * from
      if (children === 1) level.copyWithin(to, start, start + sha256Bytes)
      else sha256Into(level.subarray(start, start + sha256Bytes * children), level, to)
    }
  }
}

/** Root over 32-byte leaves, 32 bytes. */
export function listRoot(leaves: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let level: readonly Uint8Array[] = leavesOfList(leaves)
  while (level.length > 1) level = levelAbove('list', level)
  return rootOf('list', leaves.length, level[0] ?? new Uint8Array(sha256Bytes))
}

/** Proof of the 2 KiB leaf `index` of a byte string. */
export function bytesProof(bytes: Uint8Array, index: number): MerkleProof {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += merkleLeafBytes) {
    hashes.push(shapes.bytes.hashLeaf(bytes.subarray(at, at + merkleLeafBytes)))
  }
  return { kind: 'bytes', index, length: bytes.length, path: pathOf('bytes', hashes, index) }
}

/** Proof of the 32-byte leaf `index` of a list. */
export function listProof(leaves: readonly Uint8Array[], index: number): MerkleProof {
  const path = pathOf('list', leavesOfList(leaves), index)
  return { kind: 'list', index, length: leaves.length, path }
}

/** Whether `leaf` (a 2 KiB cut, the last may be shorter; or 32 bytes of a list) stands in the tree of `root`. */
export function verifyMerkleProof(root: Uint8Array, leaf: Uint8Array, proof: MerkleProof): boolean {
  const { kind, index, length, path } = proof
  if (!Number.isSafeInteger(length) || !Number.isSafeInteger(index) || index < 0) return false
  const count = kind === 'bytes' ? Math.ceil(length / merkleLeafBytes) : length
  if (index >= count || leaf.length !== leafSize(kind, index, length)) return false
  if (path.some((sibling) => sibling.length !== sha256Bytes)) return false
  const { arity, hashLeaf, hashNode } = shapes[kind]
  let node = hashLeaf(leaf)
  let used = 0
  for (let at = index, width = count; width > 1; width = Math.ceil(width / arity)) {
    const place = at % arity
    const siblings = Math.min(arity, width - (at - place)) - 1
    const others = path.slice(used, used + siblings)
    if (others.length < siblings) return false
    if (siblings > 0) node = hashNode(others.toSpliced(place, 0, node))
    used += siblings
    at = (at - place) / arity
  }
  return used === path.length && equalBytes(root, rootOf(kind, length, node))
}

function leafSize(kind: MerkleKind, index: number, length: number): number {
  return kind === 'list' ? sha256Bytes : Math.min(merkleLeafBytes, length - index * merkleLeafBytes)
}

function leavesOfList(leaves: readonly Uint8Array[]): Uint8Array[] {
  return leaves.map((leaf) => {
    assert(leaf.length === sha256Bytes, 'a list tree has leaves of 32 bytes')
    return shapes.list.hashLeaf(leaf)
  })
}

function pathOf(kind: MerkleKind, hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  assert(index >= 0 && index < hashes.length, 'a proof is of a leaf of the tree')
  const { arity } = shapes[kind]
  const path: Uint8Array[] = []
  let level = hashes
  for (let at = index; level.length > 1; at = Math.floor(at / arity)) {
    const place = at % arity
    path.push(...level.slice(at - place, at - place + arity).toSpliced(place, 1))
    level = levelAbove(kind, level)
  }
  return path
}

function levelAbove(kind: MerkleKind, level: readonly Uint8Array[]): Uint8Array[] {
  const { arity, hashNode } = shapes[kind]
  const above: Uint8Array[] = []
  for (let i = 0; i < level.length; i += arity) {
    const children = level.slice(i, i + arity)
    above.push(children.length === 1 ? (children[0] as Uint8Array) : hashNode(children))
  }
  return above
}

function rootOf(kind: MerkleKind, length: number, top: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(concatBytes(Uint8Array.of(rootTag, shapes[kind].kindTag), u64be(length), top))
}
