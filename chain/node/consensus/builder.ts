import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Turns } from '#base/turns.ts'
import { nextBeacon, revealMessage } from '#chain/core/beacon.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import { blockTimestamp } from '#chain/core/timing.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { modelHashAfter } from '../chain-reads.ts'
import type { ParentPlace } from './chain-place.ts'
import type { PayloadShelf } from './payload-shelf.ts'

/** Who a validator is: its account and its BLS12-381 secret key. */
export interface ValidatorKey {
  readonly address: Hex
  readonly blsSecret: Uint8Array
}

export interface BuilderDeps {
  readonly engine: EmbeddedEngine
  readonly shelf: PayloadShelf
  readonly scheme: Scheme
  readonly clock: Clock
  /** Calls of the engine are made one after another. */
  readonly turns: Turns
}

export interface Built {
  readonly root: Hex
  readonly block: ConsensusBlock
}

/** Builds the block of a view on a parent that was run here. Throws PARENT_LOST where that fell away. */
export type BuildBlock = (
  parent: ParentPlace,
  place: Pick<ConsensusBlock, 'epoch' | 'view'>,
) => Promise<Built>

/** Creates the builder of one validator. */
export function createBuilder(
  deps: BuilderDeps,
  { genesis, key }: { readonly genesis: Genesis; readonly key: ValidatorKey },
): BuildBlock {
  const { engine, scheme, shelf } = deps

  async function buildPayload(parent: ParentPlace, beacon: Hex): Promise<Payload> {
    const { header, blockHash: head } = parent.payload
    const final = engine.chain.finalised().blockHash
    const { payloadId } = await engine.forkchoiceUpdated(
      { head, safe: final, finalized: final },
      {
        timestamp: blockTimestamp(header, deps.clock.nowMs()),
        prevRandao: beacon,
        feeRecipient: key.address,
        withdrawals: [],
        parentBeaconBlockRoot: parent.root,
      },
    )
    // What readers call the newest block stays the final one.
    await engine.forkchoiceUpdated({ head: final, safe: final, finalized: final })
    if (payloadId === undefined) throw new AppError({ code: 'PARENT_LOST', hash: head })
    const built = await engine.getPayload(payloadId)
    const modelHash = modelHashAfter(parent.payload, engine.chain, genesis.modelEvent)
    const payload = engine.reseal(built, modelHash)
    const status = await engine.newPayload(payload)
    if (status.kind === 'valid') return payload
    throw new AppError({ code: 'PAYLOAD_REFUSED', hash: payload.blockHash, status: status.kind })
  }

  return async (parent, { epoch, view }) => {
    const height = parent.payload.header.number + 1
    const previousBeacon = parent.payload.header.prevRandao
    const place = { chainId: genesis.chainId, height, previousBeacon }
    const reveal = scheme.sign(key.blsSecret, revealMessage(place))
    const beacon = nextBeacon(previousBeacon, reveal)
    const payload = await deps.turns(() => buildPayload(parent, beacon))
    await shelf.put(payload)
    const block: ConsensusBlock = {
      epoch,
      height,
      view,
      parentRoot: parent.root,
      beacon,
      reveal,
      mode: 'stake',
      modelHash: payload.header.extraData,
      executionHash: payload.blockHash,
      proposer: key.address,
    }
    return { root: consensusRoot(block), block }
  }
}
