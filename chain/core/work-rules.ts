import { assert } from '#base/assert.ts'

/** What is fixed about useful work; the contract `WorkLedger` has the same figures. */
export const workRules = {
  /** Heights for which a unit stays in the urn (V). */
  liveHeights: 256,
  /** Fewer units than this that could be drawn, and the height goes by stake (Umin). */
  unitsMin: 8,
  /** Most units put into the urn within `liveHeights` (Umax). */
  unitsMax: 4_096,
  /** Most units of one segment: each has a bit that says that it is spent, in the segment's word. */
  segmentUnitsMax: 128,
  /** Most segments in the urn: as many as units, so that nobody fills it with small ones. */
  segmentsMax: 4_096,
  /** Units that `liveHeights` heights should bring; the price of a unit moves toward it. */
  unitsTarget: 1_024,
  /** With fewer leaders than this in the urn, every second work height goes by stake. */
  leadersMin: 4,
  /** An epoch of the price moves it by this part at most: 12.5 %. */
  priceStep: 8n,
  powEveryMax: 8,
  betaBpsMax: 8_000n,
} as const

const bpsAll = 10_000n

/** What governance sets, as the state has it. */
export interface WorkParameters {
  /** Every how many heights a unit of work may lead (N); 0 switches the election off. */
  readonly powEvery: number
  /** Metered FLOP that a unit stands for (kappaF). */
  readonly unitFlops: bigint
  /** Burned fee that a unit stands for, in 1e9 wei (kappaB). */
  readonly unitPriceGwei: bigint
  /** Share of burned fees that comes back to those who lead by work, in 1/10,000 (beta). */
  readonly betaBps: bigint
}

/** Units of a segment: floor(min(flops / kappaF, burned / kappaB)), and at most `segmentUnitsMax`. */
export function unitsOf(
  segment: { readonly flops: bigint; readonly burnedGwei: bigint },
  { unitFlops, unitPriceGwei }: Pick<WorkParameters, 'unitFlops' | 'unitPriceGwei'>,
): number {
  assert(unitFlops > 0n && unitPriceGwei > 0n, 'a unit costs something')
  const byFlops = segment.flops / unitFlops
  const byBurn = segment.burnedGwei / unitPriceGwei
  const least = byFlops < byBurn ? byFlops : byBurn
  return Math.min(Number(least), workRules.segmentUnitsMax)
}

/**
 * The price of a unit in the next epoch (kappaB), in 1e9 wei: it moves in proportion to how far the units
 * created are from the target, by 12.5 % at most (the rule of EIP-1559's base fee), and stays within bounds.
 */
export function nextUnitPrice(
  priceGwei: bigint,
  unitsCreated: number,
  bounds: { readonly minGwei: bigint; readonly maxGwei: bigint },
): bigint {
  const target = BigInt(workRules.unitsTarget)
  const created = BigInt(Math.min(unitsCreated, 2 * workRules.unitsTarget))
  const distance = created > target ? created - target : target - created
  const move = (priceGwei * distance) / target / workRules.priceStep
  const rise = move > 0n ? move : 1n // or a low price would never rise
  const moved = created > target ? priceGwei + rise : priceGwei - move
  if (moved < bounds.minGwei) return bounds.minGwei
  return moved > bounds.maxGwei ? bounds.maxGwei : moved
}

/** What a leader by work may get at a height, beside stake leaders' rewards. */
export interface LeaderPlace extends Pick<WorkParameters, 'unitPriceGwei' | 'betaBps'> {
  /** Units created within the last `liveHeights` heights, spent ones included. */
  readonly unitsCreated: number
  /**
   * Heights from one work height to the next, as `workEvery` gives it, and never more than have passed since a
   * unit was drawn.
   */
  readonly every: number
}

/**
 * The bonus of a leader by work, in 1e9 wei: beta * kappaB * U, where U are the units that mature from one
 * work height to the next.
 *
 * It comes out of burned fees, whatever `every` was in between. A unit is counted for less than `liveHeights`
 * heights. Each draw counts it with `every / liveHeights` of the price, for `every` heights that no other draw
 * counts: so all draws together count `liveHeights` heights and what the first one reaches back beyond the
 * unit's birth, at most 2 * `powEveryMax`. The price is at most one step above the one that was burned for the
 * unit: its life sees one end of an epoch, and governance lifts the price only while the urn is empty. Hence
 * at most 0.8 * (1 + 16/256) * 9/8 < 1 of what was burned for a unit comes back.
 */
export function leaderBonusGwei(place: LeaderPlace): bigint {
  const { unitPriceGwei, betaBps, unitsCreated, every } = place
  const matured = BigInt(unitsCreated) * BigInt(every)
  return (betaBps * unitPriceGwei * matured) / (bpsAll * BigInt(workRules.liveHeights))
}

/**
 * The most that the leader of a block by work gets of its tips, in 1e9 wei. Bonus and tips together stay below
 * kappaB * max(1, U): whoever posts jobs to himself to lead more often burns more than leading can bring.
 */
export function leaderTipsMaxGwei(place: LeaderPlace): bigint {
  const live = BigInt(workRules.liveHeights)
  const matured = BigInt(place.unitsCreated) * BigInt(place.every)
  const whole = (place.unitPriceGwei * (matured > live ? matured : live)) / live
  return whole - leaderBonusGwei(place)
}

export interface TipShares {
  readonly leaderGwei: bigint
  /** Of the next block's leader, if that one leads by stake. */
  readonly nextGwei: bigint
  /** Of the validators that voted for the block. */
  readonly votersGwei: bigint
}

/** How the tips of a block led by work are shared, in 1e9 wei: what its leader may not have goes half and half. */
export function shareTips(tipsGwei: bigint, leaderMaxGwei: bigint): TipShares {
  const leaderGwei = tipsGwei < leaderMaxGwei ? tipsGwei : leaderMaxGwei
  const votersGwei = (tipsGwei - leaderGwei) / 2n
  return { leaderGwei, nextGwei: tipsGwei - leaderGwei - votersGwei, votersGwei }
}
