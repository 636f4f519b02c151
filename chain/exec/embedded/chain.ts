import type { Common } from '@ethereumjs/common'
import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { KeyValueStore } from '#store/kv.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Header } from '#chain/core/header.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Forkchoice } from '../engine.ts'

import {
  type BlockStore,
  type LogBlock,
  type TransactionPlace,
  createBlockStore,
} from './block-store.ts'
import { type BlockTree, type ExecutedBlock, createBlockTree } from './block-tree.ts'
import type { FastCrypto } from './crypto.ts'
import { buildGenesis } from './genesis-state.ts'
import type { HashOf } from './machine.ts'
import type { Receipt } from './receipt.ts'
import { createPreimages } from './preimages.ts'
import { type StateStore, changeWrites, createStateStore, forgetUndos } from './state-store.ts'
import { undoOf } from './state-undo.ts'
import { type StateView, emptyView } from './state-view.ts'

/** Blocks and states for reading: the canonical chain, and run blocks beside it. */
export interface Chain {
  readonly genesisHash: Hex
  head(): Payload
  safe(): Payload
  finalised(): Payload
  header(hash: Hex): Header | undefined
  byHash(hash: Hex): Payload | undefined
  /** The canonical block of a height. Throws HISTORY_PRUNED where it is below `oldest`. */
  byNumber(number: number): Payload | undefined
  /** The lowest height above the genesis from which on all blocks and receipts are kept. */
  oldest(): number
  /** Receipts of a canonical block, in order. Throws HISTORY_PRUNED. */
  receipts(payload: Payload): readonly Receipt[]
  /** Where a canonical transaction stands. */
  place(transactionHash: Hex): TransactionPlace | undefined
  /** Canonical blocks with logs, ascending, both ends included. Throws HISTORY_PRUNED. */
  logBlocks(from: number, to: number): AsyncIterable<LogBlock>
  /** The state after a block; undefined where it is unknown or no longer kept. */
  stateAfter(hash: Hex): StateView | undefined
  /** Hashes of the ancestors of a block, for the block that follows it. */
  ancestors(parent: Payload): HashOf
}

/** The chain as the engine changes it. */
export interface WritableChain extends Chain {
  add(block: ExecutedBlock): void
  /** Finalises up to `forkchoice.finalized`, on the disk when this resolves, then moves the head. */
  advance(forkchoice: Forkchoice): Promise<void>
}

export interface ChainOptions {
  readonly genesis: Genesis
  readonly historyBlocks: number
  /** How many blocks below the finalised one stay whole. */
  readonly keepBlocks: number
  readonly common: Common
  readonly crypto: FastCrypto
}

/** Opens the chain in `store`; an empty one gets the genesis. Throws GENESIS_MISMATCH. */
export async function openChain(
  store: KeyValueStore,
  options: ChainOptions,
): Promise<WritableChain> {
  const blocks = createBlockStore(store)
  const genesisHash = await placeGenesis(store, blocks, options)
  const finalised = blocks.finalised()
  assert(finalised !== undefined, 'the genesis is finalised')
  const { historyBlocks, keepBlocks } = options
  const preimages = createPreimages(store, options.crypto.keccak256)
  await forgetUndos(store, finalised - historyBlocks)
  const states = createStateStore(store, { finalised, historyBlocks, preimages })
  return createChain({ store, blocks, states, genesisHash, finalised, keepBlocks })
}

async function placeGenesis(
  store: KeyValueStore,
  blocks: BlockStore,
  options: ChainOptions,
): Promise<Hex> {
  const { payload, changes } = await buildGenesis(options.genesis, options)
  const stored = blocks.payload(0)?.blockHash
  if (stored === undefined) {
    const added = createPreimages(store, options.crypto.keccak256).added(
      changes,
      undoOf(emptyView, changes),
    )
    const writes = [...changeWrites(changes), ...added, ...blocks.add(payload, [])]
    await store.batch(writes, { sync: true })
  } else if (stored !== payload.blockHash) {
    throw new AppError({ code: 'GENESIS_MISMATCH', stored, expected: payload.blockHash })
  }
  return payload.blockHash
}

interface ChainParts {
  readonly store: KeyValueStore
  readonly blocks: BlockStore
  readonly states: StateStore
  readonly genesisHash: Hex
  readonly finalised: number
  readonly keepBlocks: number
}

