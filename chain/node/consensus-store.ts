import { z } from 'zod'
import { u64be } from '#base/bytes.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { certificateSchema } from '#chain/core/consensus/certificate-schema.ts'
import type { Certificate } from '#chain/core/consensus/messages.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import {
  type ConsensusBlock,
  consensusBlockSchema,
  consensusRoot,
} from '#chain/core/consensus-block.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
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
  /** The writes that hold blocks and sets: the beginning of a chain that has no others before `oldest`. */
  begin(beginning: Beginning): Write[]
  /** The root before the first block that the stored chain began with; undefined in an empty store. */
  origin(): Hex | undefined
  /** The root that the next block's header carries as `parentBeaconBlockRoot`. */
  rootAt(height: number): Hex | undefined
}

/** What a snapshot brings of consensus. */
export interface Beginning {
  readonly finals: readonly FinalBlock[]
  readonly sets: readonly ValidatorSet[]
  /** From this height on no block is missing; below it stand the last ones of epochs alone. */
  readonly oldest: number
}

export interface ConsensusStoreOptions {
  /**
   * How many blocks below the newest are kept; by default all. The last of each epoch stay: with them a light
   * client finds its way from the first validators to the present ones.
   */
  readonly keepBlocks?: number
}

const prefixes = { final: 0x4b, origin: 0x6b, oldest: 0x6f } as const
/** Blocks forgotten with each one added. */
const prunedMax = 8
/** A final block as it is stored and sent. */
export const finalSchema = z.strictObject({
  block: consensusBlockSchema,
  certificate: certificateSchema,
})

/** Opens the blocks in `store`; `genesisRoot` stands before the first. */
export function openConsensusStore(
  store: KeyValueStore,
  genesisRoot: Hex,
  { keepBlocks = Number.MAX_SAFE_INTEGER }: ConsensusStoreOptions = {},
): ConsensusStore {
  const table = createTable<number, FinalBlock>(store, {
    prefix: prefixes.final,
    key: u64be,
    encode: canonicalBytes,
    decode: (bytes) => finalSchema.parse(parseJson(bytes)),
  })
  const origins = createTable<null, Hex>(store, {
    prefix: prefixes.origin,
    key: () => new Uint8Array(),
    encode: fromHex,
    decode: toHex,
  })
  const oldests = createTable<null, number>(store, {
    prefix: prefixes.oldest,
    key: () => new Uint8Array(),
    encode: u64be,
    decode: (bytes) => Number(toHex(bytes)),
  })

  function prune(below: number): Write[] {
    const from = oldests.get(null) ?? 1
    const to = Math.min(below, from + prunedMax)
    if (to <= from) return []
    const heights = Array.from({ length: to - from }, (_, i) => from + i)
    const isLast = (height: number) => table.get(height)?.block.nextSetRoot !== undefined
    const gone = heights.filter((height) => !isLast(height)).map((height) => table.delete(height))
    return [oldests.put(null, to), ...gone]
  }

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
      const { height } = final.block
      const handover = heirs === undefined ? [] : [sets.put(heirs.epoch, heirs)]
      const writes = [table.put(height, final), origins.put(null, genesisRoot), ...handover]
      await store.batch([...writes, ...prune(height - keepBlocks)], { sync: true })
    },
    begin({ finals, sets: known, oldest }) {
      const blocks = finals.map((final) => table.put(final.block.height, final))
      const epochs = known.map((set) => sets.put(set.epoch, set))
      return [...blocks, ...epochs, origins.put(null, genesisRoot), oldests.put(null, oldest)]
    },
    origin: () => origins.get(null) ?? table.get(1)?.block.parentRoot,
    rootAt,
    setOf(epoch) {
      if (recent?.epoch !== epoch) recent = sets.get(epoch)
      return recent
    },
  }
}
