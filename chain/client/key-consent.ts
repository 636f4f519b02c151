import { parseSignature, signatureToCompactSignature } from 'viem'
import type { Consent } from '#wire/consent.ts'
import type { Hex } from '#wire/primitives.ts'

/** A worker's word as `JobManager.openJob` takes it. */
export interface KeyConsent {
  /** Operator 160 | validUntil 64, low bits first. */
  readonly signer: bigint
  readonly r: Hex
  /** Parity and s in one word (EIP-2098). */
  readonly vs: Hex
}

/** Packs a word that a key has signed; contracts that are operators take `assignWorkers` instead. */
export function keyConsentOf({ operator, validUntil, signature }: Consent): KeyConsent {
  const { r, yParityAndS } = signatureToCompactSignature(parseSignature(signature))
  return { signer: BigInt(operator) | (BigInt(validUntil) << 160n), r, vs: yParityAndS }
}
