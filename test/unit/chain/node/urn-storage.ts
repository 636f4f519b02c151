import type { Hex } from '#base/hex.ts'
import { entrySlots } from '#chain/core/work-slots.ts'

/** A segment of an urn that a genesis begins with. */
export interface PlacedSegment {
  readonly seat: number
  readonly units: number
  readonly bornHeight?: number
}

export interface PlacedUrn {
  readonly first?: number
  readonly powEvery?: number
  readonly unitPriceGwei?: bigint
}

export const word = (value: bigint | number): Hex => `0x${value.toString(16).padStart(64, '0')}`
export const segmentIdAt = (i: number) => word(50_000 + i)
export const jobIdAt = (i: number) => word(1_000 + i)
export const modelHashAt = (i: number) => word(2_000 + i)

/** The storage of `WorkLedger` with these segments in its urn, as the contract's interface describes it. */
export function urnStorage(
  segments: readonly PlacedSegment[],
  { first = 0, powEvery = 2, unitPriceGwei = 9n }: PlacedUrn = {},
): Record<Hex, Hex> {
  const next = BigInt(first + segments.length)
  const storage: Record<Hex, Hex> = {
    [word(0)]: word(5n | (unitPriceGwei << 128n) | (8_000n << 192n) | (BigInt(powEvery) << 208n)),
    [word(1)]: word(BigInt(first) | (next << 40n)),
    [word(2)]: word(1n | ((10n * unitPriceGwei) << 64n)),
  }
  for (const [i, { seat, units, bornHeight = 1 }] of segments.entries()) {
    const packed =
      (BigInt(units) << 32n) | (BigInt(bornHeight) << 48n) | (5n << 96n) | (77n << 128n)
    const words = [segmentIdAt(i), word(BigInt(seat) | packed), jobIdAt(i), modelHashAt(i)]
    for (const [part, slot] of entrySlots(first + i).entries()) storage[slot] = words[part] as Hex
  }
  return storage
}
