import { setTimeout as sleep } from 'node:timers/promises'
import type { BlockBroker } from 'helia'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Logger } from '#base/log.ts'
import { type Attempt, createPuller, type Fetching, startFetching } from './puller.ts'

/** After so long peers that had nothing are asked again: an announcement can be ahead of its bytes. */
const askAgainMs = 1_000

type RetrieveOptions = Parameters<NonNullable<BlockBroker['retrieve']>>[1]
type WithFetching = RetrieveOptions & { fetching?: Fetching }

/** Gets blocks from peers: pulled first, by the second broker (bitswap) when no peer has it. */
export interface PullBroker extends BlockBroker {
  setFallback(broker: BlockBroker): void
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Helia races its brokers, and racing would move every block twice: so it gets this one alone, which asks
 * one peer after another and leaves to the fallback what nobody has.
 */
export function createPullBroker(libp2p: Libp2p, log: Logger): PullBroker {
  const puller = createPuller(libp2p, log)
  let fallback: (BlockBroker & { stop?: () => Promise<void> }) | undefined

  async function pullAgain(cid: CID, options: Attempt): Promise<Uint8Array> {
    for (;;) {
      await sleep(askAgainMs, undefined, { signal: options.signal })
      options.fetching.lacking.clear()
      const block = await puller.pull(cid, options)
      if (block !== undefined) return block
    }
  }

  async function retrieve(cid: CID, options: WithFetching = {}): Promise<Uint8Array> {
    const { fetching = startFetching() } = options
    const done = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, done.signal]) : done.signal
    const attempt = { ...options, fetching, signal }
    try {
      const block = await puller.pull(cid, attempt)
      if (block !== undefined) return block
      options.signal?.throwIfAborted()
      const providers = fetching.providers.map((peerId) => peerIdFromString(peerId).toCID())
      const second = fallback?.retrieve?.(cid, { ...options, signal, providers })
      return await Promise.any([pullAgain(cid, attempt), ...(second ? [second] : [])])
    } finally {
      done.abort()
    }
  }

  return {
    name: 'quern-pull',
    retrieve,
    async announce(cid, options) {
      await fallback?.announce?.(cid, options)
    },
    setFallback(broker) {
      fallback = broker
    },
    async start() {}, // Helia stops what can be started
    async stop() {
      puller.close()
      await fallback?.stop?.()
    },
  }
}
