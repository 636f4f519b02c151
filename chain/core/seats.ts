import { assert } from '#base/assert.ts'
import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { Member } from './consensus/validators.ts'
import { bits, slotOf } from './words.ts'

/** Seats of the contract `ValidatorSet` below this vote; those above only lead blocks that their work won. */
const votingSeats = 128
/** Seats from this on are in no set. */
const seatsMax = 1_024
const slotsEach = 3
const gweiPerCoin = 1_000_000_000n

/** A seat as it stands in storage. */
export interface Seat {
  readonly seat: number
  readonly owner: Hex
  /** 48 bytes, compressed. */
  readonly blsKey: Hex
  readonly stakeGwei: bigint
  readonly fromEpoch: number
  readonly untilEpoch: number
  /** Unix seconds from which the stake may be taken back; 0 while nobody asked to leave. */
  readonly readyAt: number
}

/** The storage slots of a seat in `ValidatorSet`. */
export function seatSlots(seat: number): readonly Hex[] {
  return Array.from({ length: slotsEach }, (_, i) => slotOf(slotsEach * seat + i))
}

/** The storage slots of all seats of a set: what consensus reads once an epoch. */
export function setSlots(): readonly Hex[] {
  return Array.from({ length: seatsMax }, (_, seat) => seatSlots(seat)).flat()
}

/** The seat in the words of `seatSlots`; none where nobody sits. */
export function seatIn(seat: number, words: readonly Hex[]): Seat | undefined {
  const [key = '0x', second = '0x', third = '0x'] = words
  const owner: Hex = `0x${third.slice(-40)}`
  if (BigInt(owner) === 0n) return undefined
  return {
    seat,
    owner,
    blsKey: `${key}${second.slice(2, 34)}`,
    stakeGwei: bits(second, 64, 64),
    fromEpoch: Number(bits(second, 32, 32)),
    untilEpoch: Number(bits(second, 0, 32)),
    readyAt: Number(bits(third, 208, 40)),
  }
}

/**
 * The members of an epoch's set, in the order of their seats, from the words of `setSlots` two heights before
 * the epoch begins. A weight is a whole coin of stake; those who only lead have none.
 */
export function membersOf(epoch: number, words: readonly Hex[]): readonly Member[] {
  return seatsIn(words)
    .filter((seat) => isInForce(seat, epoch))
    .map(memberOf)
}

/** All seats that somebody has, from the words of `setSlots`. */
export function seatsIn(words: readonly Hex[]): readonly Seat[] {
  assert(words.length === seatsMax * slotsEach, 'all seats were read')
  return Array.from({ length: seatsMax }, (_, number) => {
    const seat = seatIn(number, words.slice(slotsEach * number, slotsEach * (number + 1)))
    return seat ?? []
  }).flat()
}

function isInForce({ seat, stakeGwei, fromEpoch, untilEpoch }: Seat, epoch: number): boolean {
  const isStaked = stakeGwei >= (seat < votingSeats ? gweiPerCoin : 1n)
  return isStaked && fromEpoch <= epoch && epoch < untilEpoch
}

function memberOf({ seat, owner, blsKey, stakeGwei }: Seat): Member {
  const weight = seat < votingSeats ? Number(stakeGwei / gweiPerCoin) : 0
  return { seat, address: owner, blsKey, weight }
}

/** What a key signs to take a seat for an owner: "quern/seat/1" | chainId | owner | key. */
export function seatMessage(chainId: number, owner: Hex, blsKey: Hex): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8('quern/seat/1'), u64be(chainId), fromHex(owner), fromHex(blsKey))
}
