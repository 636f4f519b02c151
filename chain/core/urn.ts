import { assert } from '#base/assert.ts'
import type { Hex } from '#base/hex.ts'
import { type WorkParameters, workRules } from './work-rules.ts'

/** The ticket of one unit of work: unit `j` of a matured segment. */
export interface Unit {
  readonly segmentId: Hex
  readonly j: number
}

/** A matured segment in the urn. */
export interface UrnSegment {
  readonly segmentId: Hex
  /** Number of the registered leader whose units they are. */
  readonly leader: number
  readonly units: number
  /** Bit j is set once unit j was elected. */
  readonly spent: bigint
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
 * What can be drawn at a height: units younger than `liveHeights` that are not spent. `spentSince` are the
 * units that blocks above the state which the facts are from have spent.
 */
export function liveSegments(
  facts: WorkFacts,
  height: number,
  spentSince: readonly Unit[] = [],
): LiveSegment[] {
  assert(facts.segments.length <= workRules.segmentsMax, 'the urn is bounded')
  return facts.segments
    .filter((segment) => isLive(segment, height))
    .map((segment) => ({ segment, unspent: unspentOf(segment, spentSince) }))
    .filter(({ unspent }) => unspent.length > 0)
}

/** Units created within the last `liveHeights` heights, spent ones included. */
export function unitsCreated(facts: WorkFacts, height: number): number {
  return facts.segments
    .filter((segment) => isLive(segment, height))
    .reduce((sum, { units }) => sum + units, 0)
}

/** Heights from one work height to the next: `powEvery`, twice that with few leaders; 0 when switched off. */
export function workEvery(facts: WorkFacts, height: number): number {
  const leaders = new Set(
    facts.segments.filter((segment) => isLive(segment, height)).map(({ leader }) => leader),
  )
  return leaders.size < workRules.leadersMin ? 2 * facts.powEvery : facts.powEvery
}

function isLive({ bornHeight }: UrnSegment, height: number): boolean {
  return bornHeight < height && height - bornHeight <= workRules.liveHeights
}

function unspentOf({ segmentId, units, spent }: UrnSegment, spentSince: readonly Unit[]): number[] {
  const places = Array.from({ length: units }, (_, j) => j)
  const isSpent = (j: number) =>
    ((spent >> BigInt(j)) & 1n) === 1n ||
    spentSince.some((unit) => unit.segmentId === segmentId && unit.j === j)
  return places.filter((j) => !isSpent(j))
}
