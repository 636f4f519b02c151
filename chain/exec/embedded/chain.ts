import type { Common } from '@ethereumjs/common'
import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import type { Genesis } from '../../core/genesis.ts'
import type { Header } from '../../core/header.ts'
import type { Payload } from '../../core/payload.ts'
import type { Forkchoice } from '../engine.ts'
import {
  type BlockStore,
  type LogBlock,
  type TransactionPlace,
  createBlockStore,
} from './block-store.ts'
import type { FastCrypto } from './crypto.ts'
import { buildGenesis } from './genesis-state.ts'
import type { HashOf } from './machine.ts'
import type { Receipt } from './receipt.ts'
import { type StateStore, changeWrites, createStateStore } from './state-store.ts'
import type { StateChanges, StateView } from './state-view.ts'

/** A block that was run. */
export interface ExecutedBlock {
  readonly payload: Payload
  readonly receipts: readonly Receipt[]
  readonly changes: StateChanges
}

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

const cachedPayloadsMax = 256

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

function createChain({ store, blocks, states, genesisHash, finalised }: ChainParts): WritableChain {
  const open = new Map<Hex, ExecutedBlock>() // run, not finalised
  const cache = new Map<number, Payload>()
  let finalisedBlock = stored(finalised) as Payload
  let safeBlock = finalisedBlock
  let headBlock = finalisedBlock

  function stored(number: number): Payload | undefined {
    const known = cache.get(number)
    if (known !== undefined) return known
    const payload = blocks.payload(number)
    if (payload !== undefined) keep(payload)
    return payload
  }

  function keep(payload: Payload): void {
    cache.set(payload.header.number, payload)
    const oldest = cache.keys().next()
    if (cache.size > cachedPayloadsMax && oldest.done !== true) cache.delete(oldest.value)
  }

  function byHash(hash: Hex): Payload | undefined {
    const executed = open.get(hash)
    if (executed !== undefined) return executed.payload
    const number = blocks.number(hash)
    return number === undefined ? undefined : stored(number)
  }

  /** Blocks from above the finalised one to `payload`, ascending. */
  function openPath(payload: Payload): Payload[] {
    const path: Payload[] = []
    let at: Payload | undefined = payload
    while (at !== undefined && at.header.number > finalisedBlock.header.number) {
      path.push(at)
      at = open.get(at.header.parentHash)?.payload
    }
    return path.reverse()
  }

  function ancestorOf(descendant: Payload, number: number): Payload | undefined {
    if (number <= finalisedBlock.header.number) return stored(number)
    return openPath(descendant)[number - finalisedBlock.header.number - 1]
  }

  async function finalise(target: Payload): Promise<void> {
    for (const payload of openPath(target)) {
      const executed = open.get(payload.blockHash)
      assert(executed, 'a block is run before it is finalised')
      const { writes, done } = states.finalise(payload.blockHash)
      const all: Write[] = [...writes, ...blocks.add(payload, executed.receipts)]
      await store.batch(all, { sync: true })
      keep(payload)
      finalisedBlock = payload
      done()
      open.delete(payload.blockHash)
      dropForks()
    }
  }

  function dropForks(): void {
    for (const [hash, { payload }] of open) {
      if (payload.header.number > finalisedBlock.header.number) continue
      open.delete(hash)
      states.drop(hash)
    }
  }

  async function advance(forkchoice: Forkchoice): Promise<void> {
    const [head, safe, target] = [forkchoice.head, forkchoice.safe, forkchoice.finalized].map(
      byHash,
    )
    if (head === undefined || safe === undefined || target === undefined) {
      throw new AppError({ code: 'BLOCK_UNKNOWN', ...forkchoice })
    }
    await finalise(target)
    safeBlock = safe
    headBlock = head
  }

  function receipts(payload: Payload): readonly Receipt[] {
    return open.get(payload.blockHash)?.receipts ?? blocks.receipts(payload.header.number)
  }

  function place(hash: Hex): TransactionPlace | undefined {
    for (const payload of openPath(headBlock)) {
      const index = receipts(payload).findIndex((receipt) => receipt.transactionHash === hash)
      if (index >= 0) return { number: payload.header.number, index }
    }
    return blocks.place(hash)
  }

  async function* logBlocks(from: number, to: number): AsyncIterable<LogBlock> {
    yield* blocks.logBlocks(from, Math.min(to, finalisedBlock.header.number))
    for (const { header } of openPath(headBlock)) {
      if (header.number < from || header.number > to) continue
      yield { number: header.number, logsBloom: fromHex(header.logsBloom) }
    }
  }

  return {
    genesisHash,
    head: () => headBlock,
    safe: () => safeBlock,
    finalised: () => finalisedBlock,
    header: (hash) => byHash(hash)?.header,
    byHash,
    byNumber: (number) =>
      number > headBlock.header.number ? undefined : ancestorOf(headBlock, number),
    receipts,
    place,
    logBlocks,
    stateAfter(hash) {
      const number = byHash(hash)?.header.number
      return number === undefined ? undefined : states.view({ hash, number })
    },
    ancestors: (parent) => (number) => {
      const ancestor = ancestorOf(parent, number)
      return ancestor === undefined ? undefined : fromHex(ancestor.blockHash)
    },
    add(block) {
      const { blockHash: hash, header } = block.payload
      open.set(hash, block)
      states.add({ hash, number: header.number, parentHash: header.parentHash }, block.changes)
    },
    advance,
  }
}
