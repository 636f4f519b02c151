import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { ConsensusNetwork } from '../consensus/gossip.ts'
import { snapshotLimits } from './limits.ts'
import { type Question, encodeQuestion, snapshotProtocol } from './protocol.ts'

export interface SnapshotAskingDeps {
  readonly network: Pick<ConsensusNetwork, 'peers' | 'request' | 'drop'>
  readonly logger: Logger
}

/** Takes an answer in. Throws SNAPSHOT_FORGED where it is wrong; any other error means that it did not help. */
export type TakeAnswer<T> = (bytes: Uint8Array) => T | Promise<T>

/** Asks peers for parts of a snapshot. One that lies, or sends more than an answer may have, is dropped. */
export interface SnapshotAsking {
  peers(): readonly string[]
  /** Asks one peer. Undefined where it did not help. Rejects with the signal's reason. */
  ask<T>(peer: string, question: Question, take: TakeAnswer<T>): Promise<T | undefined>
  /** Asks peers in turn, each at most once, until one helps. */
  askAny<T>(question: Question, take: TakeAnswer<T>): Promise<T | undefined>
}

/** Creates the asking side. */
export function createSnapshotAsking(
  { network, logger }: SnapshotAskingDeps,
  { chainId, signal }: { readonly chainId: number; readonly signal: AbortSignal },
): SnapshotAsking {
  const { answerTimeoutMs, answerBytesMax, banMs } = snapshotLimits
  const protocol = snapshotProtocol(chainId)
  const slow = new Map<string, number>() // how often a peer did not answer in time
  let turn = 0

  async function ask<T>(peer: string, question: Question, take: TakeAnswer<T>) {
    try {
      const bytes = await network.request(peer, protocol, encodeQuestion(question), {
        signal,
        timeoutMs: answerTimeoutMs,
        responseBytesMax: answerBytesMax,
      })
      return await take(bytes)
    } catch (error) {
      signal.throwIfAborted()
      blame(peer, error)
      return undefined
    }
  }

  function blame(peer: string, error: unknown): void {
    const code = codeOf(error)
    if (code === undefined || code.startsWith('STORE_')) throw error // ours
    if (code === 'PEER_TIMEOUT') slow.set(peer, (slow.get(peer) ?? 0) + 1)
    const isLiar = code === 'SNAPSHOT_FORGED' || code === 'RESPONSE_TOO_LARGE'
    logger[isLiar ? 'warn' : 'debug']({ peer, error: String(error) }, 'a peer gave no snapshot')
    if (isLiar) network.drop(peer, { forMs: banMs })
  }

  /** Those that answer first, each time beginning with another one. */
  function order(): readonly string[] {
    const peers = network.peers()
    turn += 1
    const turned = peers.map((_, i) => peers[(i + turn) % peers.length] as string)
    return turned.toSorted((a, b) => (slow.get(a) ?? 0) - (slow.get(b) ?? 0))
  }

  async function askAny<T>(question: Question, take: TakeAnswer<T>): Promise<T | undefined> {
    for (const peer of order()) {
      const answer = await ask(peer, question, take)
      if (answer !== undefined) return answer
    }
    return undefined
  }

  return { peers: () => network.peers(), ask, askAny }
}

/** An answer that does not hold. */
export function forged(reason: string): AppError {
  return new AppError({ code: 'SNAPSHOT_FORGED', reason })
}
