import { assert } from '#base/assert.ts'
import { u32be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'

/** A segment as lots about it name it. */
export interface SegmentPlace {
  readonly attempt: number
  readonly worker: Hex
  readonly segment: number
}

/** Of the segments that one evaluator examined, another one repeats one in so many. */
export const repeatOneIn = 10

/**
 * Who of a panel of `count` examines a segment: the integer SHA256("quern/examiner/1" | auditSeed | attempt u32be |
 * worker | segment u32be), big-endian, modulo the panel.
 */
export function examinerOf(auditSeed: Hex, place: SegmentPlace, count: number): number {
  assert(count >= 1, 'a panel has a member')
  return Number(lotOf('quern/examiner/1', auditSeed, place) % BigInt(count))
}

/**
 * Who else repeats what the examiner did, if anybody: with the lot SHA256("quern/repeat/1" | beacon | attempt u32be |
 * worker | segment u32be), one segment in ten (lot modulo 10 is 0), by member lot / 10 modulo count - 1 of the others.
 * The beacon is of a height that was not there when the examiner's tags were fixed.
 */
export function repeaterOf(
  beacon: Hex,
  place: SegmentPlace,
  { examiner, count }: { readonly examiner: number; readonly count: number },
): number | undefined {
  const lot = lotOf('quern/repeat/1', beacon, place)
  if (count < 2 || lot % BigInt(repeatOneIn) !== 0n) return undefined
  const other = Number((lot / BigInt(repeatOneIn)) % BigInt(count - 1))
  return other < examiner ? other : other + 1
}

/** What comes before a step's bytes in an evaluator's tag: SHA256("quern/tag/1" | evaluator | beacon | bytes). */
export function tagPrefixOf(evaluator: Hex, beacon: Hex): Uint8Array<ArrayBuffer>[] {
  return [utf8('quern/tag/1'), fromHex(evaluator), fromHex(beacon)]
}

function lotOf(name: string, beacon: Hex, { attempt, worker, segment }: SegmentPlace): bigint {
  const parts = [utf8(name), fromHex(beacon), u32be(attempt), fromHex(worker), u32be(segment)]
  return sha256(...parts).reduce((rest, byte) => (rest << 8n) | BigInt(byte), 0n)
}
