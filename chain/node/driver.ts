import { AppError } from '#base/error.ts'
import type { Clock } from '#base/clock.ts'
import { addressOf, signDigest } from '#base/crypto/keys.ts'
import type { Hex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import { nextBeacon, revealDigest } from '#chain/core/beacon.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import { blockDueMs, blockTimestamp } from '#chain/core/timing.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { modelHashAfter, openWorkAfter } from './chain-reads.ts'
import type { ConsensusStore } from './consensus-store.ts'
import type { Feed } from './feed.ts'
import type { Transactions } from './transactions.ts'

export interface DriverDeps {
  readonly engine: EmbeddedEngine
  readonly transactions: Transactions
  readonly consensus: ConsensusStore
  /** Told of each block once it is final and on the disk. */
  readonly blocks: Feed<Payload>
  readonly clock: Clock
  readonly logger: Logger
}

export interface DriverOptions {
  readonly genesis: Genesis
  readonly validatorKey: Uint8Array
  /** Called once when no block can be made any more, for instance because the disk is full. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Consensus of one validator: it proposes every block and finalises it at once. Everything else of the
 * node knows only that blocks become final; a driver for many validators takes this one's place.
 */
export function createSoloDriver(deps: DriverDeps, options: DriverOptions): Service {
  const { engine, transactions, clock, logger } = deps
  const { genesis } = options
  let stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const parent = engine.chain.head()
      const openWork = await openWorkAfter(parent, engine.simulator, genesis.openWork)
      await untilDue(parent, openWork > 0n, signal)
      if (!signal.aborted) await produce(parent)
    }
  }

  async function untilDue(parent: Payload, hasOpenWork: boolean, signal: AbortSignal) {
    while (!signal.aborted) {
      const open = { hasOpenWork, hasTransactions: transactions.hasExecutable() }
      const waitMs = blockDueMs(parent.header, open) - clock.nowMs()
      if (waitMs <= 0) return
      await pause(deps, waitMs, { signal, wakes: !open.hasTransactions })
    }
  }

  async function produce(parent: Payload): Promise<void> {
    const payload = await propose(deps, options, parent)
    transactions.settle(payload)
    deps.blocks.emit(payload)
    const { number, gasUsed } = payload.header
    const count = payload.transactions.length
    logger.debug({ number, count, gasUsed: Number(gasUsed) }, 'block finalised')
  }

  return {
    async start() {
      stopping = new AbortController()
      running = run(stopping.signal).catch((error: unknown) => {
        if (stopping.signal.aborted) return
        logger.error({ error: String(error) }, 'no more blocks can be made')
        options.onFailure(error)
      })
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPING' }))
      await running
    },
  }
}

/** Waits; a new transaction ends it early where it would bring the block forward. */
async function pause(
  { clock, transactions }: Pick<DriverDeps, 'clock' | 'transactions'>,
  waitMs: number,
  { signal, wakes }: { readonly signal: AbortSignal; readonly wakes: boolean },
): Promise<void> {
  const waking = new AbortController()
  const end = wakes ? transactions.added.listen(() => waking.abort()) : () => undefined
  try {
    await clock.sleep(waitMs, AbortSignal.any([signal, waking.signal]))
  } catch (error) {
    if (!signal.aborted && !waking.signal.aborted) throw error
  } finally {
    end()
  }
}

/** Makes the block after `parent`, records what consensus says of it, and finalises it. */
async function propose(
  { engine, consensus, clock }: DriverDeps,
  { genesis, validatorKey }: DriverOptions,
  parent: Payload,
): Promise<Payload> {
  const height = parent.header.number + 1
  const previousBeacon = parent.header.prevRandao
  const place = { chainId: genesis.chainId, height, previousBeacon }
  const reveal = signDigest(revealDigest(place), validatorKey)
  const beacon = nextBeacon(previousBeacon, reveal)
  const proposer = addressOf(validatorKey)
  const parentRoot = consensus.rootAt(height - 1)
  if (parentRoot === undefined) throw new AppError({ code: 'CONSENSUS_RECORD_MISSING', height })
  const hash = parent.blockHash
  const { payloadId } = await engine.forkchoiceUpdated(
    { head: hash, safe: hash, finalized: hash },
    {
      timestamp: blockTimestamp(parent.header, clock.nowMs()),
      prevRandao: beacon,
      feeRecipient: proposer,
      withdrawals: [],
      parentBeaconBlockRoot: parentRoot,
    },
  )
  const built = await engine.getPayload(payloadId ?? '')
  const modelHash = modelHashAfter(parent, engine.chain, genesis.modelEvent)
  const payload = engine.reseal(built, modelHash)
  await accept(engine, payload)
  const executionHash = payload.blockHash
  const block: ConsensusBlock = {
    epoch: 0,
    height,
    view: 0,
    parentRoot,
    beacon,
    reveal,
    mode: 'stake',
    modelHash,
    executionHash,
    proposer,
  }
  await consensus.put(block)
  await engine.forkchoiceUpdated({
    head: executionHash,
    safe: executionHash,
    finalized: executionHash,
  })
  return payload
}

async function accept(engine: EmbeddedEngine, payload: Payload): Promise<void> {
  const status = await engine.newPayload(payload)
  if (status.kind !== 'valid') {
    const hash: Hex = payload.blockHash
    throw new AppError({ code: 'PAYLOAD_REFUSED', hash, ...status, statusKind: status.kind })
  }
}
