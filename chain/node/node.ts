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
import type { OnConviction } from './consensus/accusing.ts'
import { type Mempool, createMempool } from '#chain/core/mempool.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import { type EmbeddedEngine, createEmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { type ExecutionClient, connectClient } from '#chain/exec/engine-http/connect.ts'
import { openWitnessedEngine } from '#chain/exec/engine-http/witness.ts'
import { type ConsensusStore, openConsensusStore } from './consensus-store.ts'
import { createConsensusDriver } from './consensus/driver.ts'
import type { ConsensusNetwork } from './consensus/gossip.ts'
import { silentNetwork } from './consensus/silent-network.ts'
import { type Epochs, openEpochs } from './consensus/epochs.ts'
import { checkFounders, openFirstSet, validatorKeyOf } from './consensus/founders.ts'
import { createFeed } from './feed.ts'
import { keepHeapSmall } from './heap.ts'
import { createLive } from './rpc/live.ts'
import type { RpcServer } from './rpc/server.ts'
import { createThreadedRpc } from './rpc/thread/server.ts'
import { serveSnapshots } from './snapshot/serving.ts'
import { beginWithSnapshot } from './snapshot/begin.ts'
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
  /**
   * 32-byte private keys of workers' operators: the node makes the blocks that their work won. Their BLS keys
   * follow in the same way.
   */
  readonly leaderKeys?: readonly Uint8Array[]
  /** How other nodes are reached; the caller starts it before the node. Without one the node is alone. */
  readonly network?: ConsensusNetwork
  /**
   * A consensus root or block hash of the chain's past. A node without a chain begins with a snapshot of a recent
   * state instead of all blocks: as soon as peers have one whose past holds this hash.
   */
  readonly trust?: Hex | undefined
  /** How many final blocks are kept whole, at least 1024; `archive` keeps every block and every state. */
  readonly keepBlocks?: number
  readonly archive?: boolean
  /** Bound on a message's way between nodes plus the time to check a block. */
  readonly deltaMs?: number
  readonly onConviction?: OnConviction | undefined
  /** A client that judges every block as well, and follows the chain (`openWitnessedEngine`). */
  readonly execution?: ExecutionClient | undefined
  /** Called once when no block can be made any more, for instance because the disk is full. */
  readonly onFailure?: (error: unknown) => void
}

/** A running node. */
export interface ChainNode extends Service {
  /** The port that JSON-RPC listens on, HTTP and WebSocket alike; 0 before the start. */
  port(): number
  /** What a light client trusts: genesis and first validators; undefined before the start. */
  genesisRoot(): Hex | undefined
  /** The root of the newest final block, from which others may begin; undefined before the first. */
  checkpoint(): Hex | undefined
}

interface Running {
  readonly store: KeyValueStore
  readonly log: WriteAhead
  readonly driver: Service
  readonly server: RpcServer
  readonly root: Hex
  readonly checkpoint: () => Hex | undefined
  /** Ends the sharing of transactions and snapshots. */
  readonly endSharing: () => Promise<void>
}

const deltaMsDefault = 1_000
/** A leader's view ends after two deltas, the rest of a block's work included. */
const buildMsMaxAlone = 1_000
/** The others run the block again before they vote, within the same second. */
const buildMsMaxShared = 400
/** A day and a half of blocks at one a second. */
export const keepBlocksDefault = 131_072
export const keepBlocksMin = 1_024

/**
 * A node of the chain in this process. `start` throws GENESIS_INVALID, DEVELOPMENT_KEYS, POSSESSION_FALSE,
 * STORE_LOCKED (another node runs on the directory), GENESIS_MISMATCH, PORT_TAKEN; with an execution client also
 * what `openWitnessedEngine` throws.
 */
