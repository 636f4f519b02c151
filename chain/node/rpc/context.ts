import type { Clock } from '#base/clock.ts'
import type { Hex } from '#base/hex.ts'
import { nextBaseFeePerGas } from '#chain/core/fee.ts'
import type { Founder } from '#chain/core/consensus-block.ts'
import type { Payload } from '#chain/core/payload.ts'
import { blockTimestamp } from '#chain/core/timing.ts'
import type { ExecutionEngine } from '#chain/exec/engine.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { Replayer } from '#chain/exec/embedded/replay.ts'
import type { SimulateBlocks } from '#chain/exec/embedded/simulate-blocks.ts'
import type { Simulator } from '#chain/exec/embedded/simulate.ts'
import type { Decode } from '#chain/exec/embedded/transaction.ts'
import type { Epochs } from '../consensus/epochs.ts'
import type { ConsensusStore } from '../consensus-store.ts'
import type { Feed } from '../feed.ts'
import type { Live, NewTransaction } from './live.ts'
import { serverError } from './errors.ts'
import { pendingHeader } from './format.ts'
import type { BlockParam } from './params.ts'

/** What the methods read and act on. */
export interface RpcContext {
  readonly chainId: number
  readonly chain: Chain
  readonly engine: Pick<ExecutionEngine, 'read'>
  readonly simulator: Simulator
  readonly simulateBlocks: SimulateBlocks
  readonly replayer: Replayer
  /** Final consensus blocks with their certificates. */
  readonly consensus: Pick<ConsensusStore, 'get' | 'rootAt' | 'setOf'>
  readonly epochs: Pick<Epochs, 'at' | 'blocks'>
  /** The first validators. */
  readonly founders: readonly Founder[]
  /** What consensus and the pool know at this moment. */
  readonly live: Live
  readonly decode: Decode
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  /** May be behind by as much as a block; `live.nowMs` is not. */
  readonly clock: Pick<Clock, 'nowMs'>
  /** Finalised blocks as they come. */
  readonly blocks: Feed<Payload>
  /** Each transaction that goes into the pool, wherever it came from. */
  readonly added: Feed<NewTransaction>
  readonly clientVersion: string
}

/** A connection that can be told of things; calls over plain HTTP have none. */
export interface Session {
  /** Sends a notification. False: the other side does not keep up and is cut off. */
  notify(subscription: Hex, result: unknown): boolean
  readonly subscriptions: Map<Hex, () => void>
}

export type RpcMethod = (params: readonly unknown[], session: Session | undefined) => unknown
export type RpcMethods = Readonly<Record<string, RpcMethod>>

/** The block that a parameter names; `pending` is the newest one here. */
export function findBlock(chain: Chain, param: BlockParam): Payload | undefined {
  if (typeof param === 'number') return chain.byNumber(param)
  if (typeof param === 'object') return canonical(chain, param.hash)
  if (param === 'earliest') return chain.byNumber(0)
  if (param === 'finalized') return chain.finalised()
  return param === 'safe' ? chain.safe() : chain.head()
}

/** Like `findBlock`, for methods that have nothing to answer without one. */
export function needBlock(chain: Chain, param: BlockParam): Payload {
  const block = findBlock(chain, param)
  if (block === undefined) throw serverError('header not found')
  return block
}

/** A block of the canonical chain by hash. */
export function canonical(chain: Chain, hash: Hex): Payload | undefined {
  const block = chain.byHash(hash)
  const isCanonical = chain.byNumber(block?.header.number ?? -1)?.blockHash === hash
  return isCanonical ? block : undefined
}

/** The block that is yet to be made, as far as it is known. */
export async function pendingBlock({ chain, live }: Pick<RpcContext, 'chain' | 'live'>) {
  const nowMs = await live.nowMs()
  const parent = chain.head()
  return pendingHeader(parent, {
    timestamp: blockTimestamp(parent.header, nowMs),
    baseFeePerGas: nextBaseFeePerGas(parent.header),
  })
}
