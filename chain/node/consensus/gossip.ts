import type { Logger } from '#base/log.ts'
import { parseMessage, plainOf } from '#chain/core/consensus/codec.ts'
import type { Message } from '#chain/core/consensus/messages.ts'
import type { Network, Topic, TopicMessage, Verdict } from '#p2p/network.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { limits } from '#wire/limits.ts'
import { topicOf } from '#wire/topic.ts'
import { createEarlyMessages } from './early-messages.ts'
import { type Verifier, epochOf } from './verifier.ts'

/** The network as consensus needs it. */
export type ConsensusNetwork = Pick<
  Network,
  'peerId' | 'peers' | 'openTopic' | 'handle' | 'request' | 'drop'
>

export interface GossipDeps {
  readonly network: ConsensusNetwork
  readonly verifier: Verifier
  readonly logger: Logger
}

export interface GossipOptions {
  readonly chainId: number
  /** The present epoch. */
  readonly epoch: () => number
  /** A message whose signatures hold; `author` is the peer that published it. */
  readonly onMessage: (message: Message, author: string) => void
  /** A vote or proposal of the epoch before whose signature holds; true where it convicts its signer. */
  readonly onLate: (message: Message) => boolean
}

/** Proposals, votes and certificates by gossip. */
export interface Gossip {
  publish(message: Message): void
  /** The present epoch has begun: what others said of it before is heard now. */
  begin(): void
  close(): Promise<void>
}

const knownMax = 8_192
/** How long a peer that passed on a false signature is kept away. */
const banMs = 600_000

/**
 * Joins the topics of consensus. A message is verified before it is passed on, so whoever hands over a false
 * one is the liar, or does not check: it is dropped.
 */
export async function joinGossip(deps: GossipDeps, options: GossipOptions): Promise<Gossip> {
  const { network, verifier, logger } = deps
  const known = new Set<string>() // messages that were verified: votes are sent again and again
  const early = createEarlyMessages()

  function refuse({ from }: TopicMessage, reason: string): Verdict {
    logger.warn({ from, reason }, 'a peer passed on a false message of consensus')
    network.drop(from, { forMs: banMs })
    return 'reject'
  }

  async function validate(message: TopicMessage): Promise<Verdict> {
    const said = parsed(message.body)
    if (said === undefined || said.kind === 'block') return refuse(message, 'no message')
    if (!verifier.isOfEpoch(said)) {
      if (epochOf(said) === options.epoch() + 1) early.keep(epochOf(said), message)
      if (!verifier.isOfLastEpoch(said)) return 'ignore' // one of us is behind
    }
    if (!(await isSigned(said, message.body))) return refuse(message, 'not signed')
    if (verifier.isOfLastEpoch(said)) return options.onLate(said) ? 'accept' : 'ignore'
    options.onMessage(said, message.author) // at once: gossip gives up on slow answers, we do not
    return 'accept'
  }

  async function isSigned(said: Message, body: Uint8Array): Promise<boolean> {
    const text = Buffer.from(body).toString('latin1')
    if (known.has(text)) return true
    if (!(await verifier.isSigned(said))) return false
    if (known.size >= knownMax) known.clear()
    known.add(text)
    return true
  }

  const open = (name: string): Promise<Topic> =>
    network.openTopic(name, { validate, onMessage: () => undefined })
  const votes = await open(topicOf.vote(options.chainId))
  const blocks = await open(topicOf.block(options.chainId))

  return {
    publish(message) {
      const topic = message.kind === 'proposal' ? blocks : votes
      topic.publish(canonicalBytes(plainOf(message))).catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'a message of consensus was not sent')
      })
    },
    begin() {
      for (const message of early.take(options.epoch())) void validate(message)
    },
    async close() {
      await votes.close()
      await blocks.close()
    },
  }
}

function parsed(body: Uint8Array): Message | undefined {
  try {
    return parseMessage(parseJson(body, limits.gossipMessageBytesMax))
  } catch {
    return undefined
  }
}
