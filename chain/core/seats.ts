import { assert } from '#base/assert.ts'
import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { Validator } from './consensus/validators.ts'
import { bits, slotOf } from './words.ts'

/** Seats of the contract `ValidatorSet` that vote; those above only lead blocks that their work won. */
export const votingSeats = 128
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
}

/** A member of an epoch's set, with the seat that its units of work carry. */
export type SeatedValidator = Omit<Validator, 'index'> & { readonly seat: number }

/** The storage slots of a seat in `ValidatorSet`. */
export function seatSlots(seat: number): readonly Hex[] {
  return Array.from({ length: slotsEach }, (_, i) => slotOf(slotsEach * seat + i))
}

/** The storage slots of all voting seats: what consensus reads once an epoch. */
export function votingSlots(): readonly Hex[] {
  return Array.from({ length: votingSeats }, (_, seat) => seatSlots(seat)).flat()
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
  }
}

/**
 * The validators of an epoch, in the order of their seats, from the words of `votingSlots` two heights before
 * the epoch begins. A weight is a whole coin of stake.
 */
export function validatorsOf(epoch: number, words: readonly Hex[]): readonly SeatedValidator[] {
  assert(words.length === votingSeats * slotsEach, 'all voting seats were read')
  return Array.from({ length: votingSeats }, (_, number) => {
    const seat = seatIn(number, words.slice(slotsEach * number, slotsEach * (number + 1)))
    return seat === undefined || epoch < seat.fromEpoch || epoch >= seat.untilEpoch ? [] : [seat]
  })
    .flat()
    .map(({ seat, owner, blsKey, stakeGwei }) => ({
      seat,
      address: owner,
      blsKey,
      weight: Number(stakeGwei / gweiPerCoin),
    }))
    .filter(({ weight }) => weight > 0)
}

/** What a key signs to take a seat for an owner: "quern/seat/1" | chainId | owner | key. */
export function seatMessage(chainId: number, owner: Hex, blsKey: Hex): Uint8Array<ArrayBuffer> {
  return concatBytes(utf8('quern/seat/1'), u64be(chainId), fromHex(owner), fromHex(blsKey))
}
