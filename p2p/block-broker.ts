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
  const sources = createSources(libp2p)
  let fallback: (BlockBroker & { stop?: () => Promise<void> }) | undefined

  function candidates({ providers }: Fetching): Candidate[] {
    const own = libp2p.peerId.toString()
    const peerIds = new Set([...providers, ...libp2p.getPeers().map(String)])
    peerIds.delete(own)
    return [...peerIds].map((peerId) => ({ peerId, pending: sources.pending(peerId) }))
  }

  async function fetchFrom(peerId: string, cid: CID, options: Attempt): Promise<Uint8Array> {
    const { fetching, signal } = options
    try {
      const block = await sources.of(peerId).fetch(cid, signal)
      if (block === undefined) throw new AppError({ code: 'BLOCK_MISSING', peerId })
      await options.validateFn?.(block)
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
        const peerId = nextPeer(fetching, tried, candidates(fetching))
        if (peerId === undefined) return undefined
        tried.add(peerId)
        return fetchFrom(peerId, cid, { ...options, fetching, signal })
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
    async announce(cid, options) {
      await fallback?.announce?.(cid, options)
    },
    setFallback(broker) {
      fallback = broker
    },
    async stop() {
      sources.close()
      await fallback?.stop?.()
    },
  }
}

function createSources(libp2p: Libp2p) {
  const sources = new Map<string, BlockSource>()

  function of(peerId: string): BlockSource {
    const source = sources.get(peerId) ?? createBlockSource(libp2p, peerId)
    sources.set(peerId, source)
    return source
  }

  function close(): void {
    for (const source of sources.values()) source.close()
    sources.clear()
  }

  return { of, pending: (peerId: string) => sources.get(peerId)?.pending() ?? 0, close }
}

interface Candidate {
  readonly peerId: string
  readonly pending: number
}

/** Whom to ask: one that served before, else a provider, else anyone connected; the least busy first. */
function nextPeer(
  fetching: Fetching,
  tried: ReadonlySet<string>,
  candidates: readonly Candidate[],
): string | undefined {
  const { serving, providers, lacking } = fetching
  const rank = ({ peerId, pending }: Candidate) =>
    pending + (serving.has(peerId) ? 0 : providers.includes(peerId) ? 1_000 : 2_000)
  return candidates
    .filter(({ peerId }) => !tried.has(peerId) && !lacking.has(peerId))
    .toSorted((a, b) => rank(a) - rank(b))[0]?.peerId
}

interface Attempt {
  readonly fetching: Fetching
  readonly signal: AbortSignal
  validateFn?(block: Uint8Array): Promise<void>
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
