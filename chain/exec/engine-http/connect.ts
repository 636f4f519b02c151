import type { Clock } from '#base/clock.ts'
import type { FastCrypto } from '../embedded/crypto.ts'
import { createHttpEngine } from './engine.ts'
import { createEngineRpc } from './rpc.ts'
import { createClientChain } from './state-reads.ts'

/** Where an execution client listens. */
export interface ExecutionClient {
  /** Of the Engine API, which answers `eth_blockNumber` and `eth_getBlockByNumber` as well. */
  readonly url: string
  readonly jwtSecret: Uint8Array
}

/** The client's engine and its chain, over its Engine API. */
export function connectClient(
  clock: Pick<Clock, 'nowMs'>,
  { url, jwtSecret }: ExecutionClient,
  { keccak256 }: FastCrypto,
) {
  const rpc = createEngineRpc(clock, { url, jwtSecret })
  const client = createHttpEngine({ engine: rpc, reads: rpc, keccak256 }, { fork: 'osaka' })
  return { client, clientChain: createClientChain(rpc) }
}
