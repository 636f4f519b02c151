import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Certificate, Proposal, Vote, VoteStatement } from '#chain/core/consensus/messages.ts'
import {
  type ValidatorSet,
  bitmapOf,
  createValidatorSet,
} from '#chain/core/consensus/validators.ts'

export const hash = (digit: string): Hex => `0x${digit.repeat(64)}`

/** A set of epoch 1 with these weights. */
export function setOf(...weights: readonly number[]): ValidatorSet {
  const members = weights.map((weight, i) => ({
    seat: i,
    address: `0x${(i + 1).toString(16).padStart(40, '0')}` as const,
    blsKey: `0x${(i + 1).toString(16).padStart(96, '0')}` as const,
    weight,
  }))
  return createValidatorSet(1, members)
}

export function blockOf(fields: Partial<ConsensusBlock>): ConsensusBlock {
  return {
    epoch: 1,
    height: 1,
    view: 1,
    parentRoot: hash('0'),
    beacon: hash('0'),
    reveal: `0x${'0'.repeat(130)}`,
    mode: 'stake',
    modelHash: hash('0'),
    executionHash: hash('0'),
    proposer: `0x${'0'.repeat(40)}`,
    ...fields,
  }
}

export function voteOf(
  kind: Vote['kind'],
  view: number,
  { voter, block }: { readonly voter: number; readonly block?: Hex },
): Vote {
  return { kind, epoch: 1, view, block, voter, signature: `0x0${voter}` }
}

export function proposalOf(
  proposer: number,
  root: Hex,
  { parentView = 0, ...fields }: Partial<ConsensusBlock> & { readonly parentView?: number },
): Proposal {
  const block = blockOf(fields)
  const { epoch, view } = block
  return { kind: 'proposal', epoch, view, parentView, root, block, proposer, signature: '0x' }
}

export function certificateOf(
  statement: Omit<VoteStatement, 'epoch'>,
  signers: readonly number[],
  count = 4,
): Certificate {
  return { ...statement, epoch: 1, signers: bitmapOf(signers, count), signature: '0x' }
}
