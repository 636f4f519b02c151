import { join } from 'node:path'
import type { Clock } from '#base/clock.ts'
import { addressOf } from '#base/crypto/keys.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { openLevelStore } from '#store/level.ts'
import {
  type Genesis,
  type GenesisInput,
  parseGenesis,
  refuseDevelopmentKey,
} from '#chain/core/genesis.ts'
import { createMempool } from '#chain/core/mempool.ts'
import type { Payload } from '#chain/core/payload.ts'
import { createEmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { openConsensusStore } from './consensus-store.ts'
import { createSoloDriver } from './driver.ts'
import { createFeed } from './feed.ts'
import { createDispatch } from './rpc/dispatch.ts'
import { createMethods } from './rpc/methods.ts'
import { type RpcServer, createRpcServer } from './rpc/server.ts'
import { createTransactions } from './transactions.ts'
import { type WriteAhead, openWriteAhead } from './write-ahead.ts'

export interface ChainNodeDeps {
  readonly clock: Clock
  readonly logger: Logger
}

export interface ChainNodeOptions {
  /** The chain lives in `<dataDir>/chain`. */
  readonly dataDir: string
  readonly host?: string
  /** 0: any free port; ask `port()` after the start. */
  readonly port: number
  readonly genesis: GenesisInput
  /** The 32-byte secp256k1 key that proposes blocks and signs reveals. */
  readonly validatorKey: Uint8Array
  /** Called once when no block can be made any more, for instance because the disk is full. */
  readonly onFailure?: (error: unknown) => void
}

/** A running node. */
export interface ChainNode extends Service {
  /** The port that JSON-RPC listens on, HTTP and WebSocket alike; 0 before the start. */
  port(): number
}

interface Running {
  readonly store: KeyValueStore
  readonly log: WriteAhead
  readonly driver: Service
  readonly server: RpcServer
}

/**
 * A node of the chain with one validator, in this process. `start` throws GENESIS_INVALID, DEVELOPMENT_KEYS,
 * STORE_LOCKED (another node runs on the directory), GENESIS_MISMATCH, PORT_TAKEN.
 */
export function createChainNode(deps: ChainNodeDeps, options: ChainNodeOptions): ChainNode {
  let running: Running | undefined
  let port = 0

  async function start(): Promise<void> {
    const genesis = parseGenesis(options.genesis)
    refuseDevelopmentKey(genesis.chainId, addressOf(options.validatorKey))
    const store = await openLevelStore(join(options.dataDir, 'chain'))
    try {
      running = await assemble(deps, options, { store, genesis })
      port = await running.server.listen()
      await running.driver.start()
    } catch (error) {
      await (running === undefined ? store.close() : stop())
      throw error
    }
    deps.logger.info({ port, chainId: genesis.chainId }, 'chain node listens')
  }

  async function stop(): Promise<void> {
    const parts = running
    running = undefined
    if (parts === undefined) return
    await parts.server.close()
    await parts.driver.stop()
    await parts.log.flush().catch(() => undefined) // only forgets what blocks hold
    await parts.store.close()
  }

  return { start, stop, port: () => port }
}

async function assemble(
  { clock, logger }: ChainNodeDeps,
  options: ChainNodeOptions,
  { store, genesis }: { readonly store: KeyValueStore; readonly genesis: Genesis },
): Promise<Running> {
  const pool = createMempool()
  const engine = await createEmbeddedEngine({ store, pool, logger }, { genesis })
  const { chain, simulator, simulateBlocks, replayer, decode, crypto } = engine
  const log = openWriteAhead(store)
  const transactions = createTransactions({ pool, chain, decode, log, logger })
  await transactions.restore()
  const consensus = openConsensusStore(store, chain.genesisHash)
  const blocks = createFeed<Payload>()
  const { validatorKey, onFailure = () => undefined } = options
  const driver = createSoloDriver(
    { engine, transactions, consensus, blocks, clock, logger },
    { genesis, validatorKey, onFailure },
  )
  const methods = createMethods({
    chainId: genesis.chainId,
    chain,
    simulator,
    simulateBlocks,
    replayer,
    transactions,
    pool,
    decode,
    keccak256: crypto.keccak256,
    clock,
    blocks,
    status: () => ({ validators: 1, recoverer: crypto.recoverer }),
    clientVersion: 'quern/0.1.0',
  })
  const { host = '127.0.0.1', port } = options
  const server = createRpcServer(createDispatch(methods, logger), logger, { host, port })
  logger.info({ recoverer: crypto.recoverer, genesis: chain.genesisHash }, 'execution is open')
  return { store, log, driver, server }
}
