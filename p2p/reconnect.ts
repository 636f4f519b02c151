import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Rng } from '#base/rng.ts'
import type { Service } from '#base/service.ts'
import { p2pLimits } from './limits.ts'

/** Keeps named peers connected for as long as it runs. */
export interface Reconnector extends Service {
  /** Remembers an address; throws ADDRESSES_FULL beyond `keptAddressesMax`. */
  keep(peerId: string, address: string): void
}

export interface ReconnectorDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly dial: (address: string, signal: AbortSignal) => Promise<unknown>
  readonly isConnected: (peerId: string) => boolean
}

interface Kept {
  readonly addresses: Set<string>
  delayMs: number
  retryMs: number
  isDialing: boolean
}

const tickMs = 500

/**
 * Dials every kept peer that is not connected, forever: after each failure the delay doubles up to
 * `reconnectDelayMsMax`, by chance between half and all of it. (The library gives up after 67 s.)
 */
export function createReconnector(deps: ReconnectorDeps): Reconnector {
  const kept = new Map<string, Kept>()
  let stopping = new AbortController()
  let running: Promise<void> | undefined

  function keep(peerId: string, address: string): void {
    const known = kept.get(peerId)
    if (known !== undefined && known.addresses.size < p2pLimits.knownAddressesMax) {
      known.addresses.add(address)
      return
    }
    if (kept.size >= p2pLimits.keptAddressesMax) throw new AppError({ code: 'ADDRESSES_FULL' })
    kept.set(peerId, {
      addresses: new Set([address]),
      delayMs: p2pLimits.reconnectDelayMsMin,
      retryMs: 0,
      isDialing: false,
    })
  }

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const [peerId, peer] of kept) {
        if (deps.isConnected(peerId)) peer.delayMs = p2pLimits.reconnectDelayMsMin
        else if (!peer.isDialing && peer.retryMs <= deps.clock.nowMs()) void redial(peer, signal)
      }
      await deps.clock.sleep(tickMs, signal).catch(() => undefined) // the abort ends the loop
    }
  }

  async function redial(peer: Kept, signal: AbortSignal): Promise<void> {
    peer.isDialing = true
    try {
      await firstOf([...peer.addresses], (address) => deps.dial(address, signal))
      peer.delayMs = p2pLimits.reconnectDelayMsMin
    } catch {
      const halfMs = Math.ceil(peer.delayMs / 2)
      peer.retryMs = deps.clock.nowMs() + halfMs + deps.rng.below(halfMs + 1)
      peer.delayMs = Math.min(peer.delayMs * 2, p2pLimits.reconnectDelayMsMax)
    } finally {
      peer.isDialing = false
    }
  }

  async function start(): Promise<void> {
    stopping = new AbortController()
    running = loop(stopping.signal)
  }

  async function stop(): Promise<void> {
    stopping.abort(new AppError({ code: 'STOPPED' }))
    await running
  }

  return { keep, start, stop }
}

async function firstOf(
  addresses: readonly string[],
  dial: (address: string) => Promise<unknown>,
): Promise<void> {
  let failure: unknown
  for (const address of addresses) {
    try {
      await dial(address)
      return
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
