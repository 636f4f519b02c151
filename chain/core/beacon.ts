import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'

/** Where a reveal stands: its height and the beacon it follows. */
export interface RevealPlace {
  readonly chainId: number
  readonly height: number
  readonly previousBeacon: Hex
}

/** What the proposer of a height signs: "quern/reveal/1" | chainId | h | R_{h-1}. */
export function revealMessage({ chainId, height, previousBeacon }: RevealPlace): Uint8Array {
  const place = [u64be(chainId), u64be(height), fromHex(previousBeacon)]
  return concatBytes(utf8('quern/reveal/1'), ...place)
}

/** The beacon of a height: R_h = SHA256(R_{h-1} | reveal). */
export function nextBeacon(previousBeacon: Hex, reveal: Hex): Hex {
  return toHex(sha256(concatBytes(fromHex(previousBeacon), fromHex(reveal))))
}

/** Whether `reveal` is the one signature of that place by the proposer's BLS key. */
export function isReveal(
  place: RevealPlace,
  reveal: Hex,
  proposer: { readonly scheme: Scheme; readonly blsKey: Hex },
): boolean {
  const { scheme, blsKey: publicKey } = proposer
  return scheme.verify({ publicKey, message: revealMessage(place), signature: reveal })
}
