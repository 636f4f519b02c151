import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { consensusBlockSchema, consensusRoot } from '#chain/core/consensus-block.ts'
import { isQuorumCertificate } from '#chain/core/consensus/certificates.ts'
import { certificateSchema } from '#chain/core/consensus/certificate-schema.ts'
import { type Electorate, isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import { indicesOf } from '#chain/core/consensus/validators.ts'
import { type Header, headerFromRlp, headerHash } from '#chain/core/header.ts'

/** A final block: its header, and how much of the voting weight says so. */
export interface ProvenHead {
  readonly blockHash: Hex
  readonly header: Header
  readonly signerCount: number
  /** Those who vote. */
  readonly validatorCount: number
}

const headerRlp = z.custom<Hex>(
  (value) => typeof value === 'string' && /^0x([0-9a-f]{2}){1,1024}$/.test(value),
)
const finalitySchema = z.object({
  block: consensusBlockSchema,
  certificate: certificateSchema,
  header: headerRlp,
})

/** The epoch that a node's word is of, before it is checked. Throws FINALITY_INVALID. */
export function epochOf(answer: unknown): number {
  const parsed = finalitySchema.safeParse(answer)
  if (!parsed.success) throw invalid('the answer has another form')
  return parsed.data.block.epoch
}

/**
 * Checks a node's word that a block is final: the certificate is of a quorum of the trusted set and names the
 * consensus block, which names the header's hash. Throws FINALITY_INVALID with the first thing that is not so.
 */
export function checkFinality(answer: unknown, trust: Electorate): ProvenHead {
  const { set } = trust
  const parsed = finalitySchema.safeParse(answer)
  if (!parsed.success) throw invalid('the answer has another form')
  const { block, certificate } = parsed.data
  if (certificate.kind !== 'finalize') throw invalid('the certificate finalises nothing')
  if (certificate.block !== consensusRoot(block))
    throw invalid('the certificate is of another block')
  if (block.epoch !== certificate.epoch) throw invalid('the block is of another epoch')
  if (!isQuorumCertificate(set, certificate)) throw invalid('the signers are no quorum')
  if (!isSignedByQuorum(certificate, trust)) throw invalid('the signature is wrong')
  const header = headerFromRlp(fromHex(parsed.data.header))
  const blockHash = headerHash(header)
  if (blockHash !== block.executionHash) throw invalid('the header is of another block')
  return {
    blockHash,
    header,
    signerCount: indicesOf(certificate.signers, set.validators.length)?.length ?? 0,
    validatorCount: set.validators.filter(({ weight }) => weight > 0).length,
  }
}

function invalid(reason: string): AppError {
  return new AppError({ code: 'FINALITY_INVALID', reason })
}
