import { z } from 'zod'
import type { Clock } from '#base/clock.ts'
import { AppError, codeOf } from '#base/error.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import type { Service } from '#base/service.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { topicOf } from '#wire/topic.ts'
import { bindingSchema, type PeerBinding, verifyBinding } from './binding.ts'
import { type Bindings, createBindings } from './bindings.ts'
import {
  type Capability,
  type CapabilityClaim,
  type CapabilityFilter,
  encodeCapability,
} from './capability.ts'
import { createCapabilityTable } from './capability-table.ts'
import { type Envelope, packEnvelopes, sealEnvelope, unpackEnvelopes } from './envelope.ts'
import { p2pLimits } from './limits.ts'
import type { Network, Topic } from './network.ts'

const tableProtocol = '/quern/capability/1'
const bindingsProtocol = '/quern/binding/1'
/** So many peers are asked for their table after joining. */
const tablesWanted = 3
/** Below this many connections a node also connects to the peers it hears of. */
const connectionsWanted = 24
const secondTurnMs = 20_000

export interface CapabilitiesDeps {
  readonly network: Network
  readonly clock: Clock
  readonly log?: Logger
}

export interface CapabilitiesOptions {
  readonly chainId: number
  /** What this node announces every 30 s. Without it the node only listens. */
  readonly self?: { readonly binding: PeerBinding; readonly describe: () => CapabilityClaim }
}

/** Who is there, what each can do, and which account speaks through which peer. */
export interface Capabilities extends Service {
  /** Records that have not expired, the cheapest first. Own records are not among them. */
  query(filter?: CapabilityFilter): readonly Capability[]
  /** Accounts bound to a peer, lower case. Known until the binding expires, not only the record. */
  accountsOf(peerId: string): readonly string[]
  /** The peer that an account speaks through. */
  peerOf(account: string): string | undefined
  /** Announces now, for instance after a change of load. */
  announce(): Promise<void>
}

/**
 * Signed capability records on `quern/<chainId>/capability`, the table of them for those who join, and
 * connections to the peers that the records name.
 */
export function createCapabilities(
  deps: CapabilitiesDeps,
  options: CapabilitiesOptions,
): Capabilities {
  const { network, clock } = deps
  const log = deps.log ?? noopLogger
  const { chainId, self } = options
  const name = topicOf.capability(chainId)
  const bindings = createBindings(clock)
  const table = createCapabilityTable({
    clock,
    chainId,
    topic: name,
    ownPeerId: network.peerId,
    bindings,
  })
  const stopping = new AbortController()
  const isSilent = self === undefined
  const greeter = createGreeter({ network, clock, log, signal: stopping.signal, isSilent })
  const closers: (() => Promise<unknown>)[] = []
  const announcer = createAnnouncer({ network, clock, log, name, self })
  let topic: Topic | undefined
  let announcing: Promise<void> | undefined

  async function admit(bytes: Uint8Array) {
    const { verdict, record } = await table.admit(bytes)
    if (record !== undefined) void greeter.meet(record)
    return verdict
  }

  const envelopes = () => [...announcer.own(), ...table.envelopes()]

  async function start(): Promise<void> {
    if (self !== undefined) bindings.add(self.binding)
    closers.push(...(await serveTables({ network, bindings, envelopes })))
    topic = await network.openTopic(name, {
      validate: (message) => admit(message.body),
      onMessage: () => undefined, // kept while it was judged
    })
    const ask = createAsker({
      network,
      bindings,
      chainId,
      clock,
      log,
      admit,
      announce: announcer.announce,
      signal: stopping.signal,
    })
    topic.onJoin((peerId) => void ask(peerId))
    for (const peerId of topic.peers()) void ask(peerId)
    announcing = announcer.run(topic, stopping.signal)
  }

  async function stop(): Promise<void> {
    stopping.abort(new AppError({ code: 'STOPPED' }))
    await announcing
    await topic?.close()
    for (const close of closers.splice(0).toReversed()) await close()
  }

  return {
    start,
    stop,
    announce: () => announcer.announce(),
    query: (filter = {}) => table.query(filter),
    accountsOf: (peerId) => bindings.accountsOf(peerId),
    peerOf: (account) => bindings.peerOf(account),
  }
}

interface AnnouncerDeps {
  readonly network: Network
  readonly clock: Clock
  readonly log: Logger
  readonly name: string
  readonly self: CapabilitiesOptions['self']
}

