import { afterEach, describe, expect, test } from 'vitest'
import { type FakeClock, createFakeClock } from '#base/clock.ts'
import { createBinding } from '#p2p/binding.ts'
import { createBindings } from '#p2p/bindings.ts'
import { createCapabilities } from '#p2p/capabilities.ts'
import {
  type Capability,
  type CapabilityClaim,
  decodeCapability,
  encodeCapability,
  meets,
} from '#p2p/capability.ts'
import { createCapabilityTable } from '#p2p/capability-table.ts'
import { sealEnvelope } from '#p2p/envelope.ts'
import { p2pLimits } from '#p2p/limits.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { jobKinds } from '#wire/market.ts'
import { connect, createWorld, rejection, text, until } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

const chainId = 78787
const topic = `quern/${chainId}/capability`
const gib = 2 ** 30
const startMs = 1_900_000_000_000
const expires = 2_000_000_000

const claim: CapabilityClaim = {
  roles: ['worker'],
  cores: 8,
  memoryBytes: 32 * gib,
  gpus: [],
  engines: ['exact'],
  taskKinds: ['classify', 'regress'],
  pricePerGflopWei: 100n,
  load: 0.25,
}

let keys = 0
const accountKey = () => new Uint8Array(32).fill((keys += 1))

async function recordOf(
  node: Libp2pNetwork,
  change: Partial<Capability> = {},
): Promise<Capability> {
  const binding = await createBinding(node, accountKey(), { chainId, sequence: 1, expires })
  const expiry = startMs + p2pLimits.capabilityLifeMs
  return { ...claim, peerId: node.peerId, binding, addresses: [], expiry, ...change }
}

const seal = async (node: Libp2pNetwork, record: Capability, sequence = 1) =>
  (await sealEnvelope(node, topic, { sequence, body: encodeCapability(record) })).bytes

function tableOf(clock: FakeClock, ownPeerId = 'nobody') {
  const bindings = createBindings(clock)
  const table = createCapabilityTable({ clock, chainId, topic, ownPeerId, bindings })
  return { table, bindings }
}

describe('meets', () => {
  const gpus = (count: number, memoryGib: number) =>
    Array.from({ length: count }, () => ({ name: 'gpu', memoryBytes: memoryGib * gib }))
  const fourOf16 = { gpus: { countMin: 4, memoryBytesMin: 16 * gib } }

  test.each([
    [{}, {}, true],
    [{ role: 'worker', engine: 'exact', taskKind: 'regress', coresMin: 8 }, {}, true],
    [{ role: 'evaluator' }, {}, false],
    [{ engine: 'llama' }, {}, false],
    [{ taskKind: 'generate' }, {}, false],
    [{ coresMin: 9 }, {}, false],
    [{ memoryBytesMin: 32 * gib + 1 }, {}, false],
    [{ pricePerGflopWeiMax: 99n }, {}, false],
    [{ pricePerGflopWeiMax: 100n }, {}, true],
    [{ loadMax: 0.2 }, {}, false],
    [fourOf16, { gpus: gpus(4, 16) }, true],
    [fourOf16, { gpus: gpus(3, 24) }, false],
    [fourOf16, { gpus: [...gpus(3, 24), ...gpus(2, 8)] }, false],
  ])('%o of a machine with %o: %s', (filter, change, expected) => {
    const record = { ...claim, ...change } as Capability
    expect(meets(record, filter)).toBe(expected)
  })
})

describe('the table', () => {
  test('keeps a signed record until it expires, the newest of each peer, the cheapest first', async () => {
    const clock = createFakeClock(startMs)
    const { table, bindings } = tableOf(clock)
    const [a, b] = [await world.node(), await world.node()]
    const record = await recordOf(a)
    expect((await table.admit(await seal(a, record))).verdict).toBe('accept')
    expect((await table.admit(await seal(a, record))).verdict).toBe('ignore')
    const cheaper = await recordOf(b, { pricePerGflopWei: 50n })
    expect((await table.admit(await seal(b, cheaper))).verdict).toBe('accept')
    expect(table.query({}).map(({ peerId }) => peerId)).toEqual([b.peerId, a.peerId])

    await clock.advance(30_000)
    const expiry = clock.nowMs() + p2pLimits.capabilityLifeMs
    const busy = await seal(a, { ...record, load: 1, expiry }, 2)
    expect((await table.admit(busy)).verdict).toBe('accept')
    expect((await table.admit(await seal(a, record, 1))).verdict).toBe('ignore')
    expect(table.query({ loadMax: 0.5 }).map(({ peerId }) => peerId)).toEqual([b.peerId])

    await clock.advance(p2pLimits.capabilityLifeMs - 30_000)
    expect(table.query({}).map(({ peerId }) => peerId)).toEqual([a.peerId])
    expect(table.envelopes()).toHaveLength(1)
    await clock.advance(30_000)
    expect(table.query({})).toEqual([])
    expect(bindings.peerOf(cheaper.binding.account)).toBe(b.peerId) // longer than the record
  })

  test('rejects records that somebody else signed, that are malformed, or whose account did not sign', async () => {
    const { table } = tableOf(createFakeClock(startMs))
    const [a, b] = [await world.node(), await world.node()]
    const record = await recordOf(a)
    const foreign = await recordOf(b)
    const garbage = await sealEnvelope(a, topic, { sequence: 1, body: text('{}') })
    const elsewhere = await sealEnvelope(a, 'other topic', {
      sequence: 1,
      body: encodeCapability(record),
    })
    const bad = [
      await seal(b, record),
      await seal(a, { ...record, binding: foreign.binding }),
      await seal(a, {
        ...record,
        binding: { ...record.binding, account: foreign.binding.account },
      }),
      garbage.bytes,
      elsewhere.bytes,
      new Uint8Array(9),
    ]
    for (const bytes of bad) expect((await table.admit(bytes)).verdict).toBe('reject')
    expect(table.query({})).toEqual([])
  })

  test('ignores records from the past, from too far in the future, and the own one', async () => {
    const node = await world.node()
    const clock = createFakeClock(startMs)
    const { table } = tableOf(clock)
    const later = p2pLimits.capabilityLifeMs + p2pLimits.clockSkewMs + 1
    for (const expiry of [startMs, startMs + later]) {
      const bytes = await seal(node, await recordOf(node, { expiry }))
      expect((await table.admit(bytes)).verdict).toBe('ignore')
    }
    const own = tableOf(clock, node.peerId)
    const bytes = await seal(node, await recordOf(node))
    expect((await own.table.admit(bytes)).verdict).toBe('ignore')
  })

  test('CAPABILITY_TOO_LARGE instead of a record that nobody takes', async () => {
    const addresses = Array.from({ length: 40 }, () => 'x'.repeat(256))
    const record = await recordOf(await world.node(), { addresses })
    expect(await rejection((async () => encodeCapability(record))())).toBe('CAPABILITY_TOO_LARGE')
  })
})

