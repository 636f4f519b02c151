import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { examinerOf, repeatOneIn, repeaterOf, tagPrefixOf } from '#compute/train/panel.ts'
import type { Hex } from '#wire/primitives.ts'

const worker: Hex = `0x${'a1'.repeat(20)}`
const places = Array.from({ length: 3_000 }, (_, segment) => ({ attempt: 1, worker, segment }))
const beacon = toHex(sha256(Uint8Array.of(7)))

/** The lot as the docstrings write it, by other means. */
function lotOf(name: string, segment: number): bigint {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(1, 0)
  bytes.writeUInt32BE(segment, 4)
  const digest = createHash('sha256')
    .update(name)
    .update(Buffer.from(beacon.slice(2), 'hex'))
    .update(bytes.subarray(0, 4))
    .update(Buffer.from(worker.slice(2), 'hex'))
    .update(bytes.subarray(4))
    .digest('hex')
  return BigInt(`0x${digest}`)
}

test('a segment has one examiner, by the lot of its formula', () => {
  for (const place of places.slice(0, 50)) {
    const expected = Number(lotOf('quern/examiner/1', place.segment) % 3n)
    expect(examinerOf(beacon, place, 3)).toBe(expected)
  }
  const shares = [0, 1, 2].map(
    (member) => places.filter((place) => examinerOf(beacon, place, 3) === member).length,
  )
  for (const share of shares) expect(Math.abs(share - 1_000)).toBeLessThan(100)
})

test('one segment in ten is repeated, by another member, each as often', () => {
  const repeaters = places.map((place) => repeaterOf(beacon, place, { examiner: 1, count: 4 }))
  const drawn = repeaters.filter((one) => one !== undefined)
  expect(Math.abs(drawn.length - places.length / repeatOneIn)).toBeLessThan(60)
  expect(new Set(drawn)).toEqual(new Set([0, 2, 3]))
  const [first] = places.filter((_, i) => repeaters[i] !== undefined)
  const lot = lotOf('quern/repeat/1', first?.segment ?? 0)
  expect(lot % 10n).toBe(0n)
})

test('nobody repeats for a panel of one', () => {
  const repeaters = places.map((place) => repeaterOf(beacon, place, { examiner: 0, count: 1 }))
  expect(repeaters.every((one) => one === undefined)).toBe(true)
})

test('tags are salted with the evaluator and the beacon', () => {
  const [name, evaluator, salt] = tagPrefixOf(worker, beacon)
  expect(new TextDecoder().decode(name)).toBe('quern/tag/1')
  expect([evaluator, salt].map((bytes) => toHex(bytes as Uint8Array))).toEqual([worker, beacon])
})
