import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { toKey } from '#store/key.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { nextBaseFeePerGas } from '#chain/core/fee.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import { type Header, headerHash, zeroHash } from '#chain/core/header.ts'
import { type Payload, resealPayload } from '#chain/core/payload.ts'
import type { ExecutionEngine, Forkchoice, PayloadAttributes, PayloadStatus } from '../engine.ts'
import type { ExecutedBlock } from './block-tree.ts'
import { type Chain, type WritableChain, openChain } from './chain.ts'
import { createChainCommon } from './chain-common.ts'
import { type FastCrypto, loadCrypto } from './crypto.ts'
import { type Machine, createMachine } from './machine.ts'
import { type Replayer, createReplayer } from './replay.ts'
import { type BlockRun, type TransactionSource, runBlock } from './run-block.ts'
import { type SimulateBlocks, createSimulateBlocks } from './simulate-blocks.ts'
import { type Simulator, createSimulator } from './simulate.ts'
import {
  type TransactionPool,
  headerFault,
  listSource,
  type Plan,
  outcomeFault,
  payloadOf,
  poolSource,
} from './sources.ts'
import { type Snapshots, createSnapshots } from './snapshot.ts'
import { type Decode, createDecoder } from './transaction.ts'
import { readerOf, viewAfter } from './reading.ts'
import { createReadingMachine } from './reading-machine.ts'

export interface EngineDeps {
  readonly store: KeyValueStore
  readonly pool: TransactionPool
  readonly logger: Logger
  readonly clock?: Pick<Clock, 'nowMs'>
}

export interface EngineOptions {
  readonly genesis: Genesis
  /** How long a block that is built may run transactions, by the clock: the others run it again in time. */
  readonly buildMsMax?: number
  /** How many states below the finalised one stay readable. */
  readonly historyBlocks?: number
  /** How many blocks below the finalised one stay whole, at least 256; by default all. */
  readonly keepBlocks?: number
}

/** The embedded driver: the engine, and what the node reads beside it. */
export interface EmbeddedEngine extends ExecutionEngine {
  readonly chain: Chain
  readonly simulator: Simulator
  readonly simulateBlocks: SimulateBlocks
  readonly replayer: Replayer
  readonly crypto: FastCrypto
  readonly decode: Decode
  readonly snapshots: Snapshots
}

/** Opens execution in this process, on @ethereumjs. Throws GENESIS_MISMATCH, GENESIS_FAILED. */
export async function createEmbeddedEngine(
  deps: EngineDeps,
  options: EngineOptions,
): Promise<EmbeddedEngine> {
  const { genesis, historyBlocks = 256, keepBlocks = Number.MAX_SAFE_INTEGER } = options
  const crypto = await loadCrypto()
  const common = createChainCommon(genesis.chainId, crypto)
  const chain = await openChain(deps.store, {
    genesis,
    historyBlocks,
    keepBlocks,
    common,
    crypto,
  })
  const machine = await createMachine(common, crypto)
  const decode = createDecoder(common, crypto)
  const turns = createReadingMachine({ common, crypto })
  const simulator = createSimulator(chain, turns)
  const { recorder } = genesis
  const simulateBlocks = createSimulateBlocks({ chain, turns, recorder })
  const replayer = createReplayer({ chain, turns, decode, recorder })
  const { pool, logger, clock } = deps
  const { buildMsMax = Infinity } = options
  const deadline = deadlineOf(clock, buildMsMax)
  const driver = createDriver({ chain, machine, decode, genesis, pool, logger, deadline })
  const snapshots = createSnapshots(chain, deps.store, crypto)
  return { ...driver, chain, simulator, simulateBlocks, replayer, crypto, decode, snapshots }
}

interface DriverParts {
  readonly chain: WritableChain
  readonly machine: Machine
  readonly decode: Decode
  readonly genesis: Genesis
  readonly pool: TransactionPool
  readonly logger: Logger
  readonly deadline: () => () => boolean
}

/** Gives, when a block is begun, what tells that its time is over. */
function deadlineOf(clock: EngineDeps['clock'], buildMsMax: number): () => () => boolean {
  if (clock === undefined) return () => () => false
  return () => {
    const endMs = clock.nowMs() + buildMsMax
    return () => clock.nowMs() > endMs
  }
}