describe('a record', () => {
  test('names every kind of job', async () => {
    const taskKinds = Object.keys(jobKinds)
    const record = await recordOf(await world.node(), { taskKinds })
    expect(decodeCapability(encodeCapability(record)).taskKinds).toEqual(taskKinds)
  })

  test('CAPABILITY_INVALID instead of one that nobody takes', async () => {
    const record = await recordOf(await world.node(), { taskKinds: ['two words'] })
    expect(await rejection((async () => encodeCapability(record))())).toBe('CAPABILITY_INVALID')
  })
})

describe('createCapabilities', () => {
  async function join(node: Libp2pNetwork, clock: FakeClock, change?: Partial<CapabilityClaim>) {
    const binding = await createBinding(node, accountKey(), { chainId, sequence: 1, expires })
    const describeSelf = () => ({ ...claim, ...change })
    const capabilities = createCapabilities(
      { network: node, clock },
      { chainId, self: { binding, describe: describeSelf } },
    )
    await capabilities.start()
    world.later(() => capabilities.stop())
    return { node, capabilities, account: binding.account }
  }

  test('ten nodes that know one of them get to know, and connect to, all', async () => {
    const clock = createFakeClock(startMs)
    const hub = await world.node()
    const bootstrap = [hub.addresses[0] as string]
    const rest = await Promise.all(Array.from({ length: 9 }, () => world.node({ bootstrap })))
    const all = await Promise.all(
      [hub, ...rest].map((node, i) => join(node, clock, { cores: i + 1 })),
    )
    await until('full tables', () => all.every((one) => one.capabilities.query().length === 9))
    const [first, second] = all
    expect(first?.capabilities.query({ coresMin: 10 }).map(({ peerId }) => peerId)).toEqual([
      all[9]?.node.peerId,
    ])
    for (const { node, account } of all.slice(2)) {
      expect(second?.capabilities.peerOf(account)).toBe(node.peerId)
      expect(second?.capabilities.accountsOf(node.peerId)).toEqual([account])
    }
    await until('all connected', () => all.every(({ node }) => node.peers().length === 9))
  })

  test('a late one gets the table at once, and the accounts of those who have left', async () => {
    const clock = createFakeClock(startMs)
    const [hub, gone] = [await world.node(), await world.node()]
    await connect(gone, hub)
    const first = await join(hub, clock)
    const left = await join(gone, clock)
    await until('known', () => first.capabilities.query().length === 1)
    await left.capabilities.stop()
    await gone.stop()
    await clock.advance(p2pLimits.capabilityLifeMs + 1_000)
    expect(first.capabilities.query()).toEqual([])

    const late = await world.node()
    await connect(late, hub)
    const joined = await join(late, clock)
    await until('the hub is known', () => joined.capabilities.query().length === 1)
    await until('and who was there', () => joined.capabilities.peerOf(left.account) === gone.peerId)
    expect(joined.capabilities.accountsOf(gone.peerId)).toEqual([left.account])
  })

  test('announces again every 30 s, and at once when asked', async () => {
    const clock = createFakeClock(startMs)
    const [a, b] = [await world.node(), await world.node()]
    await connect(a, b)
    const load = { now: 0 }
    const binding = await createBinding(a, accountKey(), { chainId, sequence: 1, expires })
    const busy = createCapabilities(
      { network: a, clock },
      { chainId, self: { binding, describe: () => ({ ...claim, load: load.now }) } },
    )
    await busy.start()
    world.later(() => busy.stop())
    const { capabilities } = await join(b, clock)
    const seen = () => capabilities.query()[0]?.load
    await until('first', () => seen() === 0)
    load.now = 0.5
    await clock.advance(30_000)
    await until('after 30 s', () => seen() === 0.5)
    load.now = 1
    await busy.announce()
    await until('at once', () => seen() === 1)
  })

  test('one that only listens knows the others and is not known', async () => {
    const clock = createFakeClock(startMs)
    const [a, b] = [await world.node(), await world.node()]
    await connect(a, b)
    const listener = createCapabilities({ network: a, clock }, { chainId })
    await listener.start()
    world.later(() => listener.stop())
    const other = await join(b, clock)
    await until('it listens', () => listener.query().length === 1)
    expect(other.capabilities.query()).toEqual([])
  })
})
