import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Turns } from '#base/turns.ts'
import { nextBeacon, revealMessage } from '#chain/core/beacon.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import type { Validator } from '#chain/core/consensus/validators.ts'
import { zeroHash } from '#chain/core/header.ts'
import type { Payload } from '#chain/core/payload.ts'
import { blockTimestamp } from '#chain/core/timing.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { ChainPlaces, ParentPlace } from './chain-place.ts'
import type { Draw, DrawAfter } from './electing.ts'
import type { Epochs } from './epochs.ts'
import type { PayloadShelf } from './payload-shelf.ts'
import { type Leading, feeRecipientOf, withdrawalsOf } from './rewards.ts'

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
  readonly epochs: Pick<Epochs, 'heirs'>
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
  place: Pick<ConsensusBlock, 'epoch' | 'view'> & { readonly author: Author },
) => Promise<Built>

/** What consensus has decided of a block before it is built. */
interface Decided extends Pick<ConsensusBlock, 'beacon' | 'modelHash'> {
  readonly leading: Leading
}

/** Creates the builder of a chain's blocks. */
export function createBuilder(deps: BuilderDeps, chainId: number): BuildBlock {
  const { engine, scheme, shelf } = deps

  async function buildPayload(parent: ParentPlace, decided: Decided): Promise<Payload> {
    const { leading, beacon, modelHash } = decided
    const { header, blockHash: head } = parent.payload
    const final = engine.chain.finalised().blockHash
    const { payloadId } = await engine.forkchoiceUpdated(
      { head, safe: final, finalized: final },
      {
        timestamp: blockTimestamp(header, deps.clock.nowMs()),
        prevRandao: beacon,
        feeRecipient: feeRecipientOf(leading),
        withdrawals: await withdrawalsAfter(parent, leading),
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

  function withdrawalsAfter({ root, payload }: ParentPlace, leading: Leading) {
    const [block] = deps.places.lineage(root, payload.header.number)
    return withdrawalsOf(engine, leading, { payload, block })
  }

  return async (parent, { epoch, view, author }) => {
    const { number, prevRandao: previousBeacon } = parent.payload.header
    const height = number + 1
    const reveal = scheme.sign(author.blsSecret, revealMessage({ chainId, height, previousBeacon }))
    const beacon = nextBeacon(previousBeacon, reveal)
    const draw = await deps.drawAfter(parent)
    const { address: proposer, seat } = author.member
    const modelHash = draw?.modelHash ?? zeroHash
    const mode = modeOf(draw, seat)
    const leading = { height, mode, work: draw?.work, proposer, seat }
    const payload = await deps.turns(() => buildPayload(parent, { leading, beacon, modelHash }))
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
      ...(heirs === undefined ? {} : { nextSetRoot: validatorSetRoot(heirs) }),
    }
    return { root: consensusRoot(block), block }
  }
}

/** A block is led by work where the owner of the drawn unit makes it, whatever brought it the turn. */
export function modeOf(draw: Draw | undefined, seat: number): ConsensusBlock['mode'] {
  return draw?.work.seat === seat ? 'work' : 'stake'
}
