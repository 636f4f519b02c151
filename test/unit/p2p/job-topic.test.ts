import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { createJobTopics } from '#p2p/job-topic.ts'
import { p2pLimits } from '#p2p/limits.ts'
import type { JobEntry, JobTopic } from '#p2p/network.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { realClock } from '#cli/real-clock.ts'
import { bytesOf, connect, createWorld, digest, rejection, text, until } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

const jobId = `0x${'ab'.repeat(32)}`
const everyone = () => true
const textsOf = (topic: JobTopic) =>
  topic.entries().map(({ body }) => new TextDecoder().decode(body))

interface Opened {
  readonly node: Libp2pNetwork
  readonly topic: JobTopic
  readonly heard: JobEntry[]
  readonly stop: () => Promise<void>
}

async function open(
  node: Libp2pNetwork,
  options: { isMember?: (peerId: string) => boolean; directory?: string; isStill?: boolean } = {},
): Promise<Opened> {
  const directory = options.directory ?? (await world.directory())
  const clock = options.isStill === true ? createFakeClock() : realClock
  const topics = createJobTopics({ network: node, clock }, { chainId: 78787 })
  await topics.start()
  const topic = await topics.open(jobId, { directory, isMember: options.isMember ?? everyone })
  const heard: JobEntry[] = []
  topic.onEntry((entry) => void heard.push(entry))
  world.later(() => topics.stop())
  return { node, topic, heard, stop: () => topics.stop() }
}

async function pair() {
  const a = await world.node()
  const b = await world.node()
  await connect(a, b)
  return [a, b] as const
}

describe('append', () => {
  test('reaches the peers, each entry once, with its author and number', async () => {
    const [a, b] = await pair()
    const first = await open(a)
    const second = await open(b)
    await until('both follow', () => first.topic.peers().length + second.topic.peers().length === 2)
    const appended = await Promise.all(
      ['one', 'two', 'three'].map((t) => first.topic.append(text(t))),
    )
    await second.topic.append(text('four'))
    expect(appended.map(({ sequence }) => sequence)).toEqual([0, 1, 2])
    await until('all arrived', () => first.heard.length + second.heard.length === 8)
    expect(second.heard.slice(0, 3).every(({ author }) => author === a.peerId)).toBe(true)
    expect(textsOf(first.topic).toSorted()).toEqual(['four', 'one', 'three', 'two'])
    expect(textsOf(second.topic).toSorted()).toEqual(['four', 'one', 'three', 'two'])
    await first.topic.sync()
    await second.topic.sync()
    expect(first.heard.length + second.heard.length).toBe(8)
  })

  test('takes 64 KiB and refuses more', async () => {
    const [a, b] = await pair()
    const first = await open(a)
    const second = await open(b)
    await until('a sees b', () => first.topic.peers().length === 1)
    const largest = bytesOf(p2pLimits.entryBodyBytesMax)
    await first.topic.append(largest)
    await until('it arrived', () => second.heard.length === 1)
    expect(digest(second.heard[0]?.body as Uint8Array)).toBe(digest(largest))
    const larger = new Uint8Array(largest.length + 1)
    expect(await rejection(first.topic.append(larger))).toBe('MESSAGE_TOO_LARGE')
    expect((await first.topic.append(text('next'))).sequence).toBe(1)
  })
})

