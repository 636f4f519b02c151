import { assert, integer, nat, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bytesProof,
  bytesRoot,
  hashGroup,
  listProof,
  listRoot,
  merkleGroupBytes,
  merkleGroupsOf,
  merkleLeafBytes,
  rootOfGroups,
  verifyMerkleProof,
} from '#base/crypto/merkle.ts'
import { portableSha256, sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'

const rng = createRng(5)
const random = (size: number) => Uint8Array.from({ length: size }, () => rng.below(256))
const leafOf = (bytes: Uint8Array, i: number) =>
  bytes.subarray(i * merkleLeafBytes, (i + 1) * merkleLeafBytes)

describe('sha256', () => {
  test('the host’s and the portable one agree, whole or in parts', () => {
    for (const size of [0, 1, 55, 56, 63, 64, 65, 1000, 5000]) {
      const bytes = random(size)
      expect(sha256(bytes)).toEqual(portableSha256(bytes))
      expect(sha256(bytes.subarray(0, size >> 1), bytes.subarray(size >> 1))).toEqual(sha256(bytes))
    }
    expect(toHex(sha256(new TextEncoder().encode('abc')))).toBe(
      '0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  })
})

describe('bytesRoot', () => {
  test('is fixed for ever', () => {
    const bytes = Uint8Array.from({ length: 21 * merkleLeafBytes + 5 }, (_, i) => i % 251)
    expect(toHex(bytesRoot(bytes))).toBe(
      '0x2fb1f0b6dde5f20d213bca0d89367d6bdd99536bd286650a7511830b2b0196db',
    )
    expect(toHex(bytesRoot(new Uint8Array()))).toBe(
      '0x188451ed3b9251ab9ef5407f3f471129377e9c8cc770713847109c4ed18fb51a',
    )
  })

  test('differs for bytes that only add zeros', () => {
    const roots = [0, 1, 2047, 2048, 2049, 4096].map((size) =>
      toHex(bytesRoot(new Uint8Array(size))),
    )
    expect(new Set(roots).size).toBe(roots.length)
  })

  test.each([1, 2048, 2049, 5 * 2048 - 1, 7 * 2048, 64 * 2048, 65 * 2048, 70 * 2048 + 3])(
    'proves every leaf of %i bytes',
    (size) => {
      const bytes = random(size)
      const root = bytesRoot(bytes)
      for (let i = 0; i * merkleLeafBytes < size; i += 1) {
        const proof = bytesProof(bytes, i)
        expect(verifyMerkleProof(root, leafOf(bytes, i), proof)).toBe(true)
        const longer = { ...proof, length: size + 1 }
        expect(verifyMerkleProof(root, leafOf(bytes, i), longer)).toBe(false)
        const changed = leafOf(bytes, i).slice()
        changed[0] = (changed[0] as number) ^ 1
        expect(verifyMerkleProof(root, changed, proof)).toBe(false)
        const turned = { ...proof, path: proof.path.toReversed() }
        expect(verifyMerkleProof(root, leafOf(bytes, i), turned)).toBe(proof.path.length < 2)
      }
    },
  )
})

describe('rootOfGroups', () => {
  test('gives the root of the bytes from groups hashed in any order, also in shared memory', () => {
    for (const size of [1, merkleGroupBytes, merkleGroupBytes + 1, 5 * merkleGroupBytes + 9000]) {
      const bytes = new Uint8Array(new SharedArrayBuffer(size))
      bytes.set(random(size))
      const groups = merkleGroupsOf(size)
      const digests = new Uint8Array(32 * groups)
      for (let group = groups - 1; group >= 0; group -= 1) hashGroup(bytes, group, digests)
      expect(rootOfGroups(size, digests)).toEqual(bytesRoot(bytes))
    }
  })

  test('never takes the hashes of leaves for a leaf', () => {
    const bytes = random(4 * merkleLeafBytes)
    const hashes = [0, 1, 2, 3].map((i) => sha256(leafOf(bytes, i)))
    const forged = Buffer.concat(hashes) // as a leaf it has the hash of the node above the four
    const proof = { kind: 'bytes' as const, index: 0, length: forged.length, path: [] }
    expect(verifyMerkleProof(bytesRoot(forged), forged, proof)).toBe(true)
    expect(verifyMerkleProof(bytesRoot(bytes), forged, proof)).toBe(false)
    const longer = { ...proof, length: bytes.length }
    expect(verifyMerkleProof(bytesRoot(bytes), forged, longer)).toBe(false)
  })
})

describe('listRoot', () => {
  test('proves each leaf at its place only, in lists of any length', () => {
    assert(
      property(integer({ min: 1, max: 40 }), nat(), nat(), (length, a, b) => {
        const leaves = Array.from({ length }, () => random(32))
        const [at, other] = [a % length, b % length]
        const proof = listProof(leaves, at)
        const root = listRoot(leaves)
        expect(verifyMerkleProof(root, leaves[at] as Uint8Array, proof)).toBe(true)
        expect(verifyMerkleProof(root, leaves[other] as Uint8Array, proof)).toBe(at === other)
        const moved = { ...proof, index: other }
        expect(verifyMerkleProof(root, leaves[at] as Uint8Array, moved)).toBe(at === other)
        const padded = { ...proof, path: [...proof.path, random(32)] }
        expect(verifyMerkleProof(root, leaves[at] as Uint8Array, padded)).toBe(false)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('never takes an inner node for a leaf, nor a list for bytes', () => {
    const leaves = [random(32), random(32), random(32), random(32)]
    const root = listRoot(leaves)
    const [hidden] = listProof(leaves, 2).path.slice(1)
    const proof = {
      kind: 'list' as const,
      index: 0,
      length: 2,
      path: listProof(leaves, 0).path.slice(1),
    }
    expect(verifyMerkleProof(root, hidden as Uint8Array, proof)).toBe(false)
    expect(toHex(bytesRoot(random(32)))).not.toBe(toHex(listRoot([random(32)])))
    const one = random(32)
    expect(toHex(bytesRoot(one))).not.toBe(toHex(listRoot([one])))
  })

  test.each([
    ['a negative index', { index: -1 }],
    ['an index behind the end', { index: 4 }],
    ['a broken length', { length: Number.NaN }],
    ['a path too short', { path: [] }],
    ['a sibling of the wrong size', { path: [new Uint8Array(31), new Uint8Array(32)] }],
  ])('refuses %s', (_title, change) => {
    const leaves = [random(32), random(32), random(32), random(32)]
    const proof = { ...listProof(leaves, 0), ...change }
    expect(verifyMerkleProof(listRoot(leaves), leaves[0] as Uint8Array, proof)).toBe(false)
  })
})
