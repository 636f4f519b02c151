import { noise } from '@libp2p/noise'
import { identify } from '@libp2p/identify'
import type { GossipSub } from '@libp2p/gossipsub'
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import type { Rng } from '#base/rng.ts'
import { type Banned, createBanned } from './banned.ts'
import { deadline, isTimeout } from './deadline.ts'
import { createFloodGuard } from './flood-guard.ts'
import { createGossip, createTopics, type ScoreOf } from './gossip.ts'
import { createGossipDoctor } from './gossip-doctor.ts'
import { p2pLimits } from './limits.ts'
import type { Network, WaitOptions } from './network.ts'
import { createPeerKey, loadPeerKey } from './peer-key.ts'
import { createReconnector } from './reconnect.ts'
import { type ServeOptions, sendRequest, serveRequests } from './requests.ts'

export interface NetworkDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log?: Logger
}

export interface NetworkOptions {
  /** Multiaddresses to listen on. Default: any free TCP port of the loopback interface. */
  readonly listen?: readonly string[]
  /** Addresses told to others instead of those listened on. */
  readonly announce?: readonly string[]
  /** Peers to stay connected with; each address ends in /p2p/<peer id>. */
  readonly bootstrap?: readonly string[]
  /** File of the peer's key, made when missing. Without it the peer is new at each start. */
  readonly keyPath?: string
  /** `memory` connects nodes of one process without sockets; listen addresses are `/memory/<name>`. */
  readonly transport?: 'sockets' | 'memory'
  readonly scoreOf?: ScoreOf
}

/** The network with the node underneath, for the other parts of `p2p/`. */
export interface Libp2pNetwork extends Network {
  readonly libp2p: Libp2p
}

type Services = { gossip: GossipSub }

/** A libp2p node with gossip, requests and reconnection. Nothing listens or dials before `start`. */
export async function createNetwork(
  deps: NetworkDeps,
  options: NetworkOptions = {},
): Promise<Libp2pNetwork> {
  const log = deps.log ?? noopLogger
  const bootstrap = (options.bootstrap ?? []).map((address) => ({
    address,
    peerId: peerIdOf(address),
  }))
  const key = await (options.keyPath === undefined ? createPeerKey() : loadPeerKey(options.keyPath))
  const banned = createBanned(deps.clock)
  const libp2p = await createLibp2p<Services>(await compose(key, options, banned))
  const { drop, serving } = createKeeper(libp2p, { banned, log, clock: deps.clock })
  const topics = createTopics(libp2p.services.gossip)
  const isConnected = (peerId: string) =>
    libp2p.getConnections(peerIdFromString(peerId)).some((one) => one.status === 'open')
  const reconnector = createReconnector({
    ...deps,
    dial: (address, signal) => connect(libp2p, address, { signal }),
    isConnected,
  })
  const doctor = createGossipDoctor(libp2p, { clock: deps.clock, log })

  async function start(): Promise<void> {
    await listen(libp2p, options.listen ?? [])
    for (const { peerId, address } of bootstrap) {
      if (peerId !== libp2p.peerId.toString()) reconnector.keep(peerId, address)
    }
    await reconnector.start()
    await doctor.start()
  }

  async function stop(): Promise<void> {
    await reconnector.stop()
    await doctor.stop()
    await libp2p.stop()
  }

  async function dial(address: string, wait?: WaitOptions & { keep?: boolean }): Promise<string> {
    const peerId = await connect(libp2p, address, wait)
    if (wait?.keep !== false) reconnector.keep(peerId, address)
    return peerId
  }

  async function learn(peerId: string, addresses: readonly string[]): Promise<void> {
    const known = addresses.slice(0, p2pLimits.knownAddressesMax).map((one) => multiaddr(one))
    await libp2p.peerStore.merge(peerIdFromString(peerId), { multiaddrs: known })
  }

  return {
    libp2p,
    peerId: peerIdFromPrivateKey(key).toString(),
    get addresses() {
      return libp2p.getMultiaddrs().map(String)
    },
    start,
    stop,
    dial,
    learn,
    peers: () => libp2p.getPeers().map(String),
    drop,
    openTopic: (name, topic) => topics.open(name, topic),
    handle: (protocol, serve, handler) =>
      serveRequests(libp2p, protocol, serve, { ...handler, ...serving }),
    request: (peerId, protocol, body, request) =>
      sendRequest(libp2p, { peerId, protocol }, body, request),
    sign: (bytes) => Promise.resolve(key.sign(bytes)),
  }
}

