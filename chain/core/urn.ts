import { assert } from '#base/assert.ts'
import { concatBytes, u32be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type WorkParameters, workRules } from './work-rules.ts'

/** The ticket of one unit of work: unit `j` of a matured segment. */
export interface Unit {
  readonly segmentId: Hex
  readonly j: number
}

/** A matured segment in the urn. */
export interface UrnSegment {
  readonly segmentId: Hex
  /** The seat in the validator set whose units they are. */
  readonly seat: number
  readonly units: number
  /** The height at which the units were created. */
  readonly bornHeight: number
}

/** All that the election takes from the state two heights back. */
export interface WorkFacts extends WorkParameters {
  /** In the order of the contract's ring; at most `segmentsMax`. */
  readonly segments: readonly UrnSegment[]
}

/** The units of the urn that may be drawn at a height, by segment. */
export interface LiveSegment {
  readonly segment: UrnSegment
  readonly unspent: readonly number[]
}

/**
 * What can be drawn at a height: units younger than `liveHeights` that are not spent. `spent` are the units
 * that the last `liveHeights` ancestors of the block elected, in any order.
 */
export function liveSegments(
  facts: WorkFacts,
  height: number,
  spent: readonly Unit[],
): LiveSegment[] {
  assert(facts.segments.length <= workRules.segmentsMax, 'the urn is bounded')
  const numbers = new Map<Hex, Set<number>>()
  for (const { segmentId, j } of spent) {
    numbers.set(segmentId, (numbers.get(segmentId) ?? new Set()).add(j))
  }
  return facts.segments
    .filter((segment) => isLive(segment, height))
    .map((segment) => ({ segment, unspent: unspentOf(segment, numbers.get(segment.segmentId)) }))
    .filter(({ unspent }) => unspent.length > 0)
}

/**
 * What a unit was drawn from, in one hash: SHA256("quern/urn/1" | for each segment its id, seat (u32be) and a
 * bit for each unit that could be drawn, the lowest first). Whoever is shown the urn can repeat the draw.
 */
export function urnRoot(live: readonly LiveSegment[]): Hex {
  const parts = live.map(({ segment, unspent }) => {
    const units = new Uint8Array(workRules.segmentUnitsMax / 8)
    for (const j of unspent) units[j >> 3] = (units[j >> 3] as number) | (1 << (j & 7))
    return concatBytes(fromHex(segment.segmentId), u32be(segment.seat), units)
  })
  return toHex(sha256(concatBytes(utf8('quern/urn/1'), ...parts)))
}

/** Units created within the last `liveHeights` heights, spent ones included. */
export function unitsCreated(facts: WorkFacts, height: number): number {
  return facts.segments
    .filter((segment) => isLive(segment, height))
    .reduce((sum, { units }) => sum + units, 0)
}

/** Heights from one work height to the next: `powEvery`, twice that with few leaders; 0 when switched off. */
export function workEvery(facts: WorkFacts, height: number): number {
  const seats = new Set(
    facts.segments.filter((segment) => isLive(segment, height)).map(({ seat }) => seat),
  )
  return seats.size < workRules.leadersMin ? 2 * facts.powEvery : facts.powEvery
}

function isLive({ bornHeight }: UrnSegment, height: number): boolean {
  return bornHeight < height && height - bornHeight <= workRules.liveHeights
}

function unspentOf({ units }: UrnSegment, spent: ReadonlySet<number> | undefined): number[] {
  const places = Array.from({ length: units }, (_, j) => j)
  return spent === undefined ? places : places.filter((j) => !spent.has(j))
}
