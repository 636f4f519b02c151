import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { recoverAddress } from '#base/crypto/keys.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'

/** Where a reveal stands: its height and the beacon it follows. */
export interface RevealPlace {
  readonly chainId: number
  readonly height: number
  readonly previousBeacon: Hex
}

/** The digest that the proposer of a height signs: SHA256("quern/reveal/1" | chainId | h | R_{h-1}). */
export function revealDigest({ chainId, height, previousBeacon }: RevealPlace): Uint8Array {
  return sha256(utf8('quern/reveal/1'), u64be(chainId), u64be(height), fromHex(previousBeacon))
}

/** The beacon of a height: R_h = SHA256(R_{h-1} | reveal). */
export function nextBeacon(previousBeacon: Hex, reveal: Hex): Hex {
  return toHex(sha256(concatBytes(fromHex(previousBeacon), fromHex(reveal))))
}

/** Whether `reveal` is the proposer's signature for that place. */
export function isReveal(place: RevealPlace, reveal: Hex, proposer: Hex): boolean {
  try {
    return recoverAddress(revealDigest(place), reveal) === proposer
  } catch {
    return false
  }
}
