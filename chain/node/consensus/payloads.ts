import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import {
  type Payload,
  decodePayload,
  encodePayload,
  encodeWithdrawal,
} from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { EmbeddedEngine } from '#chain/exec/embedded/engine.ts'
import { listRoot } from '#chain/exec/embedded/roots.ts'
import type { ConsensusNetwork } from './gossip.ts'
import type { PayloadShelf } from './payload-shelf.ts'

export interface PayloadsDeps {
  readonly engine: Pick<EmbeddedEngine, 'crypto'> & { readonly chain: Pick<Chain, 'byHash'> }
  readonly shelf: Pick<PayloadShelf, 'get'>
  readonly network: ConsensusNetwork
  readonly clock: Clock
  readonly logger: Logger
}

/** Payloads by the hash of their header, from here or from peers. */
export interface Payloads {
  /** The payload, however long it takes to find; rejects with the signal's reason. */
  obtain(
    hash: Hex,
    options: { readonly signal: AbortSignal; readonly first?: string },
  ): Promise<Payload>
  /** Serves other nodes. The returned function stops it. */
  serve(): Promise<() => Promise<void>>
}

const answerBytesMax = 16_777_216
const answerTimeoutMs = 5_000
/** A peer that is silent for so long may be busy or gone: the next is asked beside it. */
const patienceMs = 1_000
const roundDelayMs = 200
const banMs = 600_000

function passOn(payload: Payload | undefined, take: (payload: Payload) => void): undefined {
  if (payload) take(payload)
}

/** Creates the payloads of one chain. */
export function createPayloads(deps: PayloadsDeps, chainId: number): Payloads {
  const { engine, shelf, network, clock } = deps
  const protocol = `/quern/${chainId}/payload/1`
  const find = (hash: Hex) => shelf.get(hash) ?? engine.chain.byHash(hash)

  async function ask(peer: string, hash: Hex, signal: AbortSignal): Promise<Payload | undefined> {
    try {
      const options = { signal, timeoutMs: answerTimeoutMs, responseBytesMax: answerBytesMax }
      const bytes = await network.request(peer, protocol, fromHex(hash), options)
      const payload = payloadIn(bytes)
      if (payload?.blockHash === hash && isWhole(payload, engine)) return payload
      deps.logger.warn({ peer, hash }, 'a peer gave a false payload')
      network.drop(peer, { forMs: banMs })
    } catch {
      signal.throwIfAborted() // else the peer does not have it, or is gone: ask the next
    }
    return undefined
  }

  /** Asks one after another, each when the one before has failed or been silent; the first answer counts. */
  async function askEach(
    peers: readonly string[],
    hash: Hex,
    signal: AbortSignal,
  ): Promise<Payload | undefined> {
    const over = new AbortController()
    const own = AbortSignal.any([signal, over.signal])
    const { promise: won, resolve: win } = Promise.withResolvers<Payload>()
    const asked: Promise<undefined>[] = []
    try {
      for (const peer of peers) {
        const answer = ask(peer, hash, own).then((payload) => passOn(payload, win))
        asked.push(answer)
        const silence = clock.sleep(patienceMs, own).then(() => undefined)
        const here = (await Promise.race([won, answer, silence])) ?? find(hash)
        if (here !== undefined) return here
      }
      return await Promise.race([won, Promise.all(asked).then(() => undefined)])
    } finally {
      over.abort(new AppError({ code: 'ANSWERED' }))
    }
  }

  async function obtain(
    hash: Hex,
    { signal, first }: { readonly signal: AbortSignal; readonly first?: string },
  ) {
    for (;;) {
      const known = find(hash)
      if (known !== undefined) return known
      const peers = network.peers()
      const order = peers.toSorted((a, b) => Number(b === first) - Number(a === first))
      const here = (await askEach(order, hash, signal)) ?? find(hash)
      if (here !== undefined) return here
      await clock.sleep(roundDelayMs, signal)
    }
  }

  return {
    obtain,
    serve: () =>
      network.handle(protocol, async (request) => {
        const payload = find(toHex(request))
        if (payload === undefined) throw new AppError({ code: 'PAYLOAD_UNKNOWN' })
        return encodePayload(payload)
      }),
  }
}

function payloadIn(bytes: Uint8Array): Payload | undefined {
  try {
    return decodePayload(bytes)
  } catch {
    return undefined
  }
}

/**
 * Whether transactions and withdrawals are those that the header commits to: else a false body would make a right block
 * look invalid.
 */
export function isWhole(payload: Payload, { crypto }: Pick<EmbeddedEngine, 'crypto'>): boolean {
  const root = toHex(listRoot(payload.transactions, crypto.keccak256))
  const paid = toHex(listRoot(payload.withdrawals.map(encodeWithdrawal), crypto.keccak256))
  return root === payload.header.transactionsRoot && paid === payload.header.withdrawalsRoot
}
