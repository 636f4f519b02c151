import { type Abi, type Hex, decodeFunctionResult, encodeFunctionData } from 'viem'
import { type LocalAccount, mnemonicToAccount } from 'viem/accounts'
import { codeOf } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { noopLogger } from '#base/log.ts'
import { type Mempool, createMempool } from '#chain/core/mempool.ts'
import { type GenesisInput, parseGenesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import { toPoolTransaction } from '#chain/exec/embedded/transaction.ts'
import { type EmbeddedEngine, createEmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import type { PayloadAttributes } from '#chain/exec/engine.ts'
import { developmentAddresses } from '#chain/core/development.ts'
import { toKey } from '#store/key.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'

export const devMnemonic = 'test test test test test test test test test test test junk'
export const accounts: readonly LocalAccount[] = [0, 1, 2, 3].map((addressIndex) =>
  mnemonicToAccount(devMnemonic, { addressIndex }),
)
export const feeRecipient: Hex = `0x${'fe'.repeat(20)}`
export const zeroHash: Hex = `0x${'00'.repeat(32)}`

/** A small genesis with funded accounts. */
export function testGenesis(changes: Partial<GenesisInput> = {}): GenesisInput {
  return {
    chainId: 78787,
    timestamp: 1_700_000_000,
    gasLimit: 30_000_000,
    baseFeePerGas: '1000000000',
    accounts: developmentAddresses
      .slice(0, 4)
      .map((address) => ({ address, balanceWei: String(10n ** 24n) })),
    contracts: [],
    calls: [],
    ...changes,
  }
}

/** An engine on a store, driven by hand. */
export interface World {
  readonly engine: EmbeddedEngine
  readonly pool: Mempool
  readonly store: KeyValueStore
  add(raws: readonly Hex[]): void
  build(attributes?: Partial<PayloadAttributes>): Promise<Payload>
  /** Builds a block of the transactions, checks it like a stranger's, finalises it. */
  mine(raws: readonly Hex[], attributes?: Partial<PayloadAttributes>): Promise<Payload>
}

/** Opens a world; a store that holds one already goes on with it. */
export async function createWorld(
  options: {
    readonly genesis?: GenesisInput
    readonly store?: KeyValueStore
    readonly historyBlocks?: number
    readonly keepBlocks?: number
  } = {},
): Promise<World> {
  const store = options.store ?? createMemoryStore()
  const pool = createMempool()
  const genesis = parseGenesis(options.genesis ?? testGenesis())
  const engine = await createEmbeddedEngine(
    { store, pool, logger: noopLogger },
    { historyBlocks: 8, ...options, genesis },
  )

  function add(raws: readonly Hex[]): void {
    for (const raw of raws) {
      const transaction = toPoolTransaction(engine.decode(fromHex(raw)))
      const view = engine.chain.stateAfter(engine.chain.head().blockHash)
      const account = view?.account(toKey(fromHex(transaction.sender)))
      const nonce = Number(account?.nonce ?? 0n)
      const outcome = pool.add(transaction, { nonce, balanceWei: 10n ** 30n })
      if (outcome.kind !== 'added') throw new Error(JSON.stringify(outcome))
    }
  }

  async function build(attributes: Partial<PayloadAttributes> = {}): Promise<Payload> {
    const head = engine.chain.head()
    const hash = head.blockHash
    const { payloadId } = await engine.forkchoiceUpdated(
      { head: hash, safe: hash, finalized: hash },
      {
        timestamp: head.header.timestamp + 1,
        prevRandao: `0x${'ab'.repeat(32)}`,
        feeRecipient,
        withdrawals: [],
        parentBeaconBlockRoot: `0x${'cd'.repeat(32)}`,
        ...attributes,
      },
    )
    return engine.getPayload(payloadId ?? '')
  }

  async function mine(raws: readonly Hex[], attributes?: Partial<PayloadAttributes>) {
    add(raws)
    const payload = await build(attributes)
    const status = await engine.newPayload(payload)
    if (status.kind !== 'valid') throw new Error(JSON.stringify(status))
    const head = payload.blockHash
    await engine.forkchoiceUpdated({ head, safe: head, finalized: head })
    const senders = new Map<Hex, { nonce: number; balanceWei: bigint }>()
    for (const raw of payload.transactions) {
      const { sender, nonce } = toPoolTransaction(engine.decode(raw))
      senders.set(sender, { nonce: nonce + 1, balanceWei: 10n ** 30n })
    }
    pool.settle(senders)
    return payload
  }

  return { engine, pool, store, add, build, mine }
}

/** Calls views of contracts on the head's state. */
export function callerOf({ simulator, chain }: EmbeddedEngine) {
  async function read(
    to: Hex,
    abi: Abi,
    functionName: string,
    args: readonly unknown[] = [],
  ): Promise<unknown> {
    const input = encodeFunctionData({ abi, functionName, args })
    const outcome = await simulator.call({ from: zeroAddress, to, input }, { block: chain.head() })
    if (outcome.kind !== 'done') throw new Error(JSON.stringify({ ...outcome, gasUsed: 0 }))
    return decodeFunctionResult({ abi, functionName, data: toHex(outcome.output) })
  }
  return { read }
}

const zeroAddress: Hex = `0x${'00'.repeat(20)}`

/** The code of what `work` throws. */
export function failureOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return codeOf(error)
  }
}