describe('a late joiner', () => {
  test('gets the whole log, also from a peer that is not its author', async () => {
    const [a, b] = await pair()
    const author = await open(a)
    const keeper = await open(b)
    await until('a sees b', () => author.topic.peers().length === 1)
    for (let i = 0; i < 200; i += 1) await author.topic.append(text(`entry ${i}`))
    await until('b has all', () => keeper.topic.entries().length === 200)
    await author.stop()
    await a.stop()

    const c = await world.node()
    await connect(c, b)
    const late = await open(c, { isStill: true })
    await until('c has all', () => late.topic.entries().length === 200)
    expect(late.topic.entries()).toEqual(keeper.topic.entries())
    expect(late.heard).toHaveLength(200)
    expect(late.heard[0]?.author).toBe(a.peerId)
  })

  test('gets a log larger than one answer', async () => {
    const [a, b] = await pair()
    const author = await open(a, { isStill: true })
    const count = Math.ceil((1.5 * p2pLimits.responseBytesMax) / p2pLimits.entryBodyBytesMax)
    for (let i = 0; i < count; i += 1)
      await author.topic.append(bytesOf(p2pLimits.entryBodyBytesMax, i))
    const late = await open(b, { isStill: true })
    await until('all of it', () => late.topic.entries().length === count)
    const digests = (topic: JobTopic) => topic.entries().map(({ body }) => digest(body))
    expect(digests(late.topic)).toEqual(digests(author.topic))
  })

  test('does not believe a peer that replays entries of those who do not belong', async () => {
    const [a, b] = await pair()
    const liar = await open(a, { isStill: true })
    await liar.topic.append(text('not assigned'))
    const asked: string[] = []
    const isMember = (peerId: string) => {
      asked.push(peerId)
      return peerId !== a.peerId
    }
    const late = await open(b, { isMember, isStill: true })
    await until('they met', () => late.topic.peers().length === 1)
    await late.topic.sync()
    expect(asked).toContain(a.peerId)
    expect(late.topic.entries()).toEqual([])
  })
})

describe('peers that the job was not assigned to', () => {
  test('are not heard and not passed on', async () => {
    const nodes = [await world.node(), await world.node(), await world.node()] as const
    const [worker, middle, stranger] = nodes
    await connect(worker, middle)
    await connect(stranger, middle)
    const asked = new Set<string>()
    const isMember = (peerId: string) => {
      asked.add(peerId)
      return peerId !== stranger.peerId
    }
    const [one, two, three] = [
      await open(worker, { isMember, isStill: true }),
      await open(middle, { isMember, isStill: true }),
      await open(stranger, { isStill: true }),
    ]
    await until('all follow', () => two.topic.peers().length === 2)
    await until('the ends too', () => one.topic.peers().length + three.topic.peers().length === 2)
    await three.topic.append(text('spam'))
    await one.topic.append(text('work'))
    await until(
      'the middle judged both',
      () => asked.has(stranger.peerId) && two.heard.length === 1,
    )
    await until('the stranger reads', () => three.heard.length === 2)
    expect(textsOf(two.topic)).toEqual(['work'])
    expect(textsOf(one.topic)).toEqual(['work'])
  })
})

describe('a daemon that was killed', () => {
  test('goes on with its log and its numbers', async () => {
    const [a, b] = await pair()
    const directory = await world.directory()
    const first = await open(a, { directory })
    await first.topic.append(text('before'))
    await first.stop()
    const again = await open(a, { directory })
    expect(textsOf(again.topic)).toEqual(['before'])
    expect((await again.topic.append(text('after'))).sequence).toBe(1)
    const other = await open(b)
    await until('b has both', () => other.topic.entries().length === 2)
  })

  test('never uses a number twice, even when its disk was lost', async () => {
    const [a, b] = await pair()
    const directory = await world.directory()
    const first = await open(a, { directory })
    const other = await open(b)
    await until('a sees b', () => first.topic.peers().length === 1)
    await first.topic.append(text('before'))
    await until('b has it', () => other.topic.entries().length === 1)
    await first.stop()
    await until('b noticed', () => other.topic.peers().length === 0)
    await rm(directory, { recursive: true })
    const again = await open(a, { directory, isStill: true })
    await until('a sees b again', () => again.topic.peers().length === 1)
    expect((await again.topic.append(text('after'))).sequence).toBe(1)
    expect(textsOf(again.topic)).toEqual(['before', 'after'])
  })
})

describe('open', () => {
  test('TOPIC_OPEN for a job that is open, and not after it was closed', async () => {
    const node = await world.node()
    const topics = createJobTopics({ network: node, clock: realClock }, { chainId: 78787 })
    const options = { directory: await world.directory(), isMember: everyone }
    const topic = await topics.open(jobId, options)
    expect(await rejection(topics.open(jobId, options))).toBe('TOPIC_OPEN')
    await topic.close()
    await topic.close()
    await topics.open(jobId, options)
    await topics.stop()
  })
})
