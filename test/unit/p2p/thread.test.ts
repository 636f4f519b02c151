import { MessageChannel } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { createPeerThread } from '#cli/peer-thread.ts'
import type { Network, TopicMessage, Verdict } from '#p2p/network.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { createThreadedNetwork } from '#p2p/thread/network.ts'
import { serveNetwork } from '#p2p/thread/serving.ts'
import { createWorld, rejection, until } from './world.ts'

const world = createWorld()
afterAll(() => world.end())

/** A network as it is seen through a channel. */
async function across(network: Libp2pNetwork): Promise<Network> {
  const { port1, port2 } = new MessageChannel()
  serveNetwork(port2, async () => network)
  const seen = await createThreadedNetwork(port1, noopLogger)
  world.later(async () => port1.close())
  return seen
}

describe('a network through a channel', () => {
  let near: Network
  let far: Libp2pNetwork

  beforeAll(async () => {
    near = await across(await world.node())
    far = await world.node()
    expect(await near.dial(far.addresses[0] as string)).toBe(far.peerId)
  })

  test('knows its peers and its addresses', async () => {
    await until('both know each other', () => near.peers().includes(far.peerId))
    expect(near.addresses.every((address) => address.endsWith(near.peerId))).toBe(true)
    expect(near.addresses).not.toEqual([])
  })

  test('asks and answers, and carries refusals', async () => {
    await near.handle('/test/double/1', async (request) => request.map((byte) => byte * 2))
    await far.handle('/test/echo/1', async (request, from) =>
      Buffer.from(`${from} ${Buffer.from(request).toString()}`),
    )
    const end = await near.handle('/test/refuse/1', () =>
      Promise.reject(new AppError({ code: 'JOB_UNKNOWN' })),
    )
    const part = new Uint8Array(4_096).fill(7).subarray(10, 12) // of a larger buffer
    expect(await far.request(near.peerId, '/test/double/1', part)).toEqual(Uint8Array.of(14, 14))
    const echo = await near.request(far.peerId, '/test/echo/1', Buffer.from('hello'))
    expect(Buffer.from(echo).toString()).toBe(`${near.peerId} hello`)
    const refusal = await far
      .request(near.peerId, '/test/refuse/1', part)
      .catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'PEER_REFUSED', fields: { reason: 'JOB_UNKNOWN' } })
    await end()
    expect(await rejection(far.request(near.peerId, '/test/refuse/1', part))).toBe('PEER_REFUSED')
    expect(await rejection(near.request(far.peerId, '/test/none/1', part))).toBe('PEER_REFUSED')
  })

  test('who gives up waiting is let go', async () => {
    const asked = Promise.withResolvers<void>()
    await near.handle('/test/slow/1', () => {
      asked.resolve()
      return new Promise(() => undefined)
    })
    const giving = new AbortController()
    const question = near.request(far.peerId, '/test/slow-far/1', new Uint8Array(), {
      signal: AbortSignal.abort(new AppError({ code: 'STOPPING' })),
    })
    expect(await rejection(question)).toBe('STOPPING')
    const waiting = far.request(near.peerId, '/test/slow/1', new Uint8Array(), {
      signal: giving.signal,
    })
    await asked.promise
    giving.abort(new AppError({ code: 'STOPPING' }))
    expect(await rejection(waiting)).toBeDefined()
  })

  test('gossips both ways, judging what comes in', async () => {
    const heard: string[] = []
    const note = ({ author, body }: TopicMessage) =>
      void heard.push(`${author === far.peerId ? 'far' : 'near'} ${Buffer.from(body).toString()}`)
    const judged = (message: TopicMessage): Verdict => {
      return Buffer.from(message.body).toString() === 'bad' ? 'ignore' : 'accept'
    }
    const here = await near.openTopic('/test/topic', { validate: judged, onMessage: note })
    const joined: string[] = []
    here.onJoin((peerId) => joined.push(peerId))
    const there = await far.openTopic('/test/topic', { validate: () => 'accept', onMessage: note })
    await until('each follows', () => joined.includes(far.peerId) && there.peers().length > 0)
    expect(here.peers()).toEqual([far.peerId])
    await there.publish(Buffer.from('bad'))
    await there.publish(Buffer.from('good'))
    await here.publish(Buffer.from('answer'))
    await until('both are heard', () => heard.length >= 2)
    expect(heard.toSorted()).toEqual(['far good', 'near answer'])
    expect(await rejection(here.publish(new Uint8Array(70_000)))).toBe('MESSAGE_TOO_LARGE')
    const twice = near.openTopic('/test/topic', { validate: () => 'accept', onMessage: note })
    expect(await rejection(twice)).toBe('TOPIC_OPEN')
    await here.close()
    await there.close()
  })

  test('keeps a liar away', async () => {
    near.drop(far.peerId, { forMs: 600_000 })
    expect(near.peers()).toEqual([])
    await until('it is gone there as well', () => !far.peers().includes(near.peerId))
  })
})

describe('createPeerThread', () => {
  const peer = (onFailure: (error: unknown) => void = () => undefined) =>
    createPeerThread({ log: noopLogger, listen: ['/ip4/127.0.0.1/tcp/0'], onFailure })

  /** What this thread uses of a processor (us) while one peer asks another a thousand things. */
  async function used(asking: Network, asked: Network): Promise<number> {
    await asking.dial(asked.addresses[0] as string)
    const before = process.threadCpuUsage()
    for (let round = 0; round < 20; round += 1) {
      const questions = Array.from({ length: 50 }, () =>
        rejection(asking.request(asked.peerId, '/test/none/1', new Uint8Array(1_000))),
      )
      expect(new Set(await Promise.all(questions))).toEqual(new Set(['PEER_REFUSED']))
    }
    return process.threadCpuUsage(before).user
  }

  test('leaves this thread less than a third of the work while peers ask without end', async () => {
    const [asked, asking] = await Promise.all([peer(), peer()])
    world.later(() => Promise.all([asked.stop(), asking.stop()]))
    await asked.start()
    await asking.start()
    const here = await used(await world.node(), await world.node())
    const there = await used(asking, asked)
    expect(there).toBeLessThan(here / 3) // a tenth was measured, at any load
  })

  test('out of memory it ends alone: whoever waits is told, and so is the node', async () => {
    const failure = Promise.withResolvers<unknown>()
    const { promise, resolve: onFailure } = failure
    const place = { log: noopLogger, listen: ['/ip4/127.0.0.1/tcp/0'], onFailure }
    const greedy = await createPeerThread(place, new URL('./greedy-thread.ts', import.meta.url))
    await greedy.start()
    expect(await rejection(greedy.dial(greedy.addresses[0] as string))).toBe('NETWORK_ENDED')
    expect(await promise).toMatchObject({
      code: 'NETWORK_ENDED',
      cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
    })
    expect(await rejection(greedy.request('12D3KooW', '/test/1', new Uint8Array()))).toBe(
      'NETWORK_ENDED',
    )
    await greedy.stop()
  })

  test('ends with the errors of the network that it holds', async () => {
    const address = '/ip4/127.0.0.1/tcp/not-a-port'
    const opening = createPeerThread({
      log: noopLogger,
      listen: [address],
      onFailure: () => undefined,
    })
    expect(await rejection(opening)).toBe('ADDRESS_INVALID')
  })
})
