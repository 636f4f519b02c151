import { assert } from '#base/assert.ts'
import type { Hex } from '#base/hex.ts'
import { type UrnSegment, type WorkFacts } from './urn.ts'
import { nextUnitPrice, workRules } from './work-rules.ts'
import { bits, slotOf } from './words.ts'

/** The first slots of the contract `WorkLedger`. */
export const ledgerSlots: readonly Hex[] = [0, 1, 2].map(slotOf)
const ringSlot = 3
const slotsEach = 4
/** After so many epochs without units a price is at its lower bound, as in the contract. */
const epochsMax = 512

/** What stands in `ledgerSlots`. */
export interface LedgerHead {
  readonly powEvery: number
  readonly betaBps: bigint
  readonly unitFlops: bigint
  /** In `epoch`, before the units that it created move the price. */
  readonly unitPriceGwei: bigint
  readonly epoch: number
  readonly unitsCreated: number
  readonly priceBounds: { readonly minGwei: bigint; readonly maxGwei: bigint }
  /** The urn are the entries from `first` to `next` - 1. */
  readonly first: number
  readonly next: number
}

/** Reads the words of `ledgerSlots`. */
export function ledgerHeadIn(words: readonly Hex[]): LedgerHead {
  const [price, head, bounds] = words
  assert(price !== undefined && head !== undefined && bounds !== undefined, 'three slots were read')
  return {
    unitFlops: bits(price, 0, 128),
    unitPriceGwei: bits(price, 128, 64),
    betaBps: bits(price, 192, 16),
    powEvery: Number(bits(price, 208, 8)),
    first: Number(bits(head, 0, 40)),
    next: Number(bits(head, 40, 40)),
    epoch: Number(bits(head, 112, 40)),
    unitsCreated: Number(bits(head, 152, 32)),
    priceBounds: { minGwei: bits(bounds, 0, 64), maxGwei: bits(bounds, 64, 64) },
  }
}

/** The slots that the election needs of each entry of the urn: its id, then whose and how many units. */
export function urnSlots({ first, next }: LedgerHead): readonly Hex[] {
  const count = next - first
  assert(count >= 0 && count <= workRules.segmentsMax, 'the urn is bounded')
  return Array.from({ length: count }, (_, i) => entrySlots(first + i).slice(0, 2)).flat()
}

/** All slots of an entry of the urn. */
export function entrySlots(place: number): readonly Hex[] {
  const start = ringSlot + slotsEach * (place % workRules.segmentsMax)
  return Array.from({ length: slotsEach }, (_, i) => slotOf(start + i))
}

/**
 * All that the election of `height` takes from the state two heights back: the words of `ledgerSlots`, read
 * before, and those of `urnSlots`.
 */
export function workFactsOf(head: LedgerHead, words: readonly Hex[], height: number): WorkFacts {
  const { powEvery, betaBps, unitFlops } = head
  const segments: UrnSegment[] = []
  for (let i = 0; i + 1 < words.length; i += 2) {
    const [segmentId, word] = words.slice(i, i + 2) as [Hex, Hex]
    segments.push({
      segmentId,
      seat: Number(bits(word, 0, 32)),
      units: Number(bits(word, 32, 16)),
      bornHeight: Number(bits(word, 48, 48)),
    })
  }
  return { powEvery, betaBps, unitFlops, unitPriceGwei: unitPriceAt(head, height), segments }
}

/** What a block's header says of an elected segment, from the words of `entrySlots`. */
export function electedEntryIn(words: readonly Hex[]) {
  const [segmentId, word, jobId, modelHash] = words
  assert(word !== undefined && modelHash !== undefined, 'an entry was read')
  return {
    segmentId: segmentId!,
    segment: Number(bits(word, 96, 32)),
    flops: bits(word, 128, 128),
    jobId: jobId!,
    modelHash,
  }
}

/** The price of a unit at a height, in 1e9 wei: the contract writes it only when units are created. */
export function unitPriceAt(head: LedgerHead, height: number): bigint {
  const epochs = Math.floor(height / workRules.liveHeights) - head.epoch
  if (epochs > epochsMax) return head.priceBounds.minGwei
  let priceGwei = head.unitPriceGwei
  for (let i = 0; i < epochs; i += 1) {
    priceGwei = nextUnitPrice(priceGwei, i === 0 ? head.unitsCreated : 0, head.priceBounds)
  }
  return priceGwei
}
