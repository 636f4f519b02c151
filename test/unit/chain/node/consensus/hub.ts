import { AppError } from '#base/error.ts'
import type { ConsensusNetwork } from '#chain/node/consensus/gossip.ts'
import type { RequestHandler, TopicOptions } from '#p2p/network.ts'

/** A network inside one process: messages arrive in order, nobody is lost but those who are cut off. */
export interface Hub {
  join(peerId: string): ConsensusNetwork
  /** Forgets a node, as if its process had ended. */
  leave(peerId: string): void
  /** Who dropped whom, as "a b". */
  readonly drops: Set<string>
  /** Publishes as a stranger would. */
  inject(topic: string, from: string, body: Uint8Array): Promise<void>
}

interface Member {
  readonly topics: Map<string, TopicOptions>
  readonly handlers: Map<string, RequestHandler>
}

export function createHub(): Hub {
  const members = new Map<string, Member>()
  const drops = new Set<string>()
  const isCut = (a: string, b: string) => drops.has(`${a} ${b}`) || drops.has(`${b} ${a}`)

  async function deliver(topic: string, from: string, body: Uint8Array): Promise<void> {
    for (const [peerId, { topics }] of members) {
      if (peerId === from || isCut(peerId, from)) continue
      const message = { topic, author: from, from, body }
      await topics.get(topic)?.validate(message)
    }
  }

  function join(peerId: string): ConsensusNetwork {
    const member: Member = { topics: new Map(), handlers: new Map() }
    members.set(peerId, member)
    const isHere = () => members.get(peerId) === member
    return {
      peerId,
      peers: () => [...members.keys()].filter((other) => other !== peerId && !isCut(peerId, other)),
      drop: (other) => void drops.add(`${peerId} ${other}`),
      async openTopic(name, options) {
        member.topics.set(name, options)
        return {
          name,
          publish: async (body) => {
            if (isHere()) void deliver(name, peerId, Uint8Array.from(body))
          },
          peers: () => [],
          onJoin: () => () => undefined,
          close: async () => void member.topics.delete(name),
        }
      },
      async handle(protocol, serve) {
        member.handlers.set(protocol, serve)
        return async () => void member.handlers.delete(protocol)
      },
      async request(to, protocol, body, options) {
        const serve = isHere() && !isCut(peerId, to) && members.get(to)?.handlers.get(protocol)
        if (!serve) throw new AppError({ code: 'PEER_UNREACHABLE', peerId: to })
        try {
          const signal = options?.signal ?? new AbortController().signal
          return await serve(Uint8Array.from(body), peerId, signal)
        } catch (error) {
          throw new AppError({ code: 'PEER_REFUSED', reason: String(error) })
        }
      },
    }
  }

  return { join, leave: (peerId) => void members.delete(peerId), drops, inject: deliver }
}
