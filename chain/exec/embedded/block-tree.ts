import { assert } from '#base/assert.ts'
import type { Hex } from '#base/hex.ts'
import type { Payload } from '../../core/payload.ts'
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

const cachedPayloadsMax = 256

/** Creates the tree over the blocks on the disk. */
export function createBlockTree(blocks: BlockStore, finalisedNumber: number): BlockTree {
  const open = new Map<Hex, ExecutedBlock>()
  const cache = new Map<number, Payload>()
  const newest = stored(finalisedNumber)
  assert(newest, 'the finalised block is stored')
  let finalised = newest

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

  function openPath(target: Payload): readonly ExecutedBlock[] {
    const path: ExecutedBlock[] = []
    for (let at = open.get(target.blockHash); at !== undefined;) {
      path.push(at)
      at = open.get(at.payload.header.parentHash)
    }
    return path.toReversed()
  }

  function ancestor(descendant: Payload, number: number): Payload | undefined {
    const base = finalised.header.number
    return number <= base ? stored(number) : openPath(descendant)[number - base - 1]?.payload
  }

  function finalise(payload: Payload): readonly Hex[] {
    keep(payload)
    finalised = payload
    const fallen: Hex[] = []
    for (const [hash, { payload: other }] of open) {
      if (other.header.number > payload.header.number) continue
      open.delete(hash)
      if (hash !== payload.blockHash) fallen.push(hash)
    }
    return fallen
  }

  return {
    finalised: () => finalised,
    byHash,
    ancestor,
    openPath,
    receipts: (payload) =>
      open.get(payload.blockHash)?.receipts ?? blocks.receipts(payload.header.number),
    add: (block) => void open.set(block.payload.blockHash, block),
    finalise,
  }
}
