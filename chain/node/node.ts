import { join } from 'node:path'
import type { Clock } from '#base/clock.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
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
import { genesisRoot } from '#chain/core/consensus-block.ts'
import { createMempool } from '#chain/core/mempool.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import { createEmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { type ConsensusStore, openConsensusStore } from './consensus-store.ts'
import { createConsensusDriver } from './consensus/driver.ts'
import type { ConsensusNetwork } from './consensus/gossip.ts'
import { silentNetwork } from './consensus/silent-network.ts'
import { type Epochs, openEpochs } from './consensus/epochs.ts'
import { checkFounders, openFirstSet, validatorKeyOf } from './consensus/founders.ts'
import { createFeed } from './feed.ts'
import { createDispatch } from './rpc/dispatch.ts'
import { createMethods } from './rpc/methods.ts'
import { type RpcServer, createRpcServer } from './rpc/server.ts'
import { joinTransactionGossip } from './transaction-gossip.ts'
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
  /**
   * The 32-byte private key of a validator's account; its BLS key follows from it. A node without one follows
   * the chain of a genesis that names validators.
   */
  readonly validatorKey?: Uint8Array
  /** How other nodes are reached; the caller starts it before the node. Without one the node is alone. */
  readonly network?: ConsensusNetwork
  /** Bound on a message's way between nodes plus the time to check a block. */
  readonly deltaMs?: number
  /** Called once when no block can be made any more, for instance because the disk is full. */
  readonly onFailure?: (error: unknown) => void
}

/** A running node. */
export interface ChainNode extends Service {
  /** The port that JSON-RPC listens on, HTTP and WebSocket alike; 0 before the start. */
  port(): number
  /** What a light client trusts: genesis and first validators; undefined before the start. */
  genesisRoot(): Hex | undefined
}

interface Running {
  readonly store: KeyValueStore
  readonly log: WriteAhead
  readonly driver: Service
  readonly server: RpcServer
  readonly root: Hex
  /** Ends the sharing of transactions. */
  readonly endSharing: () => Promise<void>
}

const deltaMsDefault = 1_000
/** A leader's view ends after two deltas, the rest of a block's work included. */
const buildMsMaxAlone = 1_000
/** The others run the block again before they vote, within the same second. */
const buildMsMaxShared = 400

/**
 * A node of the chain in this process. `start` throws GENESIS_INVALID, DEVELOPMENT_KEYS, POSSESSION_FALSE,
 * STORE_LOCKED (another node runs on the directory), GENESIS_MISMATCH, PORT_TAKEN.
 */
export function createChainNode(deps: ChainNodeDeps, options: ChainNodeOptions): ChainNode {
  let running: Running | undefined
  let port = 0
  let root: Hex | undefined

  async function start(): Promise<void> {
    const genesis = parseGenesis(options.genesis)
    const { validatorKey } = options
    if (validatorKey !== undefined) refuseDevelopmentKey(genesis.chainId, addressOf(validatorKey))
    const store = await openLevelStore(join(options.dataDir, 'chain'))
    try {
      running = await assemble(deps, options, { store, genesis })
      port = await running.server.listen()
      root = running.root
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
    await parts.endSharing()
    await parts.driver.stop()
    await parts.log.flush().catch(() => undefined) // only forgets what blocks hold
    await parts.store.close()
  }

  return { start, stop, port: () => port, genesisRoot: () => root }
}

async function assemble(
  { clock, logger }: ChainNodeDeps,
  options: ChainNodeOptions,
  { store, genesis }: { readonly store: KeyValueStore; readonly genesis: Genesis },
): Promise<Running> {
  const scheme = await loadScheme()
  checkFounders(genesis, scheme)
  const pool = createMempool()
  const isAlone = (genesis.validators?.length ?? 1) === 1
  const buildMsMax = isAlone ? buildMsMaxAlone : buildMsMaxShared
  const engine = await createEmbeddedEngine({ store, pool, logger, clock }, { genesis, buildMsMax })
  const { chain, simulator, simulateBlocks, replayer, decode, crypto } = engine
  const log = openWriteAhead(store)
  const transactions = createTransactions({ pool, chain, decode, log, logger })
  await transactions.restore()
  const key = options.validatorKey && validatorKeyOf(options.validatorKey)
  const founders = await openFirstSet({ store, engine, scheme }, { genesis, key })
  const root = genesisRoot(chain.genesisHash, founders.validators)
  const consensus = openConsensusStore(store, root)
  refuseOtherFounders(consensus)
  const blocks = createFeed<Payload>()
  const { onFailure = () => undefined, deltaMs = deltaMsDefault, network = silentNetwork } = options
  const epochs = await openEpochs({ engine, consensus })
  const services = { blocks, scheme, network, clock, logger }
  const parts = { engine, store, transactions, consensus, epochs, ...services }
  const driver = await createConsensusDriver(parts, { genesis, key, deltaMs, onFailure })
  const methods = createMethods({
    chainId: genesis.chainId,
    chain,
    simulator,
    simulateBlocks,
    replayer,
    consensus,
    epochs,
    founders: founders.validators,
    transactions,
    pool,
    decode,
    keccak256: crypto.keccak256,
    clock,
    blocks,
    status: () => ({ validators: votersNow(epochs, chain), recoverer: crypto.recoverer }),
    clientVersion: 'quern/0.1.0',
  })
  const { host = '127.0.0.1', port } = options
  const server = createRpcServer(createDispatch(methods, logger), logger, { host, port })
  const drivers = { recoverer: crypto.recoverer, scheme: scheme.driver }
  logger.info({ ...drivers, genesis: chain.genesisHash }, 'execution is open')
  const sharing = { network, transactions, clock, logger }
  const endSharing = await joinTransactionGossip(sharing, genesis.chainId)
  return { store, log, driver, server, endSharing, root }
}

function votersNow(epochs: Epochs, chain: Chain): number {
  const { set } = epochs.at(chain.finalised().header.number + 1)
  return set.validators.filter(({ weight }) => weight > 0).length
}

/** Throws GENESIS_MISMATCH where the stored chain began with other validators. */
function refuseOtherFounders(consensus: ConsensusStore): void {
  const stored = consensus.get(1)?.block.parentRoot
  const expected = consensus.rootAt(0)
  if (stored !== undefined && stored !== expected) {
    throw new AppError({ code: 'GENESIS_MISMATCH', stored, expected })
  }
}
