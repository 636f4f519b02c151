import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '#base/hex.ts'
import { createBlstScheme } from '#base/crypto/bls/blst.ts'
import { type FakeClock, createFakeClock } from '#base/clock.ts'
import { noopLogger } from '#base/log.ts'
import { genesisRoot } from '#chain/core/consensus-block.ts'
import { type Genesis, parseGenesis } from '#chain/core/genesis.ts'
import { createMempool } from '#chain/core/mempool.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createEmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { openConsensusStore } from '#chain/node/consensus-store.ts'
import type { OnConviction } from '#chain/node/consensus/accusing.ts'
import { createConsensusDriver } from '#chain/node/consensus/driver.ts'
import { openEpochs } from '#chain/node/consensus/epochs.ts'
import { founderOf, openFirstSet, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { createFeed } from '#chain/node/feed.ts'
import { createTransactions } from '#chain/node/transactions.ts'
import { openWriteAhead } from '#chain/node/write-ahead.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'
import { systemGenesis } from '#chain/node/system-contracts.ts'
import { testGenesis } from '#test/unit/chain/exec/world.ts'
import { type Hub, createHub } from './hub.ts'

export const scheme = createBlstScheme()
const privateKeyAt = (index: number) => new Uint8Array(32).fill(index + 1)
export const keyAt = (index: number) => validatorKeyOf(privateKeyAt(index))
export const accountAt = (index: number) => privateKeyToAccount(toHex(privateKeyAt(index)))
const startMs = 1_700_000_000_000

export type Member = Awaited<ReturnType<typeof startMember>>

/** Several nodes in this process, on one clock that stands until it is moved. */
export interface ValidatorsWorld {
  readonly genesis: Genesis
  readonly clock: FakeClock
  readonly hub: Hub
  readonly stores: readonly KeyValueStore[]
  /** What nodes say whom they can convict, in order, and whether the contract has heard it. */
  readonly convictions: { readonly by: number; readonly seat: number }[]
  isHeard: boolean
  /** Starts a node: a validator where the index is in the set, else a follower. */
  start(index: number, store?: KeyValueStore): Promise<Member>
  advance(seconds: number): Promise<void>
}

/**
 * Founders are the first `count` nodes. With `epochBlocks` the contract `ValidatorSet` stands there, and every
 * node has a key with coin, so that it may become a validator.
 */
export function createValidatorsWorld(
  count: number,
  {
    epochBlocks,
    nodes = count + 1,
  }: { readonly epochBlocks?: bigint; readonly nodes?: number } = {},
): ValidatorsWorld {
  const clock = createFakeClock(startMs)
  const hub = createHub()
  const stores = Array.from({ length: nodes }, () => createMemoryStore())
  const validators = Array.from({ length: count }, (_, i) => founderOf(scheme, keyAt(i), 78787))
  const genesis = parseGenesis({ ...genesisWith(nodes, epochBlocks), validators })

  async function advance(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 4; i += 1) {
      await clock.advance(250)
      await settle()
    }
  }

  const world: ValidatorsWorld = {
    genesis,
    clock,
    hub,
    stores,
    convictions: [],
    isHeard: true,
    advance,
    async start(index, store = stores[index]) {
      if (store === undefined) throw new RangeError('no such node')
      const member = await startMember({
        index,
        genesis,
        clock,
        hub,
        store,
        keys: epochBlocks === undefined ? count : nodes,
        onConviction: async ({ guilty }) => {
          world.convictions.push({ by: index, seat: guilty.seat })
          return world.isHeard
        },
      })
      await member.driver.start()
      await settle()
      return member
    },
  }
  return world
}

function genesisWith(nodes: number, epochBlocks: bigint | undefined) {
  if (epochBlocks === undefined) return testGenesis()
  const accounts = Array.from({ length: nodes }, (_, i) => ({
    address: keyAt(i).address,
    balanceWei: String(10n ** 22n),
  }))
  const system = systemGenesis({ epochBlocks, thawSeconds: 60n })
  return testGenesis({ ...system, accounts })
}

/** Lets all that can happen now happen: disks and checks answer in macrotasks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

interface Start {
  readonly index: number
  readonly genesis: ReturnType<typeof parseGenesis>
  readonly clock: FakeClock
  readonly hub: Hub
  readonly store: KeyValueStore
  /** Nodes with a key. */
  readonly keys: number
  readonly onConviction: OnConviction
}

async function startMember(start: Start) {
  const { index, genesis, clock, hub, store, keys, onConviction } = start
  const logger = noopLogger
  const pool = createMempool()
  const engine = await createEmbeddedEngine({ store, pool, logger }, { genesis })
  const { chain, decode } = engine
  const log = openWriteAhead(store)
  const transactions = createTransactions({ pool, chain, decode, log, logger })
  await transactions.restore()
  const key = index < keys ? keyAt(index) : undefined
  const set = await openFirstSet({ store, engine, scheme }, { genesis, key })
  const consensus = openConsensusStore(store, genesisRoot(chain.genesisHash, set.validators))
  const blocks = createFeed<Payload>()
  const peerId = `peer ${index}`
  const network = hub.join(peerId)
  const failures: unknown[] = []
  const onFailure = (error: unknown) => failures.push(error)
  const epochs = await openEpochs({ engine, consensus })
  const services = { blocks, scheme, network, clock, logger }
  const parts = { engine, store, transactions, consensus, epochs, ...services }
  const driver = await createConsensusDriver(parts, {
    genesis,
    key,
    deltaMs: 500,
    onFailure,
    onConviction,
  })

  /** Ends without a word, as a killed process does: nothing that is not in the store stays. */
  async function kill(): Promise<void> {
    hub.leave(peerId)
    await driver.stop()
  }

  return {
    index,
    driver,
    engine,
    chain,
    transactions,
    consensus,
    epochs,
    failures,
    peerId,
    kill,
    set,
  }
}
