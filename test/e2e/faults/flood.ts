import { randomBytes } from 'node:crypto'
import { devChainId } from '#wire/addresses.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { topicOf } from '#wire/topic.ts'

export interface Flood {
  /** Messages on the topics of consensus, or questions. */
  readonly by: 'gossip' | 'questions'
  readonly perSecond: number
  readonly seconds: number
}

const tickMs = 20
const junkBytes = 200
const protocol = `/quern/${devChainId}/payload/1`

/** Sends junk to all peers for a while; what fails is forgotten. */
export function startFlood(network: Libp2pNetwork, { by, perSecond, seconds }: Flood): void {
  const { gossip } = network.libp2p.services as unknown as {
    gossip: { publish(topic: string, body: Uint8Array): Promise<unknown> }
  }
  const topics = [
    topicOf.vote(devChainId),
    topicOf.block(devChainId),
    topicOf.transaction(devChainId),
  ]
  const endMs = Date.now() + seconds * 1_000
  const timer = setInterval(() => {
    if (Date.now() > endMs) clearInterval(timer)
    for (let i = 0; i < (perSecond * tickMs) / 1_000; i += 1) {
      if (by === 'gossip') publish(i)
      else ask(i)
    }
  }, tickMs)

  function publish(i: number): void {
    const topic = topics[i % topics.length] as string
    gossip.publish(topic, randomBytes(junkBytes)).catch(() => undefined)
  }

  function ask(i: number): void {
    const connections = network.libp2p.getConnections()
    const connection = connections[i % Math.max(1, connections.length)]
    // Our own side would not open so many at once.
    connection
      ?.newStream(protocol, { maxOutboundStreams: perSecond })
      .then((stream) => stream.send(randomBytes(36)))
      .catch(() => undefined)
  }
}
