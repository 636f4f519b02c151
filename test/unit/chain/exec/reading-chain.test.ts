import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, encodeDeployData, encodeFunctionData, getContractAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { type ReadingChain, openReadingChain } from '#chain/exec/embedded/reading-chain.ts'
import { type Reading, createReading } from '#chain/exec/embedded/reading.ts'
import { type LevelReader, openLevelReader, openLevelStore } from '#store/level.ts'
import { toKey } from '#store/key.ts'
import { samples } from '../samples.ts'
import { type World, accounts, createWorld, testGenesis, zeroHash } from './world.ts'

const seed = 7_001
const [alice, bob] = accounts as [(typeof accounts)[0], (typeof accounts)[0]]
const token = getContractAddress({ from: alice.address, nonce: 0n })
const { Token } = samples()
const fees = { chainId: 78787, maxFeePerGas: 3_000_000_000n, maxPriorityFeePerGas: 1n }
const balance = encodeFunctionData({
  abi: Token.abi,
  functionName: 'balanceOf',
  args: [bob.address],
})
const pay = encodeFunctionData({
  abi: Token.abi,
  functionName: 'transfer',
  args: [bob.address, 1n],
})
const deploy = encodeDeployData({ abi: Token.abi, bytecode: Token.bytecode, args: [1000n] })

describe('openReadingChain', () => {
  let directory = ''
  let world: World
  let store: Awaited<ReturnType<typeof openLevelStore>>
  let reader: LevelReader
  let chain: ReadingChain
  let reading: Reading
  let nonce = 0

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quern-reading-'))
    store = await openLevelStore(directory)
    world = await createWorld({ store })
    reader = await openLevelReader(directory)
    chain = openReadingChain(reader, { historyBlocks: 8 })
    reading = await createReading(chain, { chainId: 78787, recorder: undefined })
    await mine({ data: deploy })
  })
  afterAll(async () => {
    await reader.close()
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })

  /** One transaction of alice's in a block; the state that it leaves holds one more coin of bob's. */
  async function mine(call: { data: Hex; to?: Hex } = { data: pay, to: token }) {
    const raw = await alice.signTransaction({ ...fees, ...call, nonce, gas: 1_000_000n })
    nonce += 1
    return world.mine([raw])
  }

  async function coinsAfter(blockHash: Hex): Promise<bigint | undefined> {
    const block = chain.byHash(blockHash)
    if (block === undefined) return undefined
    const request = {
      from: alice.address.toLowerCase() as Hex,
      to: token,
      input: balance,
    }
    const outcome = await reading.simulator.call(request, { block })
    return outcome.kind === 'done' ? BigInt(toHex(outcome.output)) : undefined
  }

  test(`is at each moment where it was told to be, while blocks go on (seed ${seed})`, async () => {
    const rng = createRng(seed)
    chain.follow()
    expect(chain.head().header.number).toBe(1)
    const known = [chain.head().blockHash] // by height - 1
    for (let round = 0; round < 12; round += 1) {
      const before = chain.head()
      const coins = await coinsAfter(before.blockHash) // fills what it keeps in memory
      const asked = coinsAfter(before.blockHash)
      for (let i = rng.below(3); i >= 0; i -= 1) known.push((await mine()).blockHash)
      // The store has moved on; the reader has not.
      expect(chain.head()).toBe(before)
      expect(chain.byHash(known.at(-1) ?? zeroHash)).toBeUndefined()
      expect(await coinsAfter(before.blockHash)).toBe(coins)
      const added = chain.follow()
      expect(added.map(({ blockHash }) => blockHash)).toEqual(known.slice(before.header.number))
      expect(await asked).toBe(coins)
      const heights = [before.header.number, known.length]
      for (const height of heights) {
        expect(await coinsAfter(known[height - 1] ?? zeroHash), `at ${height}`).toBe(
          BigInt(height - 1),
        )
      }
    }
    expect(await coinsAfter(known[0] ?? zeroHash).catch((error: Error) => error.message)).toMatch(
      /STATE_UNKNOWN/,
    )
  })

  test('shows receipts, places and proofs as the engine does', async () => {
    const block = await mine()
    chain.follow()
    const engine = world.engine.chain
    expect(chain.receipts(block)).toEqual(engine.receipts(block))
    const [receipt] = engine.receipts(block)
    expect(chain.place(receipt?.transactionHash ?? zeroHash)).toEqual({
      number: block.header.number,
      index: 0,
    })
    const account = toKey(fromHex(alice.address))
    expect(chain.stateAfter(block.blockHash)?.account(account)).toEqual(
      engine.stateAfter(block.blockHash)?.account(account),
    )
    expect(chain.genesisHash).toBe(
      (await createWorld({ genesis: testGenesis() })).engine.chain.genesisHash,
    )
  })
})
