import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { ExecutionEngine } from '../engine.ts'
import { type Past, createBlockStore } from './block-store.ts'
import type { Chain } from './chain.ts'
import { createChainCommon } from './chain-common.ts'
import { type FastCrypto, loadCrypto } from './crypto.ts'
import { buildGenesis } from './genesis-state.ts'
import { createPreimages } from './preimages.ts'
import { type SnapshotPart, type SubtreePlace, readSubtrees } from './snapshot-reader.ts'
import { writeFlatState } from './snapshot-state.ts'
import { type SnapshotWriter, createSnapshotWriter } from './snapshot-writer.ts'
import { type StateView, emptyView, layerView, wordOf } from './state-view.ts'

/** What one question asks for at most. */
export const snapshotBatch = { placesMax: 64, codesMax: 16 } as const

/** What a node that begins with a snapshot asks of a state. */
export interface SnapshotQuestion {
  readonly blockHash: Hex
  readonly places: readonly SubtreePlace[]
  readonly codes: readonly Hex[]
}

export interface SnapshotAnswer {
  readonly part: SnapshotPart
  /** The first of the codes asked for. */
  readonly codes: readonly Uint8Array[]
}

/** Reads recent states in parts. */
export interface Snapshots {
  /** About `sizeBytesMax` bytes of what is asked for. Throws STATE_UNKNOWN. */
  read(question: SnapshotQuestion, sizeBytesMax: number): SnapshotAnswer
}

/** Creates the reading side of snapshots. */
export function createSnapshots(
  chain: Pick<Chain, 'stateAfter'>,
  store: KeyValueStore,
  { keccak256 }: Pick<FastCrypto, 'keccak256'>,
): Snapshots {
  const preimages = createPreimages(store, keccak256)
  // A view gathers what newer blocks replaced: one that is asked for again need not read that again.
  let last: { readonly hash: Hex; readonly view: StateView } | undefined

  function viewOf(hash: Hex): StateView {
    const view = chain.stateAfter(hash)
    if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash })
    if (last?.hash !== hash) last = { hash, view }
    return last.view
  }

  function read({ blockHash, places, codes }: SnapshotQuestion, sizeBytesMax: number) {
    const view = viewOf(blockHash)
    const found: Uint8Array[] = []
    let leftBytes = sizeBytesMax
    for (const hash of codes) {
      const code = leftBytes > 0 ? view.code(toKey(fromHex(hash))) : undefined
      if (code === undefined) break
      found.push(code)
      leftBytes -= code.length
    }
    return { part: readSubtrees({ view, preimages }, places, leftBytes), codes: found }
  }

  return { read }
}

/** Where a chain may begin with a snapshot instead of its genesis. */
export interface SnapshotTarget {
  readonly genesisHash: Hex
  readonly crypto: FastCrypto
  /** Reads words in the state of the genesis. */
  readonly read: ExecutionEngine['read']
  /** Height of the newest block here; undefined in an empty store. */
  finalised(): number | undefined
  /** Begins to fetch the state of a root, or goes on with it. */
  fetchState(stateRoot: Hex): SnapshotWriter
  /**
   * Ends with a chain that stands at `pivot`, whose state was fetched; `writes` last with it or not at all.
   * Throws SNAPSHOT_BROKEN.
   */
  finish(pivot: Payload, options: FinishOptions): Promise<void>
}

export interface FinishOptions extends Past {
  readonly writes: readonly Write[]
  readonly signal: AbortSignal
}

/** Looks at a store before a chain is opened in it. Throws GENESIS_FAILED. */
export async function openSnapshotTarget(
  store: KeyValueStore,
  genesis: Genesis,
): Promise<SnapshotTarget> {
  const crypto = await loadCrypto()
  const { keccak256 } = crypto
  const common = createChainCommon(genesis.chainId, crypto)
  const { payload: first, changes } = await buildGenesis(genesis, { common, crypto })
  const view = layerView(emptyView, changes)
  const blocks = createBlockStore(store)
  return {
    genesisHash: first.blockHash,
    crypto,
    read: async (_hash, address, slots) => {
      const account = toKey(fromHex(address))
      return slots.map((slot) => wordOf(view.slot(account, toKey(fromHex(slot)))))
    },
    finalised: () => blocks.finalised(),
    fetchState: (stateRoot) =>
      createSnapshotWriter(store, { stateRoot: fromHex(stateRoot), keccak256, ...snapshotBatch }),
    async finish(pivot, { writes, signal, ...past }) {
      const stateRoot = fromHex(pivot.header.stateRoot)
      await writeFlatState(store, { stateRoot, keccak256, signal })
      const begin = blocks.begin(pivot, past)
      await store.batch([...writes, ...blocks.add(first, []), ...begin], { sync: true })
    },
  }
}
