import type { BlockBroker } from 'helia'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { type BlockSource, createBlockSource } from './block-pull.ts'

/** After so long without an answer the next peer is asked as well. */
const hedgeMs = 1_000

/** What one fetch has learnt about who holds its artifact. It travels in the options of each block. */
export interface Fetching {
  readonly providers: readonly string[]
  readonly lacking: Set<string>
  readonly serving: Set<string>
}

/** A fetch that knows of these providers and of nothing else. */
export function startFetching(providers: readonly string[] = []): Fetching {
  return { providers, lacking: new Set(), serving: new Set() }
}

type RetrieveOptions = Parameters<NonNullable<BlockBroker['retrieve']>>[1]
type WithFetching = RetrieveOptions & { fetching?: Fetching }

/** Gets blocks from peers: pulled first, by the second broker (bitswap) when no peer has it. */
export interface PullBroker extends BlockBroker {
  setFallback(broker: BlockBroker): void
  stop(): Promise<void>
}

/**
 * Helia races its brokers, and racing would move every block twice: so it gets this one alone, which asks
 * one peer after another and leaves to the fallback what nobody has.
 */
export function createPullBroker(libp2p: Libp2p, log: Logger): PullBroker {
  const sources = new Map<string, BlockSource>()
  let fallback: (BlockBroker & { stop?: () => Promise<void> }) | undefined

  function sourceOf(peerId: string): BlockSource {
    const source = sources.get(peerId) ?? createBlockSource(libp2p, peerId)
    sources.set(peerId, source)
    return source
  }

  /** Peers in the order in which to ask: those that served before, providers, the rest; least busy first. */
  function nextPeer(fetching: Fetching, tried: ReadonlySet<string>): string | undefined {
    const connected = libp2p.getPeers().map(String)
    const rank = (peerId: string) =>
      (fetching.serving.has(peerId) ? 0 : fetching.providers.includes(peerId) ? 1_000 : 2_000) +
      (sources.get(peerId)?.pending() ?? 0)
    return [...new Set([...fetching.providers, ...connected])]
      .filter((peerId) => peerId !== libp2p.peerId.toString())
      .filter((peerId) => !tried.has(peerId) && !fetching.lacking.has(peerId))
      .toSorted((a, b) => rank(a) - rank(b))[0]
  }

  async function fetchFrom(peerId: string, cid: CID, options: Attempt): Promise<Uint8Array> {
    const { fetching, signal, validateFn } = options
    try {
      const block = await sourceOf(peerId).fetch(cid, signal)
      if (block === undefined) throw new AppError({ code: 'BLOCK_MISSING', peerId })
      await validateFn?.(block)
      fetching.serving.add(peerId)
      return block
    } catch (error) {
      if (!signal.aborted) {
        fetching.lacking.add(peerId)
        fetching.serving.delete(peerId)
        log.debug({ peerId, cid: cid.toString(), code: codeOf(error) }, 'no block from this peer')
      }
      throw error
    }
  }

  async function retrieve(cid: CID, options: WithFetching = {}): Promise<Uint8Array> {
    const fetching = options.fetching ?? startFetching()
    const done = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, done.signal]) : done.signal
    try {
      const tried = new Set<string>()
      const block = await firstFetched(() => {
        const peerId = nextPeer(fetching, tried)
        if (peerId === undefined) return undefined
        tried.add(peerId)
        return fetchFrom(peerId, cid, { fetching, signal, validateFn: options.validateFn })
      })
      if (block !== undefined) return block
    } finally {
      done.abort()
    }
    options.signal?.throwIfAborted()
    if (fallback?.retrieve === undefined) throw new AppError({ code: 'BLOCK_MISSING' })
    const providers = fetching.providers.map((peerId) => peerIdFromString(peerId).toCID())
    return fallback.retrieve(cid, { ...options, providers })
  }

  return {
    name: 'quern-pull',
    retrieve,
    announce: async (cid, options) => fallback?.announce?.(cid, options),
    setFallback(broker) {
      fallback = broker
    },
    async stop() {
      for (const source of sources.values()) source.close()
      sources.clear()
      await fallback?.stop?.()
    },
  }
}

interface Attempt {
  readonly fetching: Fetching
  readonly signal: AbortSignal
  readonly validateFn?: (block: Uint8Array) => Promise<void>
}

/**
 * Begins one attempt after another, the next one when the last failed or took longer than `hedgeMs`.
 * The first block wins; nothing when all attempts failed.
 */
async function firstFetched(
  begin: () => Promise<Uint8Array> | undefined,
): Promise<Uint8Array | undefined> {
  const running = new Set<Promise<unknown>>()
  let won: Uint8Array | undefined
  for (;;) {
    const attempt = begin()
    if (attempt === undefined && running.size === 0) return won
    if (attempt !== undefined) {
      const settled = attempt
        .then((block) => (won ??= block))
        .catch(() => undefined) // the next peer is asked
        .finally(() => running.delete(settled))
      running.add(settled)
    }
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = attempt === undefined ? undefined : setTimeout(resolve, hedgeMs)
    await Promise.race([...running, late])
    clearTimeout(timer)
    if (won !== undefined) return won
  }
}
