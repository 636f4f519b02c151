import type { Connection, Libp2p } from '@libp2p/interface'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'

const intervalMs = 5_000
const deafTicksMax = 3

/**
 * Gossip drops its stream to a peer that does not read, and never opens another on the same connection:
 * both sides look connected and one hears nothing. Such a peer's connections are closed here, and made anew
 * by whoever wants them.
 */
export function createGossipDoctor(
  libp2p: Libp2p,
  deps: { readonly clock: Clock; readonly log: Logger },
): Service {
  let stopping = new AbortController()
  let running: Promise<void> | undefined
  const deafTicks = new Map<string, number>()

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const peers = byPeer(libp2p.getConnections())
      for (const peer of deafTicks.keys()) if (!peers.has(peer)) deafTicks.delete(peer)
      for (const [peer, connections] of peers) {
        const ticks = isDeaf(connections) ? (deafTicks.get(peer) ?? 0) + 1 : 0
        deafTicks.set(peer, ticks)
        if (ticks < deafTicksMax) continue
        deafTicks.delete(peer)
        deps.log.warn({ peer }, 'gossip stream lost')
        const error = new AppError({ code: 'GOSSIP_LOST', retryable: true })
        for (const connection of connections) connection.abort(error)
      }
      await deps.clock.sleep(intervalMs, signal).catch(() => undefined) // the abort ends the loop
    }
  }

  return {
    async start() {
      stopping = new AbortController()
      running = loop(stopping.signal)
    },
    async stop() {
      stopping.abort(new AppError({ code: 'STOPPED' }))
      await running
    },
  }
}

function byPeer(connections: readonly Connection[]): Map<string, Connection[]> {
  const peers = new Map<string, Connection[]>()
  for (const connection of connections) {
    if (connection.status !== 'open') continue
    const peer = connection.remotePeer.toString()
    peers.set(peer, [...(peers.get(peer) ?? []), connection])
  }
  return peers
}

/**
 * True for a peer with gossip in one direction only. Two that dial each other at once have two connections,
 * and may speak on one and hear on the other.
 */
function isDeaf(connections: readonly Connection[]): boolean {
  const streams = connections.flatMap((connection) => connection.streams)
  const gossip = streams.filter((stream) => stream.protocol.startsWith('/meshsub/'))
  const isSpeaking = gossip.some((stream) => stream.direction === 'outbound')
  const isHearing = gossip.some((stream) => stream.direction === 'inbound')
  return isSpeaking !== isHearing
}
