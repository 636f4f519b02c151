import { type Calls, type Port, createCalls } from '#base/calls.ts'
import { AppError } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { hearingLog } from '#base/log-calls.ts'
import type {
  HandlerOptions,
  Network,
  RequestHandler,
  RequestOptions,
  Topic,
  TopicMessage,
  TopicOptions,
} from '../network.ts'
import type { NetworkState } from './serving.ts'

/** A network whose sockets, ciphers and gossip are in another thread. */
export interface ThreadedNetwork extends Network {
  /** The other thread has ended: whoever waits for it is told. */
  end(reason: Error): void
}

interface OpenTopic {
  readonly options: TopicOptions
  readonly joins: Set<(peerId: string) => void>
  readonly peers: Set<string>
}

/**
 * The network that `serveNetwork` serves at the other end of the channel. What the interface gives at once is as
 * that thread told it last.
 */
export async function createThreadedNetwork(port: Port, log: Logger): Promise<ThreadedNetwork> {
  const topics = new Map<string, OpenTopic>()
  const handlers = new Map<string, RequestHandler>()
  const calls = createCalls(port, answersOf({ topics, handlers, log, take }))
  let state = (await calls.ask('open', [])) as NetworkState

  function take(told: NetworkState): void {
    state = told
    for (const { peers } of topics.values()) {
      for (const peerId of peers) if (!told.peers.includes(peerId)) peers.delete(peerId)
    }
  }

  async function openTopic(name: string, options: TopicOptions): Promise<Topic> {
    if (topics.has(name)) throw new AppError({ code: 'TOPIC_OPEN', topic: name })
    const topic = { options, joins: new Set<(peerId: string) => void>(), peers: new Set<string>() }
    topics.set(name, topic)
    for (const peerId of (await calls.ask('openTopic', [name])) as readonly string[]) {
      topic.peers.add(peerId)
    }
    return topicOver(calls, name, topic, () => topics.delete(name))
  }

  async function handle(protocol: string, serve: RequestHandler, options: HandlerOptions = {}) {
    handlers.set(protocol, serve)
    await calls.ask('handle', [protocol, options])
    return async () => {
      await calls.ask('unhandle', [protocol])
      handlers.delete(protocol)
    }
  }

  return {
    peerId: state.peerId,
    get addresses() {
      return state.addresses
    },
    peers: () => state.peers,
    start: async () => take((await calls.ask('start', [])) as NetworkState),
    stop: async () => void (await calls.ask('stop', [])),
    async dial(address, { signal, ...bounds } = {}) {
      return (await calls.ask('dial', [address, bounds], signal)) as string
    },
    learn: async (peerId, addresses) => void (await calls.ask('learn', [peerId, addresses])),
    drop(peerId, options) {
      take({ ...state, peers: state.peers.filter((peer) => peer !== peerId) })
      calls.tell('drop', [peerId, options])
    },
    openTopic,
    handle,
    async request(peerId, protocol, body, { signal, ...bounds }: RequestOptions = {}) {
      return (await calls.ask('request', [peerId, protocol, body, bounds], signal)) as Uint8Array
    },
    sign: async (bytes) => (await calls.ask('sign', [bytes])) as Uint8Array,
    end: calls.close,
  }
}

interface Opened {
  readonly topics: ReadonlyMap<string, OpenTopic>
  readonly handlers: ReadonlyMap<string, RequestHandler>
  readonly log: Logger
  readonly take: (state: NetworkState) => void
}

/** What the other thread asks and tells. A topic or protocol that was closed meanwhile is no fault. */
function answersOf({ topics, handlers, log, take }: Opened) {
  return {
    validate([message]: readonly unknown[]) {
      const { topic } = message as TopicMessage
      return topics.get(topic)?.options.validate(message as TopicMessage) ?? 'ignore'
    },
    message([message]: readonly unknown[]) {
      topics.get((message as TopicMessage).topic)?.options.onMessage(message as TopicMessage)
    },
    joined([name, peerId]: readonly unknown[]) {
      const topic = topics.get(name as string)
      topic?.peers.add(peerId as string)
      for (const listener of topic?.joins ?? []) listener(peerId as string)
    },
    serve([protocol, request, from]: readonly unknown[], signal: AbortSignal) {
      const serve = handlers.get(protocol as string)
      if (serve === undefined) throw new AppError({ code: 'STOPPING' })
      return serve(request as Uint8Array, from as string, signal)
    },
    state: ([told]: readonly unknown[]) => take(told as NetworkState),
    log: hearingLog(log),
  }
}

function topicOver(calls: Calls, name: string, topic: OpenTopic, forget: () => void): Topic {
  let isClosed = false
  return {
    name,
    publish: async (body) => void (await calls.ask('publish', [name, body])),
    peers: () => [...topic.peers],
    onJoin(listener) {
      topic.joins.add(listener)
      return () => void topic.joins.delete(listener)
    },
    async close() {
      if (isClosed) return
      isClosed = true
      await calls.ask('closeTopic', [name])
      forget()
    },
  }
}
