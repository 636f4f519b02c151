import { type GossipSub, gossipsub, TopicValidatorResult } from '@libp2p/gossipsub'
import type { Message, SubscriptionChangeData } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { AppError } from '#base/error.ts'
import { p2pLimits } from './limits.ts'
import type { Topic, TopicMessage, TopicOptions, Verdict } from './network.ts'

/** What peers are worth to us: P5 of the gossip score, for instance from stake. */
export type ScoreOf = (peerId: string) => number

const verdicts = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const satisfies Record<Verdict, TopicValidatorResult>

/** The gossip service with the options that the measurements of the design name. */
export function createGossip(scoreOf: ScoreOf = () => 0) {
  return gossipsub({
    allowPublishToZeroTopicPeers: true,
    emitSelf: false,
    fastMsgIdFn: (message) => `${latin1(message.from)}:${latin1(message.seqno)}`,
    idontwantMinDataSize: p2pLimits.messageBytesMax,
    maxOutboundBufferSize: p2pLimits.gossipQueueBytesMax,
    maxInboundDataLength: p2pLimits.gossipRpcBytesMax,
    // Many nodes on one address are normal here: a laptop runs a whole network.
    scoreParams: { IPColocationFactorWeight: 0, appSpecificScore: scoreOf, appSpecificWeight: 1 },
  })
}

/** Opens topics over one gossip service; each topic at most once at a time. */
export function createTopics(gossip: GossipSub): {
  open(name: string, options: TopicOptions): Promise<Topic>
} {
  const opened = new Set<string>()

  async function open(name: string, options: TopicOptions): Promise<Topic> {
    if (opened.has(name)) throw new AppError({ code: 'TOPIC_OPEN', topic: name })
    opened.add(name)
    const joins = new Set<(peerId: string) => void>()

    const onMessage = ({ detail }: CustomEvent<{ propagationSource: PeerId; msg: Message }>) => {
      const message = toMessage(detail.propagationSource, detail.msg)
      if (message !== undefined && message.topic === name) options.onMessage(message)
    }
    const onChange = ({ detail }: CustomEvent<SubscriptionChangeData>) => {
      if (!detail.subscriptions.some((one) => one.topic === name && one.subscribe)) return
      for (const listener of joins) listener(detail.peerId.toString())
    }

    gossip.topicValidators.set(name, (from, raw) => judge(toMessage(from, raw), options))
    scoreTopic(gossip, name)
    gossip.addEventListener('gossipsub:message', onMessage)
    gossip.addEventListener('subscription-change', onChange)
    gossip.subscribe(name)

    async function close(): Promise<void> {
      if (!opened.delete(name)) return
      gossip.removeEventListener('gossipsub:message', onMessage)
      gossip.removeEventListener('subscription-change', onChange)
      gossip.topicValidators.delete(name)
      if (gossip.getTopics().includes(name)) gossip.unsubscribe(name)
    }

    function onJoin(listener: (peerId: string) => void): () => void {
      joins.add(listener)
      return () => joins.delete(listener)
    }

    return {
      name,
      publish: (body) => publish(gossip, name, body),
      peers: () => gossip.getSubscribers(name).map(String),
      onJoin,
      close,
    }
  }

  return { open }
}

async function publish(gossip: GossipSub, name: string, body: Uint8Array): Promise<void> {
  const sizeBytesMax = p2pLimits.messageBytesMax
  if (body.length > sizeBytesMax) {
    throw new AppError({ code: 'MESSAGE_TOO_LARGE', sizeBytes: body.length, sizeBytesMax })
  }
  await gossip.publish(name, body)
}

async function judge(
  message: TopicMessage | undefined,
  options: TopicOptions,
): Promise<TopicValidatorResult> {
  if (message === undefined || message.body.length > p2pLimits.messageBytesMax) {
    return verdicts.reject
  }
  const { promise: late, resolve } = Promise.withResolvers<Verdict>()
  const timer = setTimeout(() => resolve('ignore'), p2pLimits.validateTimeoutMs)
  try {
    return verdicts[await Promise.race([late, options.validate(message)])]
  } catch {
    return verdicts.ignore // our own failure is not the sender's fault
  } finally {
    clearTimeout(timer)
  }
}

function toMessage(from: PeerId, raw: Message): TopicMessage | undefined {
  if (raw.type !== 'signed') return undefined
  return { topic: raw.topic, author: raw.from.toString(), from: from.toString(), body: raw.data }
}

/**
 * Counts first and invalid deliveries of a topic, and not missing ones (P3): a job's topic is often
 * silent. The score keeper reads its table at each event, so an entry made later counts from then on.
 */
function scoreTopic(gossip: GossipSub, name: string): void {
  const { score } = gossip as GossipSub & { score?: ScoreKeeper }
  if (score === undefined || name in score.params.topics) return
  score.params.topics[name] = topicScore
}

interface ScoreKeeper {
  readonly params: { readonly topics: Record<string, typeof topicScore> }
}

const topicScore = {
  topicWeight: 0.5,
  timeInMeshWeight: 0.1,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 100,
  firstMessageDeliveriesWeight: 0.5,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 100,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 100,
  meshMessageDeliveriesThreshold: 20,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.9,
}

function latin1(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return ''
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