export function createChainNode(deps: ChainNodeDeps, options: ChainNodeOptions): ChainNode {
  let running: Running | undefined
  let starting = new AbortController()
  let port = 0
  let root: Hex | undefined

  async function start(): Promise<void> {
    keepHeapSmall()
    const genesis = parseGenesis(options.genesis)
    const { validatorKey, leaderKeys = [] } = options
    for (const key of [validatorKey, ...leaderKeys]) {
      if (key !== undefined) refuseDevelopmentKey(genesis.chainId, addressOf(key))
    }
    const store = await openLevelStore(chainDirectory(options))
    starting = new AbortController()
    try {
      const place = { store, genesis, signal: starting.signal }
      await beginWithSnapshot({ ...deps, network: options.network }, options, place)
      running = await assemble(deps, options, place)
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
    starting.abort(new AppError({ code: 'STOPPING' }))
    const parts = running
    running = undefined
    if (parts === undefined) return
    await parts.server.close()
    await parts.endSharing()
    await parts.driver.stop()
    await parts.log.flush().catch(() => undefined) // only forgets what blocks hold
    await parts.store.close()
  }

  return {
    start,
    stop,
    port: () => port,
    genesisRoot: () => root,
    checkpoint: () => running?.checkpoint(),
  }
}

function chainDirectory({ dataDir }: ChainNodeOptions): string {
  return join(dataDir, 'chain')
}

/** How much of the past is kept, as the stores want to hear it. */
function historyOf({ archive = false, keepBlocks = keepBlocksDefault }: ChainNodeOptions): {
  readonly keepBlocks: number
  readonly historyBlocks?: number
} {
  if (!archive) return { keepBlocks: Math.max(keepBlocksMin, keepBlocks) }
  return { keepBlocks: Number.MAX_SAFE_INTEGER, historyBlocks: Number.MAX_SAFE_INTEGER }
}

interface NodePlace {
  readonly store: KeyValueStore
  readonly genesis: Genesis
  /** Ends a start. */
  readonly signal: AbortSignal
}

async function assemble(
  { clock, logger }: ChainNodeDeps,
  options: ChainNodeOptions,
  place: NodePlace,
): Promise<Running> {
  const { store, genesis } = place
  const scheme = await loadScheme()
  checkFounders(genesis, scheme)
  const pool = createMempool()
  const history = historyOf(options)
  const engine = await openEngine({ clock, logger }, options, { ...place, pool })
  const { chain, decode, crypto } = engine
  const log = openWriteAhead(store)
  const transactions = createTransactions({ pool, chain, decode, log, logger })
  await transactions.restore()
  const key = options.validatorKey && validatorKeyOf(options.validatorKey)
  const founders = await openFirstSet({ store, engine, scheme }, { genesis, key })
  const root = genesisRoot(chain.genesisHash, founders.validators)
  const consensus = openConsensusStore(store, root, history)
  refuseOtherFounders(consensus)
  const blocks = createFeed<Payload>()
  const { onFailure = () => undefined, deltaMs = deltaMsDefault, network = silentNetwork } = options
  const epochs = await openEpochs({ engine, consensus })
  const services = { blocks, scheme, network, clock, logger }
  const parts = { engine, store, transactions, consensus, epochs, ...services }
  const leaderSecrets = (options.leaderKeys ?? []).map((own) => validatorKeyOf(own).blsSecret)
  const driver = await createConsensusDriver(parts, {
    genesis,
    key,
    leaderSecrets,
    deltaMs,
    onFailure,
    onConviction: options.onConviction,
  })
  const status = () => ({ validators: votersNow(epochs, chain), recoverer: crypto.recoverer })
  const live = createLive({ chain, transactions, pool, clock, status })
  const { host = '127.0.0.1', port } = options
  const { added } = transactions
  const server = createThreadedRpc(
    { live, blocks, added, clock, logger },
    {
      directory: chainDirectory(options),
      host,
      port,
      chainId: genesis.chainId,
      recorder: genesis.recorder,
      genesisRoot: root,
      founders: founders.validators,
      epochBlocks: epochs.blocks,
      historyBlocks: history.historyBlocks,
      clientVersion: 'quern/0.1.0',
    },
  )
  const drivers = { recoverer: crypto.recoverer, scheme: scheme.driver }
  logger.info({ ...drivers, genesis: chain.genesisHash }, 'execution is open')
  const sharing = { network, transactions, clock, logger }
  const endSharing = await joinTransactionGossip(sharing, genesis.chainId)
  const epochBlocks = epochs.blocks
  const serving = { network, chain, snapshots: engine.snapshots, consensus, epochBlocks }
  const endServing = await serveSnapshots(serving, genesis.chainId)
  const endAll = () => Promise.all([endSharing(), endServing()]).then(() => undefined)
  const checkpoint = () => consensus.rootAt(chain.finalised().header.number)
  return { store, log, driver, server, endSharing: endAll, root, checkpoint }
}

/** Execution in this process, with a client as second judge where one is wanted. */
async function openEngine(
  { clock, logger }: ChainNodeDeps,
  options: ChainNodeOptions,
  { store, genesis, signal, pool }: NodePlace & { readonly pool: Mempool },
): Promise<EmbeddedEngine> {
  const isAlone = (genesis.validators?.length ?? 1) === 1
  const buildMsMax = isAlone ? buildMsMaxAlone : buildMsMaxShared
  const own = await createEmbeddedEngine(
    { store, pool, logger, clock },
    { genesis, buildMsMax, ...historyOf(options) },
  )
  const { execution } = options
  if (execution === undefined) return own
  const connected = connectClient(clock, execution, own.crypto)
  return openWitnessedEngine({ own, clock, logger, ...connected }, { genesis, signal })
}

function votersNow(epochs: Epochs, chain: Chain): number {
  const { set } = epochs.at(chain.finalised().header.number + 1)
  return set.validators.filter(({ weight }) => weight > 0).length
}

/** Throws GENESIS_MISMATCH where the stored chain began with other validators. */
function refuseOtherFounders(consensus: ConsensusStore): void {
  const stored = consensus.origin()
  const expected = consensus.rootAt(0)
  if (stored !== undefined && stored !== expected) {
    throw new AppError({ code: 'GENESIS_MISMATCH', stored, expected })
  }
}