async function listen(libp2p: Libp2p, addresses: readonly string[]): Promise<void> {
  try {
    await libp2p.start()
  } catch (error) {
    await libp2p.stop()
    throw new AppError({ code: 'LISTEN_FAILED', addresses }, { cause: error })
  }
}

async function connect(libp2p: Libp2p, address: string, wait?: WaitOptions): Promise<string> {
  const signal = deadline(wait, p2pLimits.dialTimeoutMs)
  const target = parseAddress(address)
  try {
    const connection = await libp2p.dial(target, { signal })
    return connection.remotePeer.toString()
  } catch (error) {
    if (wait?.signal?.aborted) throw wait.signal.reason
    const code = isTimeout(error) ? 'PEER_TIMEOUT' : 'PEER_UNREACHABLE'
    throw new AppError({ code, address, retryable: true }, { cause: error })
  }
}

function parseAddress(address: string) {
  try {
    return multiaddr(address)
  } catch (error) {
    throw new AppError({ code: 'ADDRESS_INVALID', address }, { cause: error })
  }
}

/** The peer id at the end of an address. Throws ADDRESS_INVALID where there is none. */
export function peerIdOf(address: string): string {
  const last = parseAddress(address)
    .getComponents()
    .findLast((component) => component.name === 'p2p')
  if (last?.value === undefined) throw new AppError({ code: 'ADDRESS_INVALID', address })
  return last.value
}

async function compose(
  key: PrivateKey,
  options: NetworkOptions,
  banned: Banned,
): Promise<Libp2pOptions<Services>> {
  const isMemory = options.transport === 'memory'
  return {
    privateKey: key,
    start: false,
    connectionGater: gaterOf(banned),
    addresses: {
      listen: checked(options.listen ?? (isMemory ? [] : ['/ip4/127.0.0.1/tcp/0'])),
      announce: checked(options.announce ?? []),
    },
    transports: isMemory ? await memoryTransports() : await socketTransports(),
    connectionEncrypters: isMemory ? [noise()] : await encrypters(),
    streamMuxers: [yamux()],
    connectionManager: {
      maxConnections: p2pLimits.connectionsMax,
      // The default of 5 a second per host refuses a network that starts on one machine.
      inboundConnectionThreshold: p2pLimits.connectionsMax,
      maxIncomingPendingConnections: p2pLimits.connectionsMax,
      // The library's own reconnection gives up for good; ours does not.
      reconnectRetries: 0,
      dialTimeout: p2pLimits.dialTimeoutMs,
      // The default of 6 s for one address would end a dial to a slow peer before its own limit does.
      addressDialTimeout: p2pLimits.dialTimeoutMs,
    },
    // A peer that computes answers late: it is slow, and not gone.
    connectionMonitor: { pingTimeout: { minTimeout: 30_000 } },
    services: { identify: identify(), ping: ping(), gossip: createGossip(options.scoreOf) },
  } as Libp2pOptions<Services>
}

/** Keeps peers away: those that others call liars, and those that ask without end. */
function createKeeper(
  libp2p: Libp2p,
  { banned, log, clock }: { banned: Banned; log: Logger; clock: Clock },
): Pick<Network, 'drop'> & { readonly serving: Pick<ServeOptions, 'guard' | 'onFlood'> } {
  function drop(peerId: string, { forMs }: { readonly forMs: number }): void {
    banned.add(peerId, forMs)
    hangUp(libp2p, peerId)
  }

  function onFlood(peerId: string): void {
    log.warn({ peerId }, 'a peer asks without end and is kept away')
    drop(peerId, { forMs: p2pLimits.floodBanMs })
  }

  return { drop, serving: { guard: createFloodGuard(clock), onFlood } }
}

function hangUp(libp2p: Libp2p, peerId: string): void {
  for (const connection of libp2p.getConnections(peerIdFromString(peerId))) {
    connection.abort(new AppError({ code: 'PEER_BANNED' }))
  }
}

function gaterOf(banned: Banned): ConnectionGater {
  return {
    denyDialPeer: (peer) => banned.has(peer.toString()),
    denyInboundEncryptedConnection: (peer) => banned.has(peer.toString()),
  }
}

function checked(addresses: readonly string[]): string[] {
  return addresses.map((address) => parseAddress(address).toString())
}

async function memoryTransports() {
  const { memory } = await import('@libp2p/memory')
  return [memory()]
}

async function socketTransports() {
  const [{ tcp }, { webSockets }] = await Promise.all([
    import('@libp2p/tcp'),
    import('@libp2p/websockets'),
  ])
  return [tcp(), webSockets()]
}

async function encrypters() {
  const { tls } = await import('@libp2p/tls')
  return [tls(), noise()]
}
