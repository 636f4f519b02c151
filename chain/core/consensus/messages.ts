import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'

export type VoteKind = 'notarize' | 'nullify' | 'finalize'

/** What a vote says. Views count from 1 in each epoch. */
export interface VoteStatement {
  readonly kind: VoteKind
  readonly epoch: number
  readonly view: number
  /** Root of the block; none in a nullify vote. */
  readonly block?: Hex
}

/** One validator's signed statement. */
export interface Vote extends VoteStatement {
  /** Index in the set of the epoch. */
  readonly voter: number
  readonly signature: Hex
}

/** What a proposal's signature covers. */
export interface ProposalStatement {
  readonly kind: 'proposal'
  readonly epoch: number
  readonly view: number
  /** The view of the notarized block that this one extends; 0 is the block before the epoch. */
  readonly parentView: number
  /** Root of the proposed block. */
  readonly root: Hex
}

/** A leader's block for a view. */
export interface Proposal extends ProposalStatement {
  /** Whoever decodes a proposal computes `root` from the block. */
  readonly block: ConsensusBlock
  /** Index in the set of the epoch. */
  readonly proposer: number
  readonly signature: Hex
}

/** A quorum's statement: one aggregate signature of those in the bitmap. */
export interface Certificate extends VoteStatement {
  /** Bitmap over the set of the epoch (`bitmapOf`). */
  readonly signers: Hex
  readonly signature: Hex
}

/** What validators send each other. Signatures are verified before the core sees a message. */
export type Message =
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  /** A block that was asked for; hash links from a certificate make it credible, so nobody signs it. */
  | { readonly kind: 'block'; readonly root: Hex; readonly block: ConsensusBlock }

/** What a node that misses something says of itself, so that a peer can send it what follows. */
export interface CatchUpRequest {
  readonly epoch: number
  /** Height of its newest final block. */
  readonly height: number
  /** The first and the last view whose certificates and blocks it asks for. */
  readonly viewMin: number
  readonly viewMax: number
}

/** What a validator signs, without its signature. */
export type Unsigned =
  | { readonly kind: 'vote'; readonly vote: Omit<Vote, 'signature'> }
  | { readonly kind: 'proposal'; readonly proposal: Omit<Proposal, 'signature'> }

/** What a validator has signed. */
export type Signed =
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }

const kindCode = { proposal: 0, notarize: 1, nullify: 2, finalize: 3 } as const

/**
 * The bytes that a validator signs: "quern/consensus/1" | chainId | kind (1 byte) | epoch | view, then
 * parentView | root of a proposal, the block's root of a notarize or finalize vote. Integers as u64be.
 */
export function signingBytes(
  chainId: number,
  statement: VoteStatement | ProposalStatement,
): Uint8Array<ArrayBuffer> {
  const { kind, epoch, view } = statement
  const head = [
    utf8('quern/consensus/1'),
    u64be(chainId),
    Uint8Array.of(kindCode[kind]),
    u64be(epoch),
    u64be(view),
  ]
  if (statement.kind === 'proposal') {
    return concatBytes(...head, u64be(statement.parentView), fromHex(statement.root))
  }
  return concatBytes(...head, fromHex(statement.block ?? '0x'))
}
