import { assert } from '#base/assert.ts'
import type { Hex } from '#base/hex.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { BlockStore } from './block-store.ts'
import type { Receipt } from './receipt.ts'
import type { StateChanges } from './state-view.ts'

/** A block that was run. */
export interface ExecutedBlock {
  readonly payload: Payload
  readonly receipts: readonly Receipt[]
  readonly changes: StateChanges
}

/** The finalised chain, and above it the blocks that were run and are not finalised. */
export interface BlockTree {
  finalised(): Payload
  byHash(hash: Hex): Payload | undefined
  /** The block of a height on the way from the genesis to `descendant`. */
  ancestor(descendant: Payload, number: number): Payload | undefined
  /** Blocks from above the finalised one to `target`, ascending. */
  openPath(target: Payload): readonly ExecutedBlock[]
  receipts(payload: Payload): readonly Receipt[]
  add(block: ExecutedBlock): void
  /** Takes a block that is on the disk now as finalised; gives the hashes that fell away beside it. */
  finalise(payload: Payload): readonly Hex[]
}

const cachedBlocksMax = 256
/** Decoded transactions take a few kilobytes each. */
const cachedTransactionsMax = 20_000

/** Creates the tree over the blocks on the disk. */
export function createBlockTree(blocks: BlockStore, finalisedNumber: number): BlockTree {
  const open = new Map<Hex, ExecutedBlock>()
  const cache = createCache<Payload>(({ transactions }) => transactions.length)
  const receiptCache = createCache<readonly Receipt[]>(({ length }) => length)
  const newest = stored(finalisedNumber)
  assert(newest, 'the finalised block is stored')
  let finalised = newest

  function stored(number: number): Payload | undefined {
    return cache.get(number, () => blocks.payload(number))
  }

  function receipts({ blockHash, header }: Payload): readonly Receipt[] {
    const { number } = header
    const executed = open.get(blockHash)
    if (executed !== undefined) return executed.receipts
    return receiptCache.get(number, () => blocks.receipts(number)) ?? []
  }

  function byHash(hash: Hex): Payload | undefined {
    const executed = open.get(hash)
    if (executed !== undefined) return executed.payload
    const number = blocks.number(hash)
    return number === undefined ? undefined : stored(number)
  }

  function openPath(target: Payload | undefined): readonly ExecutedBlock[] {
    const path: ExecutedBlock[] = []
    for (let at = target && open.get(target.blockHash); at !== undefined;) {
      path.push(at)
      at = open.get(at.payload.header.parentHash)
    }
    return path.toReversed()
  }

  function ancestor(descendant: Payload, number: number): Payload | undefined {
    const base = finalised.header.number
    return number <= base ? stored(number) : openPath(descendant)[number - base - 1]?.payload
  }

  /** Whether an open block stands above the finalised one: its parents lead there. */
  function extendsFinalised(hash: Hex): boolean {
    const parentHash = openPath(open.get(hash)?.payload)[0]?.payload.header.parentHash
    return parentHash === finalised.blockHash
  }

  function finalise(payload: Payload): readonly Hex[] {
    cache.set(payload.header.number, payload)
    finalised = payload
    open.delete(payload.blockHash)
    const fallen = [...open.keys()].filter((hash) => !extendsFinalised(hash))
    for (const hash of fallen) open.delete(hash)
    return fallen
  }

  return {
    finalised: () => finalised,
    byHash,
    ancestor,
    openPath,
    receipts,
    add: (block) => void open.set(block.payload.blockHash, block),
    finalise,
  }
}

/** The values used or added last, as many as the limits allow. */
function createCache<V>(transactionsOf: (value: V) => number) {
  const values = new Map<number, V>()
  let transactionCount = 0

  function drop(key: number): void {
    const value = values.get(key)
    if (value === undefined) return
    transactionCount -= transactionsOf(value)
    values.delete(key)
  }

  function set(key: number, value: V): void {
    drop(key)
    values.set(key, value)
    transactionCount += transactionsOf(value)
    for (const oldest of values.keys()) {
      const isFull = values.size > cachedBlocksMax || transactionCount > cachedTransactionsMax
      if (!isFull || oldest === key) break
      drop(oldest)
    }
  }

  function get(key: number, load: () => V | undefined): V | undefined {
    const value = values.get(key) ?? load()
    if (value !== undefined) set(key, value)
    return value
  }

  return { get, set }
}
