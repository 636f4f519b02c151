import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { verifyMerkleProof } from '#base/crypto/merkle.ts'
import { fromHex } from '#base/hex.ts'
import {
  initSeedOf,
  leafHashOf,
  partRootOf,
  segmentSeedOf,
  stateRootOf,
  stepProofOf,
  stepRootOf,
  transcriptRootOf,
} from '#compute/train/commit.ts'
import type { Hex } from '#wire/primitives.ts'

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`
const sha256 = (...parts: (string | Uint8Array)[]) => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return `0x${digest.digest('hex')}`
}
const leaf = { p: hash('01'), m: hash('02'), v: hash('03'), step: 258, transcript: hash('04') }

describe('the hashes are those that the specification states', () => {
  test('state, transcript and leaf', () => {
    const parts = [leaf.p, leaf.m, leaf.v].map(fromHex) as [Uint8Array, Uint8Array, Uint8Array]
    const step = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)
    const state = sha256('quern/state/1', ...parts, step)
    expect(stateRootOf(leaf)).toBe(state)
    expect(leafHashOf(leaf)).toBe(sha256('quern/leaf/1', fromHex(state), fromHex(leaf.transcript)))
    const bits = Uint8Array.of(0xbf, 0xc0, 0, 0) // -1.5
    expect(transcriptRootOf(hash('05'), -1.5)).toBe(
      sha256('quern/transcript/1', fromHex(hash('05')), bits),
    )
  })

  test('a part is a Merkle tree of 2 KiB leaves', () => {
    const values = Float32Array.from({ length: 2250 }, (_, i) => i / 7)
    const bytes = new Uint8Array(values.buffer)
    const leaves = [0, 1, 2, 3, 4].map((i) =>
      fromHex(sha256(bytes.subarray(2048 * i, 2048 * (i + 1)))),
    )
    const node = fromHex(sha256(...leaves.slice(0, 4)))
    const top = fromHex(sha256(node, leaves[4] as Uint8Array)) // the fifth leaf rises one level
    const length = Uint8Array.of(0, 0, 0, 0, 0, 0, 0x23, 0x28)
    expect(partRootOf(values)).toBe(sha256(Uint8Array.of(2, 0), length, top))
    expect(partRootOf(values.subarray(1))).not.toBe(partRootOf(values))
  })

  test('seeds', () => {
    const place = {
      chainId: 78787,
      beacon: hash('0a'),
      jobId: hash('0b'),
      segment: 3,
      worker: `0x${'0c'.repeat(20)}` as const,
      attempt: 1,
    }
    const chain = Uint8Array.of(0, 0, 0, 0, 0, 1, 0x33, 0xc3)
    const expected = sha256(
      'quern/seed/1',
      chain,
      fromHex(place.beacon),
      fromHex(place.jobId),
      Uint8Array.of(0, 0, 0, 3),
      fromHex(place.worker),
      Uint8Array.of(0, 0, 0, 1),
    )
    expect(segmentSeedOf(place)).toBe(expected)
    expect(initSeedOf(place.jobId, place.beacon)).toBe(
      sha256('quern/init/1', fromHex(place.jobId), fromHex(place.beacon)),
    )
  })
})

describe('stepProofOf', () => {
  test('proves each leaf and no other', () => {
    const leaves = Array.from({ length: 7 }, (_, step) => ({ ...leaf, step }))
    const root = fromHex(stepRootOf(leaves))
    for (const [i, own] of leaves.entries()) {
      const proof = stepProofOf(leaves, i)
      expect(verifyMerkleProof(root, fromHex(leafHashOf(own)), proof)).toBe(true)
      expect(verifyMerkleProof(root, fromHex(leafHashOf({ ...own, m: hash('09') })), proof)).toBe(
        false,
      )
    }
  })
})
