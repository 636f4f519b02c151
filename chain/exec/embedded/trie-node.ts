import { RLP } from '@ethereumjs/rlp'

/**
 * A child's place in its parent: a 32-byte hash of a node stored under its own path, a shorter RLP that
 * stands inside the parent, a node in memory, or nothing.
 */
export type Child = Uint8Array | TrieNode | null

export interface Leaf {
  readonly kind: 'leaf'
  readonly key: Uint8Array
  value: Uint8Array
  ref: Uint8Array | undefined
}
export interface Extension {
  readonly kind: 'extension'
  readonly key: Uint8Array
  child: Child
  ref: Uint8Array | undefined
}
export interface Branch {
  readonly kind: 'branch'
  readonly children: Child[]
  ref: Uint8Array | undefined
}
/** A node of the Merkle Patricia trie; `ref` is what its parent holds, unknown while it is changed. */
export type TrieNode = Leaf | Extension | Branch

type Item = Uint8Array | readonly Item[]

/** The half-bytes of a key, one in each byte. */
export function toNibbles(key: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(key.length * 2)
  for (let i = 0; i < key.length; i += 1) {
    const byte = key[i] as number
    nibbles[2 * i] = byte >> 4
    nibbles[2 * i + 1] = byte & 15
  }
  return nibbles
}

/** Reads a stored node. `ref` is its hash, or its own RLP where it stands inside its parent. */
export function decodeNode(rlp: Uint8Array, ref: Uint8Array | undefined): TrieNode {
  return nodeOf(RLP.decode(rlp), ref)
}

function nodeOf(item: Item, ref: Uint8Array | undefined): TrieNode {
  const fields = item as readonly Item[]
  if (fields.length === 17) {
    return { kind: 'branch', children: fields.slice(0, 16).map(childOf), ref }
  }
  const { isLeaf, key } = unpackKey(fields[0] as Uint8Array)
  return isLeaf
    ? { kind: 'leaf', key, value: fields[1] as Uint8Array, ref }
    : { kind: 'extension', key, child: childOf(fields[1] as Item), ref }
}

function childOf(item: Item): Child {
  if (item instanceof Uint8Array) return item.length === 0 ? null : item
  return nodeOf(item, RLP.encode(item as never))
}

/** The compact form of a key's nibbles ("hex prefix"). */
export function packKey(nibbles: Uint8Array, isLeaf: boolean): Uint8Array {
  const isOdd = nibbles.length % 2
  const packed = new Uint8Array(1 + (nibbles.length >> 1))
  packed[0] = ((isLeaf ? 2 : 0) + isOdd) << 4
  if (isOdd === 1) packed[0] |= nibbles[0] as number
  for (let i = 1, at = isOdd; i < packed.length; i += 1, at += 2) {
    packed[i] = ((nibbles[at] as number) << 4) | (nibbles[at + 1] as number)
  }
  return packed
}

function unpackKey(packed: Uint8Array): { isLeaf: boolean; key: Uint8Array } {
  const flag = packed[0] as number
  const nibbles = toNibbles(packed).subarray((flag & 0x10) === 0 ? 2 : 1)
  return { isLeaf: (flag & 0x20) !== 0, key: nibbles }
}

let scratch = new Uint8Array(1024)

/** RLP of a leaf. The result is valid until the next call. */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  const key = packKey(leaf.key, true)
  const size = stringSize(key) + stringSize(leaf.value)
  let at = begin(size)
  at = putString(at, key)
  return scratch.subarray(0, putString(at, leaf.value))
}

/** RLP of an extension over its child's reference. */
export function encodeExtension(extension: Extension, child: Uint8Array): Uint8Array {
  const key = packKey(extension.key, false)
  let at = begin(stringSize(key) + refSize(child))
  at = putString(at, key)
  return scratch.subarray(0, putRef(at, child))
}

/** RLP of a branch over its children's references. */
export function encodeBranch(refs: readonly (Uint8Array | null)[]): Uint8Array {
  let size = 1
  for (const ref of refs) size += ref === null ? 1 : refSize(ref)
  let at = begin(size)
  for (const ref of refs) {
    if (ref === null) scratch[at++] = 0x80
    else at = putRef(at, ref)
  }
  scratch[at++] = 0x80
  return scratch.subarray(0, at)
}

function begin(size: number): number {
  if (scratch.length < size + 9) scratch = new Uint8Array(2 * size + 9)
  return putLength(0, size, 0xc0)
}

function stringSize(bytes: Uint8Array): number {
  if (bytes.length === 1 && (bytes[0] as number) < 0x80) return 1
  return bytes.length + 1 + (bytes.length < 56 ? 0 : lengthBytes(bytes.length))
}

function putString(at: number, bytes: Uint8Array): number {
  const isSelf = bytes.length === 1 && (bytes[0] as number) < 0x80
  const start = isSelf ? at : putLength(at, bytes.length, 0x80)
  scratch.set(bytes, start)
  return start + bytes.length
}

function refSize(ref: Uint8Array): number {
  return ref.length === 32 ? 33 : ref.length
}

function putRef(at: number, ref: Uint8Array): number {
  const start = ref.length === 32 ? putLength(at, 32, 0x80) : at
  scratch.set(ref, start)
  return start + ref.length
}

function lengthBytes(length: number): number {
  return length < 0x100 ? 1 : length < 0x10000 ? 2 : 3
}

function putLength(at: number, length: number, offset: number): number {
  if (length < 56) {
    scratch[at] = offset + length
    return at + 1
  }
  const count = lengthBytes(length)
  scratch[at] = offset + 55 + count
  for (let i = 0; i < count; i += 1) scratch[at + 1 + i] = (length >> (8 * (count - 1 - i))) & 255
  return at + 1 + count
}

/** How many nibbles of `key` stand in `nibbles` from `depth` on. */
export function sharedLength(key: Uint8Array, nibbles: Uint8Array, depth: number): number {
  let shared = 0
  while (shared < key.length && key[shared] === nibbles[depth + shared]) shared += 1
  return shared
}

/** Nibbles as a path: one character each. */
export function textOf(nibbles: Uint8Array): string {
  return String.fromCharCode(...nibbles)
}