/** Signs the own record and publishes it. */
function createAnnouncer(deps: AnnouncerDeps) {
  const { network, clock, self } = deps
  let topic: Topic | undefined
  let own: Envelope | undefined

  async function announce(): Promise<void> {
    if (self === undefined || topic === undefined) return
    const nowMs = clock.nowMs()
    const body = encodeCapability({
      ...self.describe(),
      peerId: network.peerId,
      binding: self.binding,
      addresses: network.addresses.slice(0, p2pLimits.knownAddressesMax),
      expiry: nowMs + p2pLimits.capabilityLifeMs,
    })
    const sequence = Math.max(nowMs, (own?.sequence ?? 0) + 1)
    own = await sealEnvelope(network, deps.name, { sequence, body })
    await topic.publish(own.bytes)
  }

  async function run(to: Topic, signal: AbortSignal): Promise<void> {
    topic = to
    while (!signal.aborted) {
      await announce().catch((error: unknown) => deps.log.warn({ error }, 'not announced'))
      await clock.sleep(p2pLimits.capabilityIntervalMs, signal).catch(() => undefined)
    }
  }

  return { announce, run, own: () => (own === undefined ? [] : [own]) }
}

interface TableServing {
  readonly network: Network
  readonly bindings: Bindings
  readonly envelopes: () => readonly Envelope[]
}

/** Answers those who join. Returns how to stop each protocol. */
async function serveTables({ network, bindings, envelopes }: TableServing) {
  const asksNothing = { requestBytesMax: 0 }
  const records = async () => packEnvelopes(envelopes(), p2pLimits.responseBytesMax)
  const bound = async () => canonicalBytes(bindings.all())
  return [
    await network.handle(tableProtocol, records, asksNothing),
    await network.handle(bindingsProtocol, bound, asksNothing),
  ]
}

interface AskerDeps {
  readonly network: Network
  readonly bindings: Bindings
  readonly chainId: number
  readonly clock: Clock
  readonly log: Logger
  readonly admit: (bytes: Uint8Array) => Promise<unknown>
  readonly announce: () => Promise<void>
  readonly signal: AbortSignal
}

/** Asks the first peers met for their records and all bindings they know; believes what is signed. */
function createAsker(deps: AskerDeps): (peerId: string) => Promise<void> {
  const { network, bindings, chainId, clock, signal } = deps
  const nothing = new Uint8Array()
  let tablesLeft = tablesWanted

  async function readTables(peerId: string): Promise<void> {
    const table = await network.request(peerId, tableProtocol, nothing, { signal })
    for (const bytes of unpackEnvelopes(table)) await deps.admit(bytes)
    const listed = await network.request(peerId, bindingsProtocol, nothing, { signal })
    for (const binding of z.array(bindingSchema).parse(parseJson(listed))) {
      if (bindings.has(binding)) continue
      await verifyBinding(binding, { chainId, nowMs: clock.nowMs() })
      bindings.add(binding)
    }
  }

  return async (peerId) => {
    if (tablesLeft === 0) return
    tablesLeft -= 1
    try {
      await readTables(peerId)
      await deps.announce() // what was announced before the first peer came reached nobody
    } catch (error) {
      tablesLeft += 1
      deps.log.debug({ code: codeOf(error), peerId }, 'no capability table')
    }
  }
}

interface GreeterDeps {
  readonly network: Network
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Nobody hears of this node, so that it always dials itself. */
  readonly isSilent: boolean
}

/** Connects to announced peers: a small network becomes complete, so that artifacts take one hop. */
function createGreeter(deps: GreeterDeps): { meet(record: Capability): Promise<void> } {
  const { network } = deps
  const heardMs = new Map<string, number>()

  async function meet({ peerId, addresses }: Capability): Promise<void> {
    // Both hear of each other at once: the lower id dials first, the other when it is still away later.
    const nowMs = deps.clock.nowMs()
    const firstMs = heardMs.get(peerId) ?? nowMs
    const isLate = nowMs - firstMs >= secondTurnMs
    const isTurn = deps.isSilent || network.peerId < peerId || isLate
    if (heardMs.size >= p2pLimits.capabilitiesMax) heardMs.clear()
    heardMs.set(peerId, firstMs)
    try {
      await network.learn(peerId, addresses)
      for (const address of isTurn ? addresses : []) {
        const peers = network.peers()
        if (peers.includes(peerId) || peers.length >= connectionsWanted) return
        await network.dial(address, { signal: deps.signal, keep: false }).catch(() => undefined)
      }
    } catch (error) {
      deps.log.debug({ code: codeOf(error), peerId }, 'peer not met')
    }
  }

  return { meet }
}
