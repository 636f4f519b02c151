import { assert } from '#base/assert.ts'
import { u32be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'

/** One segment of one worker in one attempt, as a draw names it. */
export interface DrawnSegment {
  readonly attempt: number
  readonly worker: Hex
  readonly segment: number
  /** Steps of the segment: local ones and the aggregation that ends each round. */
  readonly stepCount: number
}

/**
 * The step of a segment that every evaluator repeats: the integer SHA256("quern/sample/1" | auditSeed |
 * attempt u32be | worker | segment u32be), big-endian, modulo the segment's steps. Counts from 0.
 */
export function sampleStep(auditSeed: Hex, drawn: DrawnSegment): number {
  assert(drawn.stepCount >= 1, 'a segment has a step')
  const digest = sha256(
    utf8('quern/sample/1'),
    fromHex(auditSeed),
    u32be(drawn.attempt),
    fromHex(drawn.worker),
    u32be(drawn.segment),
  )
  const bound = BigInt(drawn.stepCount)
  return Number(digest.reduce((rest, byte) => (rest * 256n + BigInt(byte)) % bound, 0n))
}
