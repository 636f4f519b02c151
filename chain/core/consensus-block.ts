import { z } from 'zod'
import { concatBytes, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { address, count, hash32, signature65 } from '#wire/primitives.ts'

/** The block that consensus agrees on; its root stands in the next execution header (EIP-4788). */
export const consensusBlockSchema = z.object({
  epoch: count,
  height: count,
  /** The view, counted from 1 in its epoch, in which it was first proposed. */
  view: count,
  parentRoot: hash32,
  beacon: hash32,
  reveal: signature65,
  mode: z.enum(['stake', 'work']),
  modelHash: hash32,
  executionHash: hash32,
  proposer: address,
})
export type ConsensusBlock = z.infer<typeof consensusBlockSchema>

/** SHA256("quern/block/1" | canonical JSON of the block). */
export function consensusRoot(block: ConsensusBlock): Hex {
  return toHex(sha256(concatBytes(utf8('quern/block/1'), canonicalBytes(block))))
}

/** The root before the first block: it ties the chain to its genesis. */
export function genesisRoot(genesisHash: Hex): Hex {
  return toHex(sha256(concatBytes(utf8('quern/genesis/1'), utf8(genesisHash))))
}
