import { afterEach, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { noopLogger } from '#base/log.ts'
import { createGossipDoctor } from '#p2p/gossip-doctor.ts'
import { p2pLimits } from '#p2p/limits.ts'
import type { TopicMessage, Verdict } from '#p2p/network.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { bytesOf, connect, createWorld, digest, rejection, text, until } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

async function follow(
  node: Libp2pNetwork,
  verdict: (message: TopicMessage) => Verdict = () => 'accept',
) {
  const heard: TopicMessage[] = []
  const topic = await node.openTopic('topic', {
    validate: verdict,
    onMessage: (message) => void heard.push(message),
  })
  return { node, topic, heard }
}

/** Connected in a row: a - b - c. */
async function line() {
  const nodes = [await world.node(), await world.node(), await world.node()] as const
  await connect(nodes[0], nodes[1])
  await connect(nodes[2], nodes[1])
  return nodes
}

describe('twelve nodes on one address', () => {
  test('all connect at once to one of them, form a mesh and hear each other', async () => {
    const hub = await world.node({ transport: 'sockets' })
    const bootstrap = [hub.addresses[0] as string]
    const others = await Promise.all(
      Array.from({ length: 11 }, () => world.node({ transport: 'sockets', bootstrap })),
    )
    const followers = await Promise.all([hub, ...others].map((node) => follow(node)))
    await until('all are connected', () => hub.peers().length === 11)
    await until('all follow', () => followers[0]?.topic.peers().length === 11)
    await until('and know it', () => followers.every(({ topic }) => topic.peers().length > 0))
    for (const [i, { topic }] of followers.entries()) await topic.publish(text(`from ${i}`))
    await until('all heard all', () => followers.every(({ heard }) => heard.length === 11))
    for (const { node, heard } of followers) {
      const authors = heard.map(({ author }) => author)
      expect(new Set(authors).size).toBe(11)
      expect(authors).not.toContain(node.peerId)
    }
    expect(hub.peers()).toHaveLength(11) // nobody was pruned for sharing an address
  })
})

describe('openTopic', () => {
  test('a message of 64 KiB and an envelope passes, a larger one is refused here', async () => {
    const [a, b] = await line()
    const from = await follow(a)
    const to = await follow(b)
    await until('both follow', () => from.topic.peers().length === 1)
    const largest = bytesOf(p2pLimits.messageBytesMax)
    await from.topic.publish(largest)
    await until('it arrived', () => to.heard.length === 1)
    expect(to.heard[0]).toMatchObject({ topic: 'topic', author: a.peerId, from: a.peerId })
    expect(digest(to.heard[0]?.body as Uint8Array)).toBe(digest(largest))
    const larger = new Uint8Array(largest.length + 1)
    expect(await rejection(from.topic.publish(larger))).toBe('MESSAGE_TOO_LARGE')
  })

  test.each(['ignore', 'reject'] as const)(
    'what the validator would %s goes no further',
    async (verdict) => {
      const [a, b, c] = await line()
      const first = await follow(a)
      const middle = await follow(b, ({ body }) => (body[0] === 1 ? verdict : 'accept'))
      const last = await follow(c)
      await until('all follow', () => middle.topic.peers().length === 2)
      await until(
        'the ends know it',
        () => first.topic.peers().length + last.topic.peers().length === 2,
      )
      for (const mark of [1, 2]) await first.topic.publish(Uint8Array.of(mark))
      await until('the second came through', () => last.heard.length > 0)
      expect(last.heard.map(({ body }) => body[0])).toEqual([2])
      expect(last.heard[0]).toMatchObject({ author: a.peerId, from: b.peerId })
      expect(middle.heard.map(({ body }) => body[0])).toEqual([2])
    },
  )

  test('a validator that throws or never answers drops the message', async () => {
    const [a, b] = await line()
    const from = await follow(a)
    const heard: number[] = []
    await b.openTopic('topic', {
      validate: ({ body }) => {
        if (body[0] === 1) throw new Error('chain state away')
        return body[0] === 2 ? new Promise<Verdict>(() => undefined) : 'accept'
      },
      onMessage: ({ body }) => void heard.push(body[0] as number),
    })
    await until('it follows', () => from.topic.peers().length === 1)
    for (const mark of [1, 2, 3]) await from.topic.publish(Uint8Array.of(mark))
    await until('the third came', () => heard.length === 1)
    expect(heard).toEqual([3])
  })

  test('a peer that sends invalid messages loses score, one that is ignored does not', async () => {
    const [a, b, c] = await line()
    const first = await follow(a)
    const third = await follow(c)
    await follow(b, ({ body }) => (body[0] === 1 ? 'reject' : 'ignore'))
    await until('known', () => first.topic.peers().length + third.topic.peers().length === 2)
    for (let i = 0; i < 5; i += 1) {
      await first.topic.publish(Uint8Array.of(1, i))
      await third.topic.publish(Uint8Array.of(2, i))
    }
    const { gossip } = b.libp2p.services as unknown as {
      gossip: { getScore(peerId: string): number }
    }
    await until('the score fell', () => gossip.getScore(a.peerId) < 0)
    expect(gossip.getScore(c.peerId)).toBeGreaterThanOrEqual(0)
  })

  test('publishes into silence, opens once at a time, and again after it was closed', async () => {
    const node = await world.node()
    const { topic } = await follow(node)
    await topic.publish(text('nobody hears'))
    expect(await rejection(follow(node))).toBe('TOPIC_OPEN')
    await topic.close()
    await topic.close()
    const { topic: again } = await follow(node)
    expect(again.peers()).toEqual([])
  })

  test('tells who begins to follow', async () => {
    const [a, b] = await line()
    const { topic } = await follow(a)
    const joined: string[] = []
    const stop = topic.onJoin((peerId) => void joined.push(peerId))
    const { topic: other } = await follow(b)
    await until('b joined', () => joined.length === 1)
    expect(joined).toEqual([b.peerId])
    stop()
    await other.close()
    await until('b left', () => topic.peers().length === 0)
  })
})

describe('a peer that does not read', () => {
  test('costs its sender a bounded queue, and is dropped instead of kept deaf', async () => {
    const a = await world.node({ transport: 'sockets' })
    const b = await world.node({ transport: 'sockets' })
    await connect(a, b, { keep: false })
    const from = await follow(a)
    await follow(b)
    await until('both follow', () => from.topic.peers().length === 1)
    for (const connection of b.libp2p.getConnections()) {
      for (const stream of connection.streams) if (stream.direction === 'inbound') stream.pause()
    }
    const queues = () =>
      a.libp2p
        .getConnections()
        .flatMap(({ streams }) => streams.map((one) => one.writeBufferLength))
    let queuedBytesMax = 0
    const body = bytesOf(p2pLimits.messageBytesMax)
    for (let sent = 0; sent < 3 * p2pLimits.gossipQueueBytesMax; sent += body.length) {
      body[0] = sent % 251
      await from.topic.publish(body)
      queuedBytesMax = Math.max(queuedBytesMax, ...queues())
    }
    expect(queuedBytesMax).toBeGreaterThan(0)
    expect(queuedBytesMax).toBeLessThanOrEqual(p2pLimits.gossipQueueBytesMax)

    const openConnections = () =>
      a.libp2p.getConnections().filter(({ status }) => status === 'open').length
    expect(openConnections()).toBe(1)
    const clock = createFakeClock()
    const doctor = createGossipDoctor(a.libp2p, { clock, log: noopLogger })
    await doctor.start()
    await clock.advance(30_000)
    await doctor.stop()
    expect(openConnections()).toBe(0)
  })
})
