import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Turns } from '#base/turns.ts'
import { nextBeacon, revealMessage } from '#chain/core/beacon.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import type { Certificate } from '#chain/core/consensus/messages.ts'
import type { Validator } from '#chain/core/consensus/validators.ts'
import { zeroHash } from '#chain/core/header.ts'
import type { Payload } from '#chain/core/payload.ts'
import { blockTimestamp } from '#chain/core/timing.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { ChainPlaces, ParentPlace } from './chain-place.ts'
import type { Draw, DrawAfter } from './electing.ts'
import type { Epochs } from './epochs.ts'
import type { PayloadShelf } from './payload-shelf.ts'
import { type Leading, feeRecipientOf, votesOf, withdrawalsOf } from './rewards.ts'

/** Who a member of the set is: its account and its BLS12-381 secret key. */
export interface ValidatorKey {
  readonly address: Hex
  readonly blsSecret: Uint8Array
}

export interface BuilderDeps {
  readonly engine: EmbeddedEngine
  readonly shelf: PayloadShelf
  readonly scheme: Scheme
  readonly clock: Clock
  readonly places: Pick<ChainPlaces, 'lineage'>
  readonly drawAfter: DrawAfter
  /** Calls of the engine are made one after another. */
  readonly turns: Turns
  readonly epochs: Pick<Epochs, 'setAt' | 'heirs'>
}

export interface Built {
  readonly root: Hex
  readonly block: ConsensusBlock
}

/** Who builds a block: a member of the epoch's set whose key is here. */
export interface Author {
  readonly member: Validator
  readonly blsSecret: Uint8Array
}

/** Builds the block of a view on a parent that was run here. Throws PARENT_LOST where that fell away. */
export type BuildBlock = (
  parent: ParentPlace,
  place: Pick<ConsensusBlock, 'epoch' | 'view' | 'parentVotes'> & { readonly author: Author },
) => Promise<Built>

/** What consensus has decided of a block before it is built. */
interface Decided extends Pick<ConsensusBlock, 'beacon' | 'modelHash' | 'parentVotes'> {
  readonly leading: Leading
}

/** Creates the builder of a chain's blocks. */
export function createBuilder(deps: BuilderDeps, chainId: number): BuildBlock {
  const { engine, scheme, shelf } = deps
  const rewarding = createRewarding(deps)

  async function buildPayload(parent: ParentPlace, decided: Decided): Promise<Payload> {
    const { beacon, leading, modelHash } = decided
    const { header, blockHash: head } = parent.payload
    const final = engine.chain.finalised().blockHash
    const { payloadId } = await engine.forkchoiceUpdated(
      { head, safe: final, finalized: final },
      {
        timestamp: blockTimestamp(header, deps.clock.nowMs()),
        prevRandao: beacon,
        feeRecipient: feeRecipientOf(leading),
        withdrawals: await rewarding.withdrawals(parent, decided),
        parentBeaconBlockRoot: parent.root,
      },
    )
    // What readers call the newest block stays the final one.
    await engine.forkchoiceUpdated({ head: final, safe: final, finalized: final })
    if (payloadId === undefined) throw new AppError({ code: 'PARENT_LOST', hash: head })
    const built = await engine.getPayload(payloadId)
    const payload = engine.reseal(built, modelHash)
    const status = await engine.newPayload(payload)
    if (status.kind === 'valid') return payload
    throw new AppError({ code: 'PAYLOAD_REFUSED', hash: payload.blockHash, status: status.kind })
  }

  return async (parent, { epoch, view, author, parentVotes: votes }) => {
    const { number, prevRandao: previousBeacon } = parent.payload.header
    const height = number + 1
    const reveal = scheme.sign(author.blsSecret, revealMessage({ chainId, height, previousBeacon }))
    const beacon = nextBeacon(previousBeacon, reveal)
    const draw = await deps.drawAfter(parent)
    const { address: proposer, seat } = author.member
    const modelHash = draw?.modelHash ?? zeroHash
    const mode = modeOf(draw, seat)
    const leading = { height, mode, work: draw?.work, proposer, seat }
    const parentVotes = rewarding.paidVotes(parent, votes)
    const decided = { leading, beacon, modelHash, parentVotes }
    const payload = await deps.turns(() => buildPayload(parent, decided))
    await shelf.put(payload)
    const heirs = await deps.epochs.heirs(height, parent.payload.blockHash)
    const block: ConsensusBlock = {
      epoch,
      height,
      view,
      parentRoot: parent.root,
      beacon,
      reveal,
      mode,
      work: draw?.work,
      modelHash,
      executionHash: payload.blockHash,
      proposer,
      ...(parentVotes === undefined ? {} : { parentVotes }),
      ...(heirs === undefined ? {} : { nextSetRoot: validatorSetRoot(heirs) }),
    }
    return { root: consensusRoot(block), block }
  }
}

/** What a block pays, and whose votes it has to show for that. */
function createRewarding({ engine, places, epochs }: BuilderDeps) {
  const blockOf = ({ root, payload }: ParentPlace) => {
    const [block] = places.lineage(root, payload.header.number)
    return block
  }

  return {
    withdrawals(parent: ParentPlace, { leading, parentVotes }: Decided) {
      const { payload } = parent
      const votes = parentVotes && votesOf(epochs.setAt(payload.header.number), parentVotes)
      return withdrawalsOf(engine, leading, { payload, block: blockOf(parent), votes })
    },
    /** Votes stand in a block where they are paid for. */
    paidVotes(parent: ParentPlace, votes: Certificate | undefined) {
      const isPaid = blockOf(parent)?.mode === 'work' && votes?.block === parent.root
      return isPaid ? votes : undefined
    },
  }
}

/** A block is led by work where the owner of the drawn unit makes it, whatever brought it the turn. */
export function modeOf(draw: Draw | undefined, seat: number): ConsensusBlock['mode'] {
  return draw?.work.seat === seat ? 'work' : 'stake'
}
