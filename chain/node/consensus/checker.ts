import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Turns } from '#base/turns.ts'
import { isReveal, nextBeacon } from '#chain/core/beacon.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import type { Certificate } from '#chain/core/consensus/messages.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import type { Validator, ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Payload, Withdrawal } from '#chain/core/payload.ts'
import { zeroHash } from '#chain/core/header.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { canonicalText } from '#wire/canonical.ts'
import { modeOf } from './builder.ts'
import type { ChainPlaces, ParentPlace } from './chain-place.ts'
import type { Draw, DrawAfter } from './electing.ts'
import type { Epochs } from './epochs.ts'
import { feeRecipientOf, votesOf, withdrawalsOf } from './rewards.ts'

export interface CheckerDeps {
  readonly engine: EmbeddedEngine
  readonly scheme: Scheme
  readonly turns: Turns
  readonly places: Pick<ChainPlaces, 'lineage'>
  readonly drawAfter: DrawAfter
  readonly epochs: Pick<Epochs, 'at' | 'setAt' | 'heirs'>
}

export interface Candidate {
  readonly block: ConsensusBlock
  readonly payload: Payload
  readonly parent: ParentPlace
}

interface VotedParent {
  readonly root: Hex
  readonly parentBlock: ConsensusBlock | undefined
  readonly set: ValidatorSet
}

/**
 * Why a block is invalid; undefined where it is right. The same on every node: no clock, no chance. Throws
 * PARENT_LOST where the parent fell away meanwhile, which says nothing of the block.
 */
export type CheckBlock = (candidate: Candidate) => Promise<string | undefined>

/** Creates the check of blocks: header against header, then the payload is run. */
export function createChecker(
  { engine, scheme, turns, places, drawAfter, epochs }: CheckerDeps,
  chainId: number,
): CheckBlock {
  function beaconFault({ block, parent }: Candidate, proposer: Validator): string | undefined {
    const previousBeacon = parent.payload.header.prevRandao
    const place = { chainId, height: block.height, previousBeacon }
    const { blsKey } = proposer
    if (!isReveal(place, block.reveal, { scheme, blsKey })) return 'the reveal is not its signature'
    return block.beacon === nextBeacon(previousBeacon, block.reveal)
      ? undefined
      : 'the beacon does not follow from the reveal'
  }

  async function run(payload: Payload): Promise<string | undefined> {
    const status = await engine.newPayload(payload)
    if (status.kind === 'valid') return undefined
    if (status.kind === 'invalid') return status.reason
    throw new AppError({ code: 'PARENT_LOST', hash: payload.blockHash })
  }

  /** Bonus and tips, which follow from the block's draw and its parent. */
  async function rewardFault(
    { block, payload, parent }: Candidate,
    { seat }: Validator,
  ): Promise<string | undefined> {
    const { root, payload: before } = parent
    const [parentBlock] = places.lineage(root, before.header.number)
    const leading = { ...block, seat }
    const { parentVotes } = block
    const set = epochs.setAt(before.header.number)
    const fault = parentVotes && votesFault(parentVotes, { root, parentBlock, set })
    if (fault !== undefined) return fault
    const votes = parentVotes && votesOf(set, parentVotes)
    const due = await withdrawalsOf(engine, leading, { payload: before, block: parentBlock, votes })
    return differenceOf('withdrawals', plainOf(payload.withdrawals), plainOf(due))
  }

  /** Votes that are paid for: a quorum's, for this parent, which was led by work. */
  function votesFault(votes: Certificate, { root, parentBlock, set }: VotedParent) {
    if (parentBlock?.mode !== 'work') return 'votes are paid for where work did not lead'
    if (votes.block !== root) return 'the votes are not for the parent'
    const isSigned = isSignedByQuorum(votes, { chainId, set, scheme })
    return isSigned ? undefined : 'the votes are not signed by a quorum'
  }

  async function handoverFault({ block, parent }: Candidate): Promise<string | undefined> {
    const heirs = await epochs.heirs(block.height, parent.payload.blockHash)
    return differenceOf('nextSetRoot', block.nextSetRoot, heirs && validatorSetRoot(heirs))
  }

  return async (candidate) => {
    const { block, payload, parent } = candidate
    const { set } = epochs.at(block.height)
    const proposer = set.validators.find(({ address }) => address === block.proposer)
    if (proposer === undefined) return 'the proposer is no validator'
    const fault =
      headerFault(candidate) ??
      beaconFault(candidate, proposer) ??
      electionFault(block, proposer, await drawAfter(parent)) ??
      (await handoverFault(candidate)) ??
      (await rewardFault(candidate, proposer))
    return fault ?? (await turns(() => run(payload)))
  }
}

/** Where a block says something else of its unit than the draw gave, or of who makes it. */
function electionFault(
  block: ConsensusBlock,
  proposer: Validator,
  draw: Draw | undefined,
): string | undefined {
  return (
    differenceOf('work', block.work, draw?.work) ??
    differenceOf('modelHash', block.modelHash, draw?.modelHash ?? zeroHash) ??
    differenceOf('mode', block.mode, modeOf(draw, proposer.seat))
  )
}

function plainOf(withdrawals: readonly Withdrawal[]) {
  return withdrawals.map((one) => ({ ...one, amountGwei: String(one.amountGwei) }))
}

function differenceOf(name: string, found: unknown, expected: unknown): string | undefined {
  const [a, b] = [found, expected].map((value) => canonicalText(value ?? null))
  return a === b ? undefined : `${name} is ${a} where ${b} follows`
}

/** Where block and header disagree, or do not follow the parent. */
function headerFault({ block, payload, parent }: Candidate): string | undefined {
  const { header } = payload
  const pairs = {
    parentRoot: [block.parentRoot, parent.root],
    executionHash: [block.executionHash, payload.blockHash],
    parentHash: [header.parentHash, parent.payload.blockHash],
    height: [block.height, header.number],
    parentBeaconBlockRoot: [header.parentBeaconBlockRoot, block.parentRoot],
    prevRandao: [header.prevRandao, block.beacon],
    feeRecipient: [header.feeRecipient, feeRecipientOf(block)],
    extraData: [header.extraData, block.modelHash],
  }
  for (const [name, [found, expected]] of Object.entries(pairs)) {
    if (found !== expected) return `${name} is ${found} where ${expected} follows`
  }
  return undefined
}
