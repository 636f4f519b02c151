import { concatBytes, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { isQuorumCertificate } from './certificates.ts'
import type { Certificate } from './messages.ts'
import { type Member, type ValidatorSet, createValidatorSet } from './validators.ts'

/**
 * How one epoch's validators hand over to the next: the last block names the next set by its root, and its
 * finalize certificate is signed by a quorum of the old one. Who trusts a set needs one handoff an epoch.
 */
export interface Handoff {
  readonly block: ConsensusBlock
  readonly certificate: Certificate
  readonly next: ValidatorSet
}

export type HandoffFault =
  'EPOCH_WRONG' | 'BLOCK_OTHER' | 'SET_OTHER' | 'QUORUM_MISSING' | 'SIGNATURE_INVALID'

/** SHA256("quern/validators/1" | canonical JSON of [epoch, [seat, address, blsKey, weight] of each]). */
export function validatorSetRoot({ epoch, validators }: ValidatorSet): Hex {
  const members = validators.map(({ seat, address, blsKey, weight }) => [
    seat,
    address,
    blsKey,
    weight,
  ])
  const bytes = concatBytes(utf8('quern/validators/1'), canonicalBytes([epoch, members]))
  return toHex(sha256(bytes))
}

/**
 * The set of an epoch from those who have seats for it. Where nobody of them votes, because none ever took a
 * seat or all were convicted, the voters before them stay: a chain never ends for want of validators.
 */
export function setFrom(
  epoch: number,
  seated: readonly Member[],
  former: readonly Member[],
): ValidatorSet {
  if (seated.some(({ weight }) => weight > 0)) return createValidatorSet(epoch, seated)
  const voters = former.filter(({ weight }) => weight > 0)
  const leaders = seated.filter(({ address, blsKey }) =>
    voters.every((voter) => voter.address !== address && voter.blsKey !== blsKey),
  )
  return createValidatorSet(epoch, [...voters, ...leaders])
}

/**
 * What is wrong with a handoff from `set`; undefined where nothing is.
 * @param isSigned verifies a certificate's aggregate signature against the keys of its signers
 */
export function faultOfHandoff(
  set: ValidatorSet,
  { block, certificate, next }: Handoff,
  isSigned: (certificate: Certificate) => boolean,
): HandoffFault | undefined {
  if (block.epoch !== set.epoch || next.epoch !== set.epoch + 1) return 'EPOCH_WRONG'
  const isOfBlock = certificate.kind === 'finalize' && certificate.block === consensusRoot(block)
  if (!isOfBlock) return 'BLOCK_OTHER'
  if (block.nextSetRoot !== validatorSetRoot(next)) return 'SET_OTHER'
  if (!isQuorumCertificate(set, certificate)) return 'QUORUM_MISSING'
  return isSigned(certificate) ? undefined : 'SIGNATURE_INVALID'
}