function createChain(parts: ChainParts): WritableChain {
  const { store, blocks, states, genesisHash } = parts
  const tree = createBlockTree(blocks, parts.finalised)
  let safeBlock = tree.finalised()
  let headBlock = tree.finalised()

  async function finalise(target: Payload): Promise<void> {
    for (const { payload, receipts } of tree.openPath(target)) {
      const { writes, done } = states.finalise(payload.blockHash)
      const pruned = blocks.prune(payload.header.number - parts.keepBlocks)
      await store.batch([...writes, ...blocks.add(payload, receipts), ...pruned], { sync: true })
      done()
      for (const hash of tree.finalise(payload)) states.drop(hash)
    }
  }

  async function advance({ head, safe, finalized }: Forkchoice): Promise<void> {
    const [newHead, newSafe, target] = [head, safe, finalized].map((hash) => tree.byHash(hash))
    if (newHead === undefined || newSafe === undefined || target === undefined) {
      throw new AppError({ code: 'BLOCK_UNKNOWN', head, safe, finalized })
    }
    await finalise(target)
    safeBlock = newSafe
    headBlock = newHead
  }

  return {
    ...readsOf({ blocks, tree, states, genesisHash }, () => ({ head: headBlock, safe: safeBlock })),
    add(block) {
      const { blockHash: hash, header } = block.payload
      tree.add(block)
      states.add({ hash, number: header.number, parentHash: header.parentHash }, block.changes)
    },
    advance,
  }
}

/** What reading a chain needs. */
export interface ReadParts {
  readonly blocks: BlockStore
  readonly tree: BlockTree
  readonly states: Pick<StateStore, 'view'>
  readonly genesisHash: Hex
}

/** The chain for reading, up to the head that `newest` gives. */
export function readsOf(
  { blocks, tree, states, genesisHash }: ReadParts,
  newest: () => { readonly head: Payload; readonly safe: Payload },
): Chain {
  function byNumber(number: number): Payload | undefined {
    const { head } = newest()
    if (number > head.header.number) return undefined
    // The block of a snapshot is whole but for its receipts, and readers need the head.
    if (number !== tree.finalised().header.number) refusePruned(blocks, number)
    return tree.ancestor(head, number)
  }

  return {
    genesisHash,
    head: () => newest().head,
    safe: () => newest().safe,
    finalised: () => tree.finalised(),
    header: (hash) => tree.byHash(hash)?.header,
    byHash: (hash) => tree.byHash(hash),
    byNumber,
    oldest: () => blocks.oldest(),
    receipts(payload) {
      refusePruned(blocks, payload.header.number)
      return tree.receipts(payload)
    },
    place: (hash) => placeIn(tree.openPath(newest().head), hash) ?? blocks.place(hash),
    logBlocks: (from, to) => logBlocksOf({ blocks, tree, head: newest().head }, from, to),
    stateAfter(hash) {
      const number = tree.byHash(hash)?.header.number
      return number === undefined ? undefined : states.view({ hash, number })
    },
    ancestors: (parent) => (number) => {
      const hash = tree.ancestor(parent, number)?.blockHash ?? blocks.ancestorHash(number)
      return hash === undefined ? undefined : fromHex(hash)
    },
  }
}

/** Throws HISTORY_PRUNED where the block of a height is no longer kept. */
function refusePruned(blocks: Pick<BlockStore, 'oldest'>, number: number): void {
  const oldest = blocks.oldest()
  const isGone = number > 0 && number < oldest
  if (isGone) throw new AppError({ code: 'HISTORY_PRUNED', number, oldest })
}

function placeIn(path: readonly ExecutedBlock[], hash: Hex): TransactionPlace | undefined {
  for (const { payload, receipts } of path) {
    const index = receipts.findIndex((receipt) => receipt.transactionHash === hash)
    if (index >= 0) return { number: payload.header.number, index }
  }
  return undefined
}

interface LogSources {
  readonly blocks: BlockStore
  readonly tree: BlockTree
  readonly head: Payload
}

async function* logBlocksOf(
  { blocks, tree, head }: LogSources,
  from: number,
  to: number,
): AsyncIterable<LogBlock> {
  refusePruned(blocks, Math.max(1, from))
  yield* blocks.logBlocks(from, Math.min(to, tree.finalised().header.number))
  for (const { payload } of tree.openPath(head)) {
    const { number, logsBloom } = payload.header
    if (number >= from && number <= to) yield { number, logsBloom: fromHex(logsBloom) }
  }
}
