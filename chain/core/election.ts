import { concatBytes, u32be, u64be, utf8 } from '#base/bytes.ts'
import { sha256, sha256Bytes, sha256Into } from '#base/crypto/sha256.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { type LiveSegment, type Unit, type WorkFacts, liveSegments, workEvery } from './urn.ts'
import { workRules } from './work-rules.ts'

/** Where a draw stands. */
export interface DrawPlace {
  readonly chainId: number
  readonly height: number
  /** Known to nobody before the parent was proposed: after every commitment that the draw is among. */
  readonly parentBeacon: Hex
}

/** Who may lead a height before anyone else, or why nobody does by work. */
export type Election =
  | { readonly kind: 'work'; readonly unit: Unit; readonly seat: number }
  | { readonly kind: 'stake'; readonly reason: 'off' | 'height' | 'fewUnits' }

const drawTag = utf8('quern/draw/1')

/** A unit's lot: SHA256("quern/draw/1" | chainId | beacon of the parent | height | segmentId | j). */
export function drawLot(place: DrawPlace, { segmentId, j }: Unit): Uint8Array {
  return sha256(headOf(place), fromHex(segmentId), u32be(j))
}

/**
 * The election of a height: at every work height with enough units, the unit with the lowest lot. It has no
 * field that a proposer or a worker could choose: `facts` are those of the state two heights back on the
 * proposal's own chain, whether final or not, so that every node finds the same one, and `spent` the units that
 * its last `liveHeights` ancestors elected. The block of this height names the unit and spends it, whoever
 * makes the block: waiting for a better height costs it.
 */
export function elect(place: DrawPlace, facts: WorkFacts, spent: readonly Unit[]): Election {
  if (facts.powEvery === 0) return { kind: 'stake', reason: 'off' }
  if (place.height % workEvery(facts, place.height) !== 0)
    return { kind: 'stake', reason: 'height' }
  const live = liveSegments(facts, place.height, spent)
  const count = live.reduce((sum, { unspent }) => sum + unspent.length, 0)
  if (count < workRules.unitsMin) return { kind: 'stake', reason: 'fewUnits' }
  return { kind: 'work', ...lowestLot(place, live) }
}

/** The unit with the lowest lot; hashes are compared as big-endian numbers. */
function lowestLot(place: DrawPlace, live: readonly LiveSegment[]): { unit: Unit; seat: number } {
  const head = headOf(place)
  const preimage = concatBytes(head, new Uint8Array(sha256Bytes + 4))
  const number = new DataView(preimage.buffer, head.length + sha256Bytes)
  const lot = new Uint8Array(sha256Bytes)
  const lowest = new Uint8Array(sha256Bytes).fill(0xff)
  let winner: { unit: Unit; seat: number } | undefined
  for (const { segment, unspent } of live) {
    preimage.set(fromHex(segment.segmentId), head.length)
    for (const j of unspent) {
      number.setUint32(0, j)
      sha256Into(preimage, lot, 0)
      if (winner !== undefined && !isBelow(lot, lowest)) continue
      lowest.set(lot)
      winner = { unit: { segmentId: segment.segmentId, j }, seat: segment.seat }
    }
  }
  return winner! // there are `unitsMin` units
}

function headOf({ chainId, height, parentBeacon }: DrawPlace): Uint8Array {
  return concatBytes(drawTag, u64be(chainId), fromHex(parentBeacon), u64be(height))
}

function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at >= 0 && a[at]! < b[at]!
}
