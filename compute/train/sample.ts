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

/** How closely a worker's segments are looked at. */
export const auditRates = ['new', 'normal', 'trusted'] as const
export type AuditRate = (typeof auditRates)[number]

/** Facts about a worker when its steps are drawn: as `Staking` counts them. */
interface WorkHistory {
  readonly completed: number
  readonly timeouts: number
  readonly invalids: number
}

const jobsUntilNormal = 10
const jobsUntilTrusted = 50
/** Most steps of a segment that are drawn. */
export const drawsMax: Readonly<Record<AuditRate, number>> = { new: 2, normal: 1, trusted: 1 }
/** Of a trusted worker's segments one in so many is looked at. */
const segmentsEachTrusted = 4

/**
 * A worker is new in its first 10 jobs and once its work was found wrong, trusted after 50 without a fault. Of
 * segments of 32 steps a panel, one of whom repeats what is drawn and another a tenth of it, computes 6.9 % again, else
 * 3.4 % and 0.9 %; never none.
 */
export function auditRateOf({ completed, timeouts, invalids }: WorkHistory): AuditRate {
  if (completed < jobsUntilNormal || invalids > 0) return 'new'
  return completed >= jobsUntilTrusted && timeouts === 0 ? 'trusted' : 'normal'
}

/**
 * The steps of a segment that its examiner repeats, ascending, each once; counted from 0. Draw n is the integer
 * SHA256("quern/sample/1" | auditSeed | attempt u32be | worker | segment u32be | n u32be, left out for draw 0),
 * big-endian, modulo the segment's steps. A trusted worker's segments are looked at from one drawn in the same way
 * among the first ones on (with the segment 2^32 - 1 in the hash), every fourth.
 */
export function sampleSteps(
  auditSeed: Hex,
  drawn: DrawnSegment & { readonly segmentCount: number },
  rate: AuditRate,
): readonly number[] {
  if (rate === 'trusted' && !isLookedAt(auditSeed, drawn)) return []
  const steps = Array.from({ length: drawsMax[rate] }, (_, n) => sampleStep(auditSeed, drawn, n))
  return [...new Set(steps)].toSorted((a, b) => a - b)
}

function isLookedAt(
  auditSeed: Hex,
  drawn: DrawnSegment & { readonly segmentCount: number },
): boolean {
  const each = Math.min(segmentsEachTrusted, drawn.segmentCount)
  const first = sampleStep(auditSeed, { ...drawn, segment: 0xffffffff, stepCount: each })
  return drawn.segment % each === first
}

/** Draw `n` of `sampleSteps`. */
export function sampleStep(auditSeed: Hex, drawn: DrawnSegment, n = 0): number {
  assert(drawn.stepCount >= 1, 'a segment has a step')
  const digest = sha256(
    utf8('quern/sample/1'),
    fromHex(auditSeed),
    u32be(drawn.attempt),
    fromHex(drawn.worker),
    u32be(drawn.segment),
    ...(n === 0 ? [] : [u32be(n)]),
  )
  const bound = BigInt(drawn.stepCount)
  return Number(digest.reduce((rest, byte) => (rest * 256n + BigInt(byte)) % bound, 0n))
}
