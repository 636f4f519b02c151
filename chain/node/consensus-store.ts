import { u64be } from '#base/bytes.ts'
import type { Hex } from '#base/hex.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import {
  type ConsensusBlock,
  consensusBlockSchema,
  consensusRoot,
  genesisRoot,
} from '#chain/core/consensus-block.ts'

/** Consensus blocks by height, beside the execution blocks they agree on. */
export interface ConsensusStore {
  get(height: number): ConsensusBlock | undefined
  /** Resolves when the block is on the disk. */
  put(block: ConsensusBlock): Promise<void>
  /** The root that the next block's header carries as `parentBeaconBlockRoot`. */
  rootAt(height: number): Hex | undefined
}

const prefix = 0x4b

/** Opens the blocks in `store`. */
export function openConsensusStore(store: KeyValueStore, genesisHash: Hex): ConsensusStore {
  const table = createTable<number, ConsensusBlock>(store, {
    prefix,
    key: u64be,
    encode: canonicalBytes,
    decode: (bytes) => consensusBlockSchema.parse(parseJson(bytes)),
  })

  function rootAt(height: number): Hex | undefined {
    if (height === 0) return genesisRoot(genesisHash)
    const block = table.get(height)
    return block === undefined ? undefined : consensusRoot(block)
  }

  return {
    get: (height) => table.get(height),
    put: (block) => store.batch([table.put(block.height, block)], { sync: true }),
    rootAt,
  }
}
