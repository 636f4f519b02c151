import { describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'
import { type World, accounts, createWorld, failureOf } from './world.ts'

const [alice, bob] = accounts as [(typeof accounts)[0], (typeof accounts)[0]]

/** One transfer between the same two. */
function pay(nonce: number): Promise<Hex> {
  const fees = { chainId: 78787, maxFeePerGas: 3_000_000_000n, maxPriorityFeePerGas: 1n }
  return alice.signTransaction({ ...fees, nonce, to: bob.address, value: 1n, gas: 21_000n })
}

async function mineTo(world: World, height: number): Promise<void> {
  for (;;) {
    const nonce = world.engine.chain.head().header.number
    if (nonce >= height) return
    await world.mine([await pay(nonce)])
  }
}

/** Blocks, hashes, receipts, transactions, logs, and what blocks replaced. The state itself grows by its rules. */
const history = [0x42, 0x48, 0x52, 0x54, 0x4c, 0x75]

async function entriesOf(store: KeyValueStore): Promise<number> {
  let count = 0
  for (const prefix of history) {
    const range = { gte: Uint8Array.of(prefix), lt: Uint8Array.of(prefix + 1) }
    for await (const _ of store.entries(range)) count += 1
  }
  return count
}

const heightsKept = ({ engine: { chain } }: World) =>
  Array.from({ length: chain.head().header.number + 1 }, (_, number) => number).filter(
    (number) => failureOf(() => chain.byNumber(number)) === undefined,
  )

describe('a chain that keeps 20 blocks', () => {
  test('has the same size after 40 blocks and after 80', async () => {
    const store = createMemoryStore()
    const world = await createWorld({ store, keepBlocks: 20 })
    await mineTo(world, 40)
    const size = await entriesOf(store)
    await mineTo(world, 80)
    expect(await entriesOf(store)).toBe(size)
    expect(heightsKept(world)).toEqual([0, ...Array.from({ length: 21 }, (_, i) => 60 + i)])
  })

  test('says what it no longer has: blocks, receipts, logs, transactions', async () => {
    const world = await createWorld({ keepBlocks: 20 })
    await mineTo(world, 5)
    const { chain } = world.engine
    const old = chain.head()
    const hash = chain.receipts(old)[0]?.transactionHash ?? '0x'
    expect(chain.place(hash)).toEqual({ number: 5, index: 0 })
    await mineTo(world, 30)
    expect(failureOf(() => chain.byNumber(5))).toBe('HISTORY_PRUNED')
    expect(failureOf(() => chain.receipts(old))).toBe('HISTORY_PRUNED')
    const logs = async () => {
      for await (const _ of chain.logBlocks(0, 20)) return
    }
    expect(await logs().catch(codeOf)).toBe('HISTORY_PRUNED')
    expect(chain.place(hash)).toBeUndefined()
    expect(chain.byHash(old.blockHash)).toBeUndefined()
  })

  test('frees the disk of one that kept all, some blocks at a time', async () => {
    const store = createMemoryStore()
    const archive = await createWorld({ store, historyBlocks: Number.MAX_SAFE_INTEGER })
    await mineTo(archive, 60)
    const first = archive.engine.chain.byNumber(0)?.blockHash ?? '0x'
    expect(archive.engine.chain.stateAfter(first)).toBeDefined()
    const full = await entriesOf(store)
    const pruned = await createWorld({ store, keepBlocks: 20 })
    expect(pruned.engine.chain.stateAfter(first)).toBeUndefined()
    await mineTo(pruned, 66)
    expect(heightsKept(pruned)[1]).toBe(46)
    expect(await entriesOf(store)).toBeLessThan(full / 2)
    const again = await createWorld({ store, historyBlocks: Number.MAX_SAFE_INTEGER })
    expect(again.engine.chain.stateAfter(first)).toBeUndefined()
    const recent = again.engine.chain.byNumber(60)?.blockHash ?? '0x'
    expect(again.engine.chain.stateAfter(recent)).toBeDefined()
  })
})
