import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { isQuorumCertificate } from './certificates.ts'
import { type Certificate, signingBytes } from './messages.ts'
import { type ValidatorSet, indicesOf } from './validators.ts'

/** Whose signatures count, and how they are checked. */
export interface Electorate {
  readonly chainId: number
  readonly set: ValidatorSet
  readonly scheme: Pick<Scheme, 'verifyAggregate'>
}

/** Whether a quorum of the set has signed the certificate's statement on this chain. */
export function isSignedByQuorum(
  certificate: Certificate,
  { chainId, set, scheme }: Electorate,
): boolean {
  if (!isQuorumCertificate(set, certificate)) return false
  const indices = indicesOf(certificate.signers, set.validators.length) ?? []
  const keys = indices.flatMap((index) => set.validators[index]?.blsKey ?? [])
  return scheme.verifyAggregate(keys, signingBytes(chainId, certificate), certificate.signature)
}
