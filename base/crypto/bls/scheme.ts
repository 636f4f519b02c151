import type { Hex } from '#base/hex.ts'

/**
 * BLS12-381 signatures of validators: public keys in G1 (48 bytes), signatures in G2 (96 bytes), the
 * ciphersuite `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_` of draft-irtf-cfrg-bls-signature. Every message
 * goes under that one domain tag; messages of different meaning begin with tags of their own. Aggregates are
 * safe only over keys whose owners proved to know them (`seatMessage`).
 */
export interface Scheme {
  readonly driver: 'blst' | 'noble'
  /** Throws KEY_INVALID. */
  publicKey(secretKey: Uint8Array): Hex
  sign(secretKey: Uint8Array, message: Uint8Array): Hex
  /** False also for keys and signatures that are none. */
  verify(claim: Claim): boolean
  /** Indices of the claims that are wrong, ascending. Costs little where all are right. */
  verifyBatch(claims: readonly Claim[]): readonly number[]
  /** One signature in place of many. Throws SIGNATURE_INVALID; there must be at least one. */
  aggregate(signatures: readonly Hex[]): Hex
  /** Whether `signature` joins one of each key over the same message. */
  verifyAggregate(publicKeys: readonly Hex[], message: Uint8Array, signature: Hex): boolean
}

/** "The owner of this key has signed this message." */
export interface Claim {
  readonly publicKey: Hex
  readonly message: Uint8Array
  readonly signature: Hex
}

/** What a driver knows how to do; the rest of a scheme follows from it. */
export type SchemeCore = Pick<
  Scheme,
  'driver' | 'publicKey' | 'sign' | 'verify' | 'aggregate' | 'verifyAggregate'
> & {
  /** Whether all claims hold, in one check that wrong ones cannot cancel out in. */
  verifyAll(claims: readonly Claim[]): boolean
}

/** The domain tag of every signature. */
export const blsDomain = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

/** Completes a driver to a scheme. */
export function completeScheme({ verifyAll, ...core }: SchemeCore): Scheme {
  function verifyBatch(claims: readonly Claim[]): readonly number[] {
    return wrongBetween(claims, { from: 0, to: claims.length }, verifyAll)
  }

  return { ...core, verifyBatch }
}

/** Bisects: a batch of n with k wrong claims takes about 2k log2(n) checks. */
function wrongBetween(
  claims: readonly Claim[],
  { from, to }: { readonly from: number; readonly to: number },
  verifyAll: SchemeCore['verifyAll'],
): readonly number[] {
  if (from === to || verifyAll(claims.slice(from, to))) return []
  if (to - from === 1) return [from]
  const middle = (from + to) >> 1
  return [
    ...wrongBetween(claims, { from, to: middle }, verifyAll),
    ...wrongBetween(claims, { from: middle, to }, verifyAll),
  ]
}
