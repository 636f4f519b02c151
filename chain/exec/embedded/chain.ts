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
import { type ExecutedBlock, createBlockTree } from './block-tree.ts'
import type { FastCrypto } from './crypto.ts'
import { buildGenesis } from './genesis-state.ts'
import type { HashOf } from './machine.ts'
import type { Receipt } from './receipt.ts'
import { type StateStore, changeWrites, createStateStore } from './state-store.ts'
import type { StateView } from './state-view.ts'

/** Blocks and states for reading: the canonical chain, and run blocks beside it. */
export interface Chain {
  readonly genesisHash: Hex
  head(): Payload
  safe(): Payload
  finalised(): Payload
  header(hash: Hex): Header | undefined
  byHash(hash: Hex): Payload | undefined
  /** The canonical block of a height. */
  byNumber(number: number): Payload | undefined
  /** Receipts of a canonical block, in order. */
  receipts(payload: Payload): readonly Receipt[]
  /** Where a canonical transaction stands. */
  place(transactionHash: Hex): TransactionPlace | undefined
  /** Canonical blocks with logs, ascending, both ends included. */
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
  const { historyBlocks } = options
  const states = createStateStore(store, { finalised, historyBlocks })
  return createChain({ store, blocks, states, genesisHash, finalised })
}

async function placeGenesis(
  store: KeyValueStore,
  blocks: BlockStore,
  options: ChainOptions,
): Promise<Hex> {
  const { payload, changes } = await buildGenesis(options.genesis, options)
  const stored = blocks.payload(0)?.blockHash
  if (stored === undefined) {
    const writes = [...changeWrites(changes), ...blocks.add(payload, [])]
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
}

function createChain(parts: ChainParts): WritableChain {
  const { store, blocks, states, genesisHash } = parts
  const tree = createBlockTree(blocks, parts.finalised)
  let safeBlock = tree.finalised()
  let headBlock = tree.finalised()

  async function finalise(target: Payload): Promise<void> {
    for (const { payload, receipts } of tree.openPath(target)) {
      const { writes, done } = states.finalise(payload.blockHash)
      await store.batch([...writes, ...blocks.add(payload, receipts)], { sync: true })
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

  function place(hash: Hex): TransactionPlace | undefined {
    for (const { payload, receipts } of tree.openPath(headBlock)) {
      const index = receipts.findIndex((receipt) => receipt.transactionHash === hash)
      if (index >= 0) return { number: payload.header.number, index }
    }
    return blocks.place(hash)
  }

  async function* logBlocks(from: number, to: number): AsyncIterable<LogBlock> {
    yield* blocks.logBlocks(from, Math.min(to, tree.finalised().header.number))
    for (const { payload } of tree.openPath(headBlock)) {
      const { number, logsBloom } = payload.header
      if (number >= from && number <= to) yield { number, logsBloom: fromHex(logsBloom) }
    }
  }

  return {
    genesisHash,
    head: () => headBlock,
    safe: () => safeBlock,
    finalised: () => tree.finalised(),
    header: (hash) => tree.byHash(hash)?.header,
    byHash: (hash) => tree.byHash(hash),
    byNumber: (number) =>
      number > headBlock.header.number ? undefined : tree.ancestor(headBlock, number),
    receipts: (payload) => tree.receipts(payload),
    place,
    logBlocks,
    stateAfter(hash) {
      const number = tree.byHash(hash)?.header.number
      return number === undefined ? undefined : states.view({ hash, number })
    },
    ancestors: (parent) => (number) => {
      const ancestor = tree.ancestor(parent, number)
      return ancestor === undefined ? undefined : fromHex(ancestor.blockHash)
    },
    add(block) {
      const { blockHash: hash, header } = block.payload
      tree.add(block)
      states.add({ hash, number: header.number, parentHash: header.parentHash }, block.changes)
    },
    advance,
  }
}
