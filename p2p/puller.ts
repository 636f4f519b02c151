import type { Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { AppError, codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { peerIdText } from './binding.ts'
import { type BlockSource, createBlockSource } from './block-pull.ts'
import { p2pLimits } from './limits.ts'

/** A peer that has not yet served anything gets so long before the next one is asked as well. */
const hedgeMs = 1_000

/** What one fetch has learnt about who holds its artifact. It travels in the options of each block. */
export interface Fetching {
  readonly providers: readonly string[]
  /** Had nothing, or did not answer. */
  readonly lacking: Set<string>
  readonly serving: Set<string>
  /** Sent other bytes than asked for. */
  readonly lying: Set<string>
}

/** A fetch that knows of these providers and of nothing else. Texts that are no peer ids are left out. */
export function startFetching(providers: readonly string[] = []): Fetching {
  const known = providers.filter((peerId) => peerIdText.safeParse(peerId).success)
  return { providers: known, lacking: new Set(), serving: new Set(), lying: new Set() }
}

/** How one block is fetched. */
export interface Attempt {
  readonly fetching: Fetching
  readonly signal: AbortSignal
  validateFn?(block: Uint8Array): Promise<void>
}

/** Gets blocks from whichever peer has them. */
export interface Puller {
  /** Asks every peer that may have the block once. Nothing when all were asked in vain. */
  pull(cid: CID, attempt: Attempt): Promise<Uint8Array | undefined>
  close(): void
}

/** Asks providers and connected peers, over one stream each. */
export function createPuller(libp2p: Libp2p, log: Logger): Puller {
  const sources = createSources(libp2p)

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
        const isLie = !(error instanceof AppError)
        const known = isLie ? fetching.lying : fetching.lacking
        known.add(peerId)
        fetching.serving.delete(peerId)
        log.debug({ peerId, cid: cid.toString(), code: codeOf(error) }, 'no block from this peer')
      }
      throw error
    }
  }

  function pull(cid: CID, options: Attempt): Promise<Uint8Array | undefined> {
    const tried = new Set<string>()
    return firstFetched(() => {
      const peerId = nextPeer(options.fetching, tried, candidates(options.fetching))
      if (peerId === undefined) return undefined
      tried.add(peerId)
      const isProven = options.fetching.serving.has(peerId)
      const hedgeAfterMs = isProven ? p2pLimits.blockTimeoutMs : hedgeMs
      return { block: fetchFrom(peerId, cid, options), hedgeAfterMs }
    })
  }

  return { pull, close: () => sources.close() }
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
  const { serving, providers, lacking, lying } = fetching
  const rank = ({ peerId, pending }: Candidate) =>
    pending + (serving.has(peerId) ? 0 : providers.includes(peerId) ? 1_000 : 2_000)
  return candidates
    .filter(({ peerId }) => !tried.has(peerId) && !lacking.has(peerId) && !lying.has(peerId))
    .toSorted((a, b) => rank(a) - rank(b))[0]?.peerId
}

interface Begun {
  readonly block: Promise<Uint8Array>
  readonly hedgeAfterMs: number
}

/**
 * Begins one attempt after another, the next one when the last failed or took longer than its hedge. The
 * first block wins; nothing when all attempts failed.
 */
async function firstFetched(begin: () => Begun | undefined): Promise<Uint8Array | undefined> {
  const running = new Set<Promise<unknown>>()
  let won: Uint8Array | undefined
  for (;;) {
    const begun = begin()
    if (begun === undefined && running.size === 0) return won
    if (begun !== undefined) {
      const settled = begun.block
        .then((block) => (won ??= block))
        .catch(() => undefined) // the next peer is asked
        .finally(() => running.delete(settled))
      running.add(settled)
    }
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = begun === undefined ? undefined : setTimeout(resolve, begun.hedgeAfterMs)
    await Promise.race([...running, late])
    clearTimeout(timer)
    if (won !== undefined) return won
  }
}
