import { z } from 'zod'
import { concatBytes, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { address, blsSignature, count, hash32 } from '#wire/primitives.ts'
import { certificateSchema } from './consensus/certificate-schema.ts'

const flops = z.string().regex(/^(0|[1-9][0-9]{0,38})$/)
const gwei = z.string().regex(/^(0|[1-9][0-9]{0,19})$/)

/** The unit of work that the election of a height drew; the block spends it, whoever makes it. */
export const drawnWorkSchema = z.object({
  segmentId: hash32,
  /** Number of the unit within its segment. */
  j: count,
  /** Whose it is: a seat in `ValidatorSet`. */
  seat: count,
  jobId: hash32,
  /** Number of the segment within its worker's part of the job. */
  segment: count,
  /** Metered work of the segment. */
  flops,
  /** What the unit was drawn from (`urnRoot`). */
  urnRoot: hash32,
  /** What its owner is paid for making this block, and the most that it gets of the block's tips, in 1e9 wei. */
  bonusGwei: gwei,
  tipsMaxGwei: gwei,
})
export type DrawnWork = z.infer<typeof drawnWorkSchema>

/** The block that consensus agrees on; its root stands in the next execution header (EIP-4788). */
export const consensusBlockSchema = z.object({
  epoch: count,
  height: count,
  /** The view, counted from 1 in its epoch, in which it was first proposed. */
  view: count,
  parentRoot: hash32,
  beacon: hash32,
  /** The proposer's BLS signature that the beacon follows from; there is only one. */
  reveal: blsSignature,
  /** Whether the owner of the drawn unit made the block, or the leader by stake. */
  mode: z.enum(['stake', 'work']),
  work: drawnWorkSchema.optional(),
  /** The model that the drawn unit's segment ended with; zero without a unit. */
  modelHash: hash32,
  executionHash: hash32,
  proposer: address,
  /** On a parent that was led by work alone: who is paid for their votes for it. Free, but none are paid without. */
  parentVotes: certificateSchema.optional(),
  /** In the last block of an epoch alone: the root of the next epoch's validators. */
  nextSetRoot: hash32.optional(),
})
export type ConsensusBlock = z.infer<typeof consensusBlockSchema>

/** SHA256("quern/block/1" | canonical JSON of the block). */
export function consensusRoot(block: ConsensusBlock): Hex {
  return toHex(sha256(concatBytes(utf8('quern/block/1'), canonicalBytes(block))))
}

/** Who finalises the first blocks, as far as it belongs to the chain's beginning. */
export interface Founder {
  readonly seat: number
  readonly address: Hex
  readonly blsKey: Hex
  readonly weight: number
}

/** The root before the first block: it ties the chain to its genesis and to its first validators. */
export function genesisRoot(genesisHash: Hex, founders: readonly Founder[]): Hex {
  const members = founders.map((founder) => [
    founder.seat,
    founder.address,
    founder.blsKey,
    founder.weight,
  ])
  const parts = [utf8('quern/genesis/1'), utf8(genesisHash), canonicalBytes(members)]
  return toHex(sha256(concatBytes(...parts)))
}
