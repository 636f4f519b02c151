import { assert } from '#base/assert.ts'
import type { LevelReader } from '#store/level.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createBlockStore } from './block-store.ts'
import { createBlockTree } from './block-tree.ts'
import { type Chain, readsOf } from './chain.ts'
import { createStateReader } from './state-store.ts'

/** The final chain as another thread writes it. */
export interface ReadingChain extends Chain {
  /** Reads on from what is on the disk now; the blocks that became final since, ascending. */
  follow(): readonly Payload[]
}

/** Opens the chain that an engine in another thread keeps in `store`. */
export function openReadingChain(
  store: LevelReader,
  { historyBlocks = 256 }: { readonly historyBlocks?: number | undefined } = {},
): ReadingChain {
  const blocks = createBlockStore(store)
  const [finalised, genesis] = [blocks.finalised(), blocks.payload(0)]
  assert(finalised !== undefined && genesis !== undefined, 'the engine has placed the genesis')
  const tree = createBlockTree(blocks, finalised)
  const states = createStateReader(store, { finalised, historyBlocks })

  function follow(): readonly Payload[] {
    const from = tree.finalised().header.number
    store.refresh()
    const to = blocks.finalised() ?? from
    const added: Payload[] = []
    for (let number = from + 1; number <= to; number += 1) {
      const payload = blocks.payload(number)
      assert(payload, 'final blocks are stored without gaps')
      tree.finalise(payload)
      added.push(payload)
    }
    states.follow(to)
    return added
  }

  const newest = () => ({ head: tree.finalised(), safe: tree.finalised() })
  const reads = readsOf({ blocks, tree, states, genesisHash: genesis.blockHash }, newest)
  return { ...reads, follow }
}
