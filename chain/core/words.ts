import type { Hex } from '#base/hex.ts'

/** The key of a storage slot. */
export function slotOf(slot: number): Hex {
  return `0x${slot.toString(16).padStart(64, '0')}`
}

/** `count` bits of a storage word from bit `from` on, the lowest first. */
export function bits(word: Hex, from: number, count: number): bigint {
  return (BigInt(word) >> BigInt(from)) & ((1n << BigInt(count)) - 1n)
}
