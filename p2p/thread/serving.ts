import { type Calls, type Port, createCalls } from '#base/calls.ts'
import { tellingLogger } from '#base/log-calls.ts'
import type { Logger } from '#base/log.ts'
import type { HandlerOptions, RequestOptions, Topic, TopicMessage, Verdict } from '../network.ts'
import type { Libp2pNetwork } from '../node.ts'

/** What of a request's bounds crosses: the signal goes its own way. */
type Bounds = Omit<RequestOptions, 'signal'>

/**
 * Serves a network to the thread at the other end of the channel. `create` makes it, with a logger whose lines
 * that thread writes.
 */
export function serveNetwork(port: Port, create: (log: Logger) => Promise<Libp2pNetwork>): void {
  const topics = new Map<string, Topic>()
  const ends = new Map<string, () => Promise<void>>()
  let opened: Promise<Libp2pNetwork> | undefined
  const network = () => (opened ??= open())

  async function open(): Promise<Libp2pNetwork> {
    const own = await create(tellingLogger(calls))
    const tell = () => calls.tell('state', [stateOf(own)])
    for (const event of ['peer:connect', 'peer:disconnect', 'self:peer:update'] as const) {
      own.libp2p.addEventListener(event, tell)
    }
    return own
  }

  async function openTopic([name]: readonly unknown[]): Promise<readonly string[]> {
    const topic = await (await network()).openTopic(name as string, overTopic(calls))
    topics.set(topic.name, topic)
    topic.onJoin((peerId) => calls.tell('joined', [topic.name, peerId]))
    return topic.peers()
  }

  async function closeTopic([name]: readonly unknown[]): Promise<void> {
    await topics.get(name as string)?.close()
    topics.delete(name as string)
  }

  async function handle([protocol, options]: readonly unknown[]): Promise<void> {
    const name = protocol as string
    const serve = (request: Uint8Array, from: string, signal: AbortSignal) =>
      calls.ask('serve', [name, request, from], signal) as Promise<Uint8Array>
    ends.set(name, await (await network()).handle(name, serve, options as HandlerOptions))
  }

  async function unhandle([protocol]: readonly unknown[]): Promise<void> {
    await ends.get(protocol as string)?.()
    ends.delete(protocol as string)
  }

  const calls: Calls = createCalls(port, {
    open: async () => stateOf(await network()),
    async start() {
      await (await network()).start()
      return stateOf(await network())
    },
    stop: async () => (await network()).stop(),
    async dial([address, bounds], signal) {
      return (await network()).dial(address as string, { ...(bounds as Bounds), signal })
    },
    async learn([peerId, addresses]) {
      await (await network()).learn(peerId as string, addresses as readonly string[])
    },
    drop([peerId, options]) {
      const drop = async () =>
        (await network()).drop(peerId as string, options as { readonly forMs: number })
      drop().catch(() => undefined) // it is gone already
    },
    openTopic,
    closeTopic,
    publish: ([name, body]) => topics.get(name as string)?.publish(body as Uint8Array),
    handle,
    unhandle,
    async request([peerId, protocol, body, bounds], signal) {
      const options = { ...(bounds as Bounds), signal }
      const [to, name, bytes] = [peerId as string, protocol as string, body as Uint8Array]
      return (await network()).request(to, name, bytes, options)
    },
    sign: async ([bytes]) => (await network()).sign(bytes as Uint8Array),
  })
}

/** What the other thread reads without asking. */
export interface NetworkState {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly peers: readonly string[]
}

function stateOf(network: Libp2pNetwork): NetworkState {
  const { peerId, addresses } = network
  return { peerId, addresses, peers: network.peers() }
}

function overTopic({ ask, tell }: Calls) {
  return {
    validate: (message: TopicMessage) => ask('validate', [message]) as Promise<Verdict>,
    onMessage: (message: TopicMessage) => tell('message', [message]),
  }
}
