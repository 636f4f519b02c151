import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import type { Genesis } from '#chain/core/genesis.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { EmbeddedEngine } from '../embedded/engine.ts'
import type { ExecutionEngine, PayloadStatus } from '../engine.ts'
import { refuseRecorder } from './client-genesis.ts'
import type { ClientChain } from './state-reads.ts'

export interface WitnessDeps {
  readonly own: EmbeddedEngine
  /** The client's, which builds and reads nothing here. */
  readonly client: Pick<ExecutionEngine, 'newPayload' | 'forkchoiceUpdated'>
  readonly clientChain: ClientChain
  readonly clock: Pick<Clock, 'sleep'>
  readonly logger: Logger
}

export interface WitnessOptions {
  readonly genesis: Pick<Genesis, 'recorder'>
  readonly signal: AbortSignal
}

const retryMs = 500

/**
 * The embedded engine with an execution client as a second judge: a block is valid where both find it so, and the
 * client follows the chain. While nobody answers, or the client says that it is syncing, the node waits: it votes
 * on nothing. Opening brings the client up to our final block. Throws ENGINE_RECORDER for a genesis with a
 * recorder, whose system call no client makes; ENGINE_GENESIS_DIFFERS; ENGINE_CHAIN_DIFFERS where the client has
 * another chain; ENGINE_TOO_FAR_BEHIND where it needs blocks that are not kept here; later ENGINE_DISAGREES, which
 * ends the node: one of the two is wrong.
 */
export async function openWitnessedEngine(
  deps: WitnessDeps,
  { genesis, signal }: WitnessOptions,
): Promise<EmbeddedEngine> {
  const { own, client, logger } = deps
  refuseRecorder(genesis)
  const insist = createInsisting(deps, signal)

  async function feed(payload: Payload): Promise<PayloadStatus> {
    const status = await insist(() => client.newPayload(payload))
    if (status.kind !== 'syncing') return status
    const { blockHash: hash, header } = payload
    const parent = own.chain.byHash(header.parentHash)
    if (parent === undefined || parent.header.number === 0) return status
    logger.info({ number: header.number, hash }, 'the execution client lacks a parent')
    const before = await feed(parent)
    return before.kind === 'valid' ? insist(() => client.newPayload(payload)) : before
  }

  /** Waits until the client has judged the block. */
  async function judge(payload: Payload): Promise<PayloadStatus> {
    for (;;) {
      const status = await feed(payload)
      if (status.kind !== 'syncing') return status
      await deps.clock.sleep(retryMs, signal)
    }
  }

  async function newPayload(payload: Payload): Promise<PayloadStatus> {
    const status = await own.newPayload(payload)
    if (status.kind !== 'valid') return status
    const other = await judge(payload)
    if (other.kind === 'valid') return other
    const reason = other.kind === 'invalid' ? other.reason : other.kind
    const { blockHash: hash, header } = payload
    throw new AppError({ code: 'ENGINE_DISAGREES', hash, height: header.number, reason })
  }

  async function follow(hash: Hex): Promise<void> {
    const state = { head: hash, safe: hash, finalized: hash }
    await insist(() => client.forkchoiceUpdated(state))
  }

  let followed: Hex | undefined
  const forkchoiceUpdated: ExecutionEngine['forkchoiceUpdated'] = async (state, attributes) => {
    const outcome = await own.forkchoiceUpdated(state, attributes)
    if (attributes === undefined && state.finalized !== followed) {
      await follow(state.finalized)
      followed = state.finalized
    }
    return outcome
  }

  await bringUp(deps, { insist, judge })
  followed = own.chain.finalised().blockHash
  await follow(followed)
  return { ...own, newPayload, forkchoiceUpdated }
}

/** Hands the client what it lacks of our final blocks, lowest first. */
async function bringUp(
  { own, clientChain, logger }: WitnessDeps,
  { insist, judge }: { insist: Insist; judge: (payload: Payload) => Promise<PayloadStatus> },
): Promise<void> {
  const { chain } = own
  const genesis = await insist(() => clientChain.hashAt(0))
  if (genesis !== chain.genesisHash) {
    throw new AppError({ code: 'ENGINE_GENESIS_DIFFERS', ours: chain.genesisHash, theirs: genesis })
  }
  const goal = chain.finalised().header.number
  const has = Math.min(goal, await insist(() => clientChain.height()))
  const theirs = await insist(() => clientChain.hashAt(has))
  if (has > 0 && has < chain.oldest()) throw tooFarBehind(has, chain.oldest())
  if (has > 0 && theirs !== chain.byNumber(has)?.blockHash) {
    throw new AppError({ code: 'ENGINE_CHAIN_DIFFERS', height: has, theirs })
  }
  if (has < goal) logger.info({ from: has + 1, to: goal }, 'the execution client catches up')
  for (let height = has + 1; height <= goal; height += 1) {
    if (height < chain.oldest()) throw tooFarBehind(height, chain.oldest())
    const payload = chain.byNumber(height)
    const status = payload === undefined ? undefined : await judge(payload)
    if (status?.kind === 'valid') continue
    const reason = status?.kind === 'invalid' ? status.reason : 'no payload'
    throw new AppError({ code: 'ENGINE_DISAGREES', height, reason })
  }
}

function tooFarBehind(height: number, oldest: number): AppError {
  return new AppError({ code: 'ENGINE_TOO_FAR_BEHIND', height, oldest })
}

type Insist = <T>(ask: () => Promise<T>) => Promise<T>

/** Asks again as long as nobody answers. */
function createInsisting({ clock, logger }: WitnessDeps, signal: AbortSignal): Insist {
  return async (ask) => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask()
      } catch (error) {
        if (codeOf(error) !== 'ENGINE_DOWN') throw error
        if (tries === 0)
          logger.warn({ error: String(error) }, 'the execution client does not answer')
        await clock.sleep(retryMs, signal)
      }
    }
  }
}