function createDriver(parts: DriverParts): ExecutionEngine {
  const { chain, decode } = parts
  const run = createRun(parts)
  const builder = createBuilder(parts, run)

  async function newPayload(payload: Payload): Promise<PayloadStatus> {
    if (payload.blockHash !== headerHash(payload.header)) return invalid('block hash is wrong')
    if (chain.header(payload.blockHash) !== undefined) return { kind: 'valid' }
    const parent = chain.byHash(payload.header.parentHash)
    if (parent === undefined) return { kind: 'syncing' }
    if (parent.header.number < chain.finalised().header.number) {
      return invalid('another block of this height is final')
    }
    const fault = headerFault(parent.header, payload, follow(parent.header))
    if (fault !== undefined) return invalid(fault)
    const known = builder.find(payload)
    if (known !== undefined) {
      const { transactions, withdrawals } = known.payload
      chain.add({ ...known, payload: { ...payload, transactions, withdrawals } })
      return { kind: 'valid' }
    }
    const source = listSource(payload.transactions, decode)
    const plan = { ...payload.header, withdrawals: payload.withdrawals }
    const outcome = await run(parent, plan, source)
    const reason = source.fault() ?? outcomeFault(payload.header, outcome)
    if (reason !== undefined) return invalid(reason)
    chain.add({ payload, receipts: outcome.receipts, changes: outcome.changes })
    return { kind: 'valid' }
  }

  async function forkchoiceUpdated(forkchoice: Forkchoice, attributes?: PayloadAttributes) {
    const parent = chain.byHash(forkchoice.head)
    if (parent === undefined) return { status: { kind: 'syncing' } as const }
    await chain.advance(forkchoice)
    if (attributes === undefined) return { status: { kind: 'valid' } as const }
    if (attributes.timestamp <= parent.header.timestamp) {
      return { status: invalid('timestamp does not rise') }
    }
    const payloadId = builder.begin({ parent, attributes })
    return { status: { kind: 'valid' } as const, payloadId }
  }

  const read = readerOf(chain)
  const balance = async (blockHash: Hex, address: Hex) =>
    viewAfter(chain, blockHash).account(toKey(fromHex(address)))?.balance ?? 0n

  const { finish: getPayload } = builder
  return { newPayload, forkchoiceUpdated, getPayload, reseal: resealPayload, read, balance }
}

type Run = (parent: Payload, plan: Plan, source: TransactionSource) => Promise<BlockRun>

function createRun({ chain, machine, genesis, logger }: DriverParts): Run {
  return async (parent, plan, source) => {
    const view = chain.stateAfter(parent.blockHash)
    if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash: parent.blockHash })
    const outcome = await runBlock(machine, {
      environment: plan,
      withdrawals: plan.withdrawals,
      parentStateRoot: fromHex(parent.header.stateRoot),
      view,
      hashOf: chain.ancestors(parent),
      recorder: genesis.recorder,
      source,
    })
    if (!outcome.hasRecorded) logger.error({ number: plan.number }, 'the recorder reverted')
    return outcome
  }
}

interface Build {
  readonly parent: Payload
  readonly attributes: PayloadAttributes
}

const buildsMax = 8

/** Blocks asked for, and blocks built: one that comes back resealed need not be run again. */
function createBuilder({ decode, pool, deadline }: DriverParts, run: Run) {
  const builds = new Map<string, Build>()
  const built = new Map<Hex, ExecutedBlock>() // by the hash that they have with a zero extraData
  let count = 0

  function begin(build: Build): string {
    count += 1
    builds.set(String(count), build)
    builds.delete(String(count - buildsMax))
    return String(count)
  }

  async function finish(payloadId: string): Promise<Payload> {
    const build = builds.get(payloadId)
    if (build === undefined) throw new AppError({ code: 'PAYLOAD_UNKNOWN', payloadId })
    builds.delete(payloadId)
    const { parent, attributes } = build
    const plan: Plan = {
      ...attributes,
      ...follow(parent.header),
      number: parent.header.number + 1,
      parentHash: parent.blockHash,
    }
    const { baseFeePerGas } = plan
    const source = poolSource(pool, { baseFeePerGas, decode, isOver: deadline() })
    const outcome = await run(parent, plan, source)
    const payload = payloadOf(plan, outcome)
    const { receipts, changes } = outcome
    built.set(payload.blockHash, { payload, receipts, changes })
    const oldest = built.keys().next()
    if (built.size > buildsMax && oldest.done !== true) built.delete(oldest.value)
    return payload
  }

  const find = (payload: Payload) => built.get(resealPayload(payload, zeroHash).blockHash)
  return { begin, finish, find }
}

function invalid(reason: string): PayloadStatus {
  return { kind: 'invalid', reason }
}

/** What a parent fixes for its child. */
function follow(parent: Header): Pick<Header, 'baseFeePerGas' | 'gasLimit'> {
  return { baseFeePerGas: nextBaseFeePerGas(parent), gasLimit: parent.gasLimit }
}
