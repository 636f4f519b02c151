import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { ConsensusStore } from '../consensus-store.ts'

/** Where a block stands or will stand on: what its child is built and checked against. */
export interface ParentPlace {
  readonly root: Hex
  readonly payload: Payload
}

/** Consensus blocks by root, final or open, with the payloads that were run for them. */
export interface ChainPlaces {
  /** Keeps an open block, so that its children find it. */
  add(root: Hex, block: ConsensusBlock): void
  block(root: Hex): ConsensusBlock | undefined
  /** The block of this root as a parent; undefined while its payload was not run here. */
  parent(root: Hex): ParentPlace | undefined
  /** Consensus blocks from the one of this root and height on downwards. Throws CONSENSUS_RECORD_MISSING. */
  lineage(root: Hex, height: number): Iterable<ConsensusBlock>
  /** Forgets open blocks of heights up to `height`: they are final, or lost. */
  prune(height: number): void
}

/** Final blocks read last: the election reads as many at every height. */
const rememberedMax = 512

/** Creates the places over the final chain. */
export function createChainPlaces(chain: Chain, consensus: ConsensusStore): ChainPlaces {
  const open = new Map<Hex, ConsensusBlock>()
  const finals = new Map<number, ConsensusBlock>()

  function finalPlace(root: Hex): ParentPlace | undefined {
    const payload = chain.finalised()
    return consensus.rootAt(payload.header.number) === root ? { root, payload } : undefined
  }

  function parent(root: Hex): ParentPlace | undefined {
    const block = open.get(root)
    if (block === undefined) return finalPlace(root)
    const payload = chain.byHash(block.executionHash)
    return payload === undefined ? undefined : { root, payload }
  }

  function finalBlock(height: number): ConsensusBlock {
    const block = finals.get(height) ?? consensus.get(height)?.block
    if (block === undefined) throw new AppError({ code: 'CONSENSUS_RECORD_MISSING', height })
    finals.delete(height)
    finals.set(height, block)
    const [oldest] = finals.keys()
    if (finals.size > rememberedMax && oldest !== undefined) finals.delete(oldest)
    return block
  }

  function* lineage(root: Hex, from: number): Iterable<ConsensusBlock> {
    let next: Hex | undefined = root
    for (let height = from; height > 0; height -= 1) {
      const block: ConsensusBlock | undefined = next === undefined ? undefined : open.get(next)
      next = block?.parentRoot // below a final block all are final
      yield block ?? finalBlock(height)
    }
  }

  return {
    lineage,
    add: (root, block) => void open.set(root, block),
    block: (root) => open.get(root),
    parent,
    prune(height) {
      for (const [root, block] of open) if (block.height <= height) open.delete(root)
    },
  }
}
