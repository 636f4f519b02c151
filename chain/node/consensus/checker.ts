import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import type { Turns } from '#base/turns.ts'
import { isReveal, nextBeacon } from '#chain/core/beacon.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { modelHashAfter } from '../chain-reads.ts'
import type { ParentPlace } from './chain-place.ts'

export interface CheckerDeps {
  readonly engine: EmbeddedEngine
  readonly scheme: Scheme
  readonly turns: Turns
}

export interface Candidate {
  readonly block: ConsensusBlock
  readonly payload: Payload
  readonly parent: ParentPlace
}

/**
 * Why a block is invalid; undefined where it is right. The same on every node: no clock, no chance. Throws
 * PARENT_LOST where the parent fell away meanwhile, which says nothing of the block.
 */
export type CheckBlock = (candidate: Candidate) => Promise<string | undefined>

/** Creates the check of blocks: header against header, then the payload is run. */
export function createChecker(
  { engine, scheme, turns }: CheckerDeps,
  { genesis, set }: { readonly genesis: Genesis; readonly set: ValidatorSet },
): CheckBlock {
  function beaconFault({ block, parent }: Candidate): string | undefined {
    const proposer = set.validators.find(({ address }) => address === block.proposer)
    if (proposer === undefined) return 'the proposer is no validator'
    const previousBeacon = parent.payload.header.prevRandao
    const place = { chainId: genesis.chainId, height: block.height, previousBeacon }
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

  return async (candidate) => {
    const { payload, parent } = candidate
    const fault =
      headerFault(candidate) ??
      beaconFault(candidate) ??
      (payload.header.extraData === modelHashAfter(parent.payload, engine.chain, genesis.modelEvent)
        ? undefined
        : 'the model hash does not follow')
    return fault ?? (await turns(() => run(payload)))
  }
}

/** Where block and header disagree, or do not follow the parent. */
function headerFault({ block, payload, parent }: Candidate): string | undefined {
  const { header, withdrawals } = payload
  const pairs = {
    parentRoot: [block.parentRoot, parent.root],
    executionHash: [block.executionHash, payload.blockHash],
    parentHash: [header.parentHash, parent.payload.blockHash],
    height: [block.height, header.number],
    parentBeaconBlockRoot: [header.parentBeaconBlockRoot, block.parentRoot],
    prevRandao: [header.prevRandao, block.beacon],
    feeRecipient: [header.feeRecipient, block.proposer],
    extraData: [header.extraData, block.modelHash],
    withdrawals: [withdrawals.length, 0],
    mode: [block.mode, 'stake'],
  }
  for (const [name, [found, expected]] of Object.entries(pairs)) {
    if (found !== expected) return `${name} is ${found} where ${expected} follows`
  }
  return undefined
}
