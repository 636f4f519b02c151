import { z } from 'zod'
import { u64be } from '#base/bytes.ts'
import type { Hex } from '#base/hex.ts'
import { certificateSchema } from '#chain/core/consensus/codec.ts'
import type { Certificate } from '#chain/core/consensus/messages.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import {
  type ConsensusBlock,
  consensusBlockSchema,
  consensusRoot,
} from '#chain/core/consensus-block.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { openSets } from './set-store.ts'

/** A block with what made it final: the certificate names it or a descendant. */
export interface FinalBlock {
  readonly block: ConsensusBlock
  readonly certificate: Certificate
}

/** Final consensus blocks by height, beside the execution blocks they agree on. */
export interface ConsensusStore {
  get(height: number): FinalBlock | undefined
  /** Resolves when the block is on the disk; with the last one of an epoch, the next epoch's set. */
  put(final: FinalBlock, heirs?: ValidatorSet): Promise<void>
  /** The set of an epoch, as soon as the last block of the epoch before is final. */
  setOf(epoch: number): ValidatorSet | undefined
  /** The root that the next block's header carries as `parentBeaconBlockRoot`. */
  rootAt(height: number): Hex | undefined
}

const prefix = 0x4b
const finalSchema = z.strictObject({ block: consensusBlockSchema, certificate: certificateSchema })

/** Opens the blocks in `store`; `genesisRoot` stands before the first. */
export function openConsensusStore(store: KeyValueStore, genesisRoot: Hex): ConsensusStore {
  const table = createTable<number, FinalBlock>(store, {
    prefix,
    key: u64be,
    encode: canonicalBytes,
    decode: (bytes) => finalSchema.parse(parseJson(bytes)),
  })

  const sets = openSets(store)
  let recent: ValidatorSet | undefined // asked for again and again

  function rootAt(height: number): Hex | undefined {
    if (height === 0) return genesisRoot
    const final = table.get(height)
    return final === undefined ? undefined : consensusRoot(final.block)
  }

  return {
    get: (height) => table.get(height),
    async put(final, heirs) {
      const handover = heirs === undefined ? [] : [sets.put(heirs.epoch, heirs)]
      await store.batch([table.put(final.block.height, final), ...handover], { sync: true })
    },
    rootAt,
    setOf(epoch) {
      if (recent?.epoch !== epoch) recent = sets.get(epoch)
      return recent
    },
  }
}
