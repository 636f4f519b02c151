import { type Hex, encodeFunctionData, keccak256, toBytes } from 'viem'
import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { createBlstScheme } from '#base/crypto/bls/blst.ts'
import { AppError, codeOf } from '#base/error.ts'
import { fromHex } from '#base/hex.ts'
import { noopLogger } from '#base/log.ts'
import { isReveal, nextBeacon } from '#chain/core/beacon.ts'
import { genesisRoot } from '#chain/core/consensus-block.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import { createMempool } from '#chain/core/mempool.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createEmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { openConsensusStore } from '#chain/node/consensus-store.ts'
import { createConsensusDriver } from '#chain/node/consensus/driver.ts'
import { openEpochs } from '#chain/node/consensus/epochs.ts'
import { openFirstSet, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { silentNetwork } from '#chain/node/consensus/silent-network.ts'
import { createFeed } from '#chain/node/feed.ts'
import { createTransactions } from '#chain/node/transactions.ts'
import { openWriteAhead } from '#chain/node/write-ahead.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'
import { accounts, testGenesis, zeroHash } from '../exec/world.ts'
import { samples } from '../samples.ts'

const key = validatorKeyOf(new Uint8Array(32).fill(7))
const scheme = createBlstScheme()
const network = silentNetwork
const board = `0x${'b0'.repeat(20)}` as const
const startMs = 1_700_000_000_000
const [alice] = accounts as [(typeof accounts)[0]]

function boardGenesis() {
  return testGenesis({
    contracts: [{ name: 'Board', address: board, initCode: samples().Board.bytecode }],
    openWork: { address: board, calldata: keccak256(toBytes('openJobs()')).slice(0, 10) as Hex },
  })
}

/** A driver on a store, with time that stands until it is moved. */
async function createNode(store: KeyValueStore, nowMs = startMs) {
  const clock = createFakeClock(nowMs)
  const genesis = parseGenesis(boardGenesis())
  const pool = createMempool()
  const logger = noopLogger
  const engine = await createEmbeddedEngine({ store, pool, logger }, { genesis })
  const { chain, decode } = engine
  const log = openWriteAhead(store)
  const transactions = createTransactions({ pool, chain, decode, log, logger })
  await transactions.restore()
  const set = await openFirstSet({ store, engine, scheme }, { genesis, key })
  const consensus = openConsensusStore(store, genesisRoot(chain.genesisHash, set.validators))
  const blocks = createFeed<Payload>()
  const failures: unknown[] = []
  const epochs = await openEpochs({ engine, consensus })
  const services = { blocks, scheme, network, clock, logger }
  const parts = { engine, store, transactions, consensus, epochs, ...services }
  const onFailure = (error: unknown) => failures.push(error)
  const driver = await createConsensusDriver(parts, {
    genesis,
    key,
    deltaMs: 1_000,
    onFailure,
  })
  const times: number[] = []
  blocks.listen(({ header }) => times.push(header.timestamp - startMs / 1000))

  /** Lets all that can happen now happen. */
  async function settle(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < 20; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      if (seen !== times.length) quiet = 0
      seen = times.length
    }
  }

  async function advance(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 2; i += 1) {
      await clock.advance(500)
      await settle()
    }
  }

  return { driver, engine, transactions, consensus, log, times, failures, settle, advance, clock }
}

type Node = Awaited<ReturnType<typeof createNode>>

let nonce = 0
async function act(node: Node, functionName: string, args: readonly unknown[]): Promise<Hex> {
  const raw = await alice.signTransaction({
    chainId: 78787,
    nonce: nonce++,
    to: board,
    data: encodeFunctionData({ abi: samples().Board.abi, functionName, args }),
    gas: 100_000n,
    maxFeePerGas: 4_000_000_000n,
    maxPriorityFeePerGas: 1n,
  })
  return node.transactions.submit(fromHex(raw))
}

describe('createConsensusDriver with one validator', () => {
  test('makes a block a heartbeat when idle, and a second while something is open', async () => {
    nonce = 0
    const node = await createNode(createMemoryStore())
    await node.driver.start()
    await node.advance(31)
    expect(node.times).toEqual([15, 30])
    await act(node, 'open', [1n])
    await node.settle()
    expect(node.times).toEqual([15, 30, 31])
    await node.advance(3)
    expect(node.times).toEqual([15, 30, 31, 32, 33, 34])
    await act(node, 'open', [0n])
    await node.advance(20)
    expect(node.times).toEqual([15, 30, 31, 32, 33, 34, 35, 50])
    await node.driver.stop()
    await node.advance(40)
    expect(node.times).toHaveLength(8)
  })

  test('records who revealed what, so that anyone can follow the beacon', async () => {
    const node = await createNode(createMemoryStore())
    await node.driver.start()
    await node.advance(46)
    await node.driver.stop()
    const { chain } = node.engine
    for (let height = 1; height <= 3; height += 1) {
      const block = node.consensus.get(height)?.block
      const header = chain.byNumber(height)?.header
      const previousBeacon = chain.byNumber(height - 1)?.header.prevRandao ?? zeroHash
      const place = { chainId: 78787, height, previousBeacon }
      const blsKey = scheme.publicKey(key.blsSecret)
      expect(isReveal(place, block?.reveal ?? '0x', { scheme, blsKey })).toBe(true)
      expect(header?.prevRandao).toBe(nextBeacon(previousBeacon, block?.reveal ?? '0x'))
      expect(header?.parentBeaconBlockRoot).toBe(node.consensus.rootAt(height - 1))
      expect(header?.feeRecipient).toBe(block?.proposer)
      expect(block?.executionHash).toBe(chain.byNumber(height)?.blockHash)
    }
  })

  test('stops and says so when the disk is full; what was final stays', async () => {
    nonce = 0
    const store = createMemoryStore()
    let isFull = false
    const disk: KeyValueStore = {
      ...store,
      async batch(writes, options) {
        if (isFull) throw new AppError({ code: 'STORE_FAILED', directory: 'test' })
        return store.batch(writes, options)
      },
    }
    const node = await createNode(disk)
    await node.driver.start()
    await act(node, 'open', [1n])
    await node.advance(3)
    const last = node.engine.chain.head().blockHash
    const { number } = node.engine.chain.head().header
    isFull = true
    expect(await act(node, 'open', [0n]).catch(codeOf)).toBe('STORE_FAILED')
    await node.advance(3)
    expect(node.failures.map(codeOf)).toEqual(['STORE_FAILED'])
    expect(node.engine.chain.head().blockHash).toBe(last)
    isFull = false
    const again = await createNode(disk, node.clock.nowMs())
    expect(again.engine.chain.head().blockHash).toBe(last)
    await again.driver.start()
    await again.advance(2)
    expect(again.engine.chain.byNumber(number)?.blockHash).toBe(last)
    expect(again.engine.chain.head().header.number).toBeGreaterThan(number)
    await again.driver.stop()
  })

  test('includes after a restart what was answered before it', async () => {
    nonce = 0
    const store = createMemoryStore()
    const node = await createNode(store)
    const hashes = [await act(node, 'open', [3n]), await act(node, 'open', [0n])]
    const again = await createNode(store)
    await again.driver.start()
    await again.advance(2)
    expect(hashes.map((hash) => again.engine.chain.place(hash)?.number)).toEqual([1, 1])
    await again.log.flush()
    const left: unknown[] = []
    for await (const raw of again.log.all()) left.push(raw)
    expect(left).toEqual([])
    await again.driver.stop()
  })
})
