import type { Connection, Libp2p } from '@libp2p/interface'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Service } from '#base/service.ts'

const intervalMs = 5_000
const deafTicksMax = 3

/**
 * Gossip drops its stream to a peer that does not read, and never opens another on the same connection:
 * both sides look connected and one hears nothing. Such a connection is closed here, and made anew by
 * whoever wants it.
 */
export function createGossipDoctor(
  libp2p: Libp2p,
  deps: { readonly clock: Clock; readonly log: Logger },
): Service {
  let stopping = new AbortController()
  let running: Promise<void> | undefined
  const deafTicks = new WeakMap<Connection, number>()

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const connection of libp2p.getConnections()) {
        const ticks = isDeaf(connection) ? (deafTicks.get(connection) ?? 0) + 1 : 0
        deafTicks.set(connection, ticks)
        if (ticks < deafTicksMax) continue
        deps.log.warn({ peer: connection.remotePeer.toString() }, 'gossip stream lost')
        connection.abort(new AppError({ code: 'GOSSIP_LOST', retryable: true }))
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

/** True for a connection that carries gossip in one direction only. */
function isDeaf(connection: Connection): boolean {
  if (connection.status !== 'open') return false
  const gossip = connection.streams.filter((stream) => stream.protocol.startsWith('/meshsub/'))
  const isSpeaking = gossip.some((stream) => stream.direction === 'outbound')
  const isHearing = gossip.some((stream) => stream.direction === 'inbound')
  return isSpeaking !== isHearing
}
