import { parseSignature, signatureToCompactSignature } from 'viem'
import type { Consent } from '#wire/consent.ts'
import type { Hex } from '#wire/primitives.ts'

/** A key's signature in two words (EIP-2098): `vs` is parity and s. */
export interface SignatureWords {
  readonly r: Hex
  readonly vs: Hex
}

/** A worker's word as `JobManager.openJob` takes it. */
export interface KeyConsent extends SignatureWords {
  /** Operator 160 | validUntil 64, low bits first. */
  readonly signer: bigint
}

/** The two words of a signature of 65 bytes. */
export function wordsOfSignature(signature: Hex): SignatureWords {
  const { r, yParityAndS } = signatureToCompactSignature(parseSignature(signature))
  return { r, vs: yParityAndS }
}

/** Packs a word that a key has signed; contracts that are operators take `assignWorkers` instead. */
export function keyConsentOf({
  operator,
  validUntil,
  signature,
}: Pick<Consent, 'operator' | 'validUntil' | 'signature'>): KeyConsent {
  const signer = BigInt(operator) | (BigInt(validUntil) << 160n)
  return { signer, ...wordsOfSignature(signature) }
}
