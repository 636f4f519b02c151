import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { p2pLimits } from '#p2p/limits.ts'
import { connect, createWorld, rejection, until } from './world.ts'

const world = createWorld()
let server: Libp2pNetwork
let client: Libp2pNetwork

beforeAll(async () => {
  server = await world.node()
  client = await world.node()
  await connect(client, server)
})
afterAll(() => world.end())

const ask = (protocol: string, body: Uint8Array, options = {}) =>
  client.request(server.peerId, protocol, body, options)

describe('request', () => {
  test('carries a question, its sender and the answer', async () => {
    let asker = ''
    await server.handle('/test/double/1', async (request, from) => {
      asker = from
      return request.map((byte) => byte * 2)
    })
    expect(await ask('/test/double/1', Uint8Array.of(1, 2))).toEqual(Uint8Array.of(2, 4))
    expect(asker).toBe(client.peerId)
    expect(await ask('/test/double/1', new Uint8Array())).toEqual(new Uint8Array())
  })

  test('PEER_REFUSED carries the code of the other side and nothing else of it', async () => {
    await server.handle('/test/refuse/1', () =>
      Promise.reject(new AppError({ code: 'JOB_UNKNOWN', secret: 'kept' })),
    )
    const refusal = await ask('/test/refuse/1', new Uint8Array()).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'PEER_REFUSED', fields: { reason: 'JOB_UNKNOWN' } })
    expect(String(refusal)).not.toContain('kept')
  })

  test('PEER_REFUSED for a protocol that is not, or no longer, served', async () => {
    const stop = await server.handle('/test/short/1', async (request) => request)
    await ask('/test/short/1', Uint8Array.of(1))
    await stop()
    for (const protocol of ['/test/short/1', '/test/none/1']) {
      expect(await rejection(ask(protocol, Uint8Array.of(1)))).toBe('PEER_REFUSED')
    }
  })

  test('RESPONSE_TOO_LARGE before the answer is taken', async () => {
    await server.handle('/test/large/1', async () => new Uint8Array(100_000))
    const asking = ask('/test/large/1', new Uint8Array(), { responseBytesMax: 99_999 })
    expect(await rejection(asking)).toBe('RESPONSE_TOO_LARGE')
    const larger = await ask('/test/large/1', new Uint8Array(), { responseBytesMax: 100_000 })
    expect(larger.length).toBe(100_000)
  })

  test('a question that is too large never reaches the handler', async () => {
    let calls = 0
    const serve = async (request: Uint8Array) => {
      calls += 1
      return request
    }
    await server.handle('/test/small/1', serve, { requestBytesMax: 10 })
    expect(await rejection(ask('/test/small/1', new Uint8Array(11)))).toBe('PEER_UNREACHABLE')
    await ask('/test/small/1', new Uint8Array(10))
    expect(calls).toBe(1)
  })

  test('PEER_TIMEOUT when the answer takes too long; the own signal wins over it', async () => {
    await server.handle('/test/slow/1', (_request, _from, signal) => {
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      )
    })
    const late = ask('/test/slow/1', new Uint8Array(), { timeoutMs: 50 })
    expect(await rejection(late)).toBe('PEER_TIMEOUT')
    const stopping = new AbortController()
    const asking = ask('/test/slow/1', new Uint8Array(), { signal: stopping.signal })
    stopping.abort(new AppError({ code: 'STOPPED' }))
    expect(await rejection(asking)).toBe('STOPPED')
  })

  test("BUSY beyond the handler's concurrency", async () => {
    const open: (() => void)[] = []
    const serve = (request: Uint8Array) =>
      new Promise<Uint8Array>((resolve) => open.push(() => resolve(request)))
    await server.handle('/test/busy/1', serve, { concurrencyMax: 2 })
    const first = [ask('/test/busy/1', new Uint8Array()), ask('/test/busy/1', new Uint8Array())]
    await until('two are being served', () => open.length === 2)
    const third = await ask('/test/busy/1', new Uint8Array()).catch((error: unknown) => error)
    expect(third).toMatchObject({
      code: 'PEER_REFUSED',
      retryable: true,
      fields: { reason: 'BUSY' },
    })
    for (const answer of open) answer()
    expect(await Promise.all(first)).toHaveLength(2)
  })

  test('PEER_UNREACHABLE for a peer that nobody knows', async () => {
    const stranger = await world.node()
    await stranger.stop()
    const asking = client.request(stranger.peerId, '/test/double/1', new Uint8Array())
    expect(await rejection(asking)).toBe('PEER_UNREACHABLE')
  })
})

describe('start', () => {
  test('LISTEN_FAILED when the port is taken, and ADDRESS_INVALID for what is none', async () => {
    const node = await world.node({ transport: 'sockets' })
    const taken = (node.addresses[0] as string).replace(/\/p2p\/.*/, '')
    expect(await rejection(world.node({ transport: 'sockets', listen: [taken] }))).toBe(
      'LISTEN_FAILED',
    )
    expect(await rejection(world.node({ listen: ['port 80'] }))).toBe('ADDRESS_INVALID')
  })
})

describe('dial', () => {
  test.each(['nonsense', '/ip4/127.0.0.1/tcp/1'])(
    'refuses %s as a bootstrap address',
    async (address) => {
      expect(await rejection(world.node({ bootstrap: [address] }))).toBe('ADDRESS_INVALID')
    },
  )

  test('PEER_UNREACHABLE where nobody listens', async () => {
    const node = await world.node({ transport: 'sockets' })
    const address = `/ip4/127.0.0.1/tcp/1/p2p/${server.peerId}`
    expect(await rejection(node.dial(address))).toBe('PEER_UNREACHABLE')
  })
})

describe('drop', () => {
  test('hangs up on a peer and stays away from it until its time is over', async () => {
    const clock = createFakeClock()
    const [liar, node] = [await world.node(), await world.node({ clock })]
    await connect(liar, node, { keep: false })
    expect(node.peers()).toEqual([liar.peerId])
    node.drop(liar.peerId, { forMs: 60_000 })
    await until('both are alone', () => node.peers().length + liar.peers().length === 0)
    await liar.dial(node.addresses[0] as string, { keep: false }).catch(() => undefined)
    await until('the node is alone', () => node.peers().length === 0)
    expect(await rejection(node.dial(liar.addresses[0] as string, { keep: false }))).toBe(
      'PEER_UNREACHABLE',
    )
    await clock.advance(60_001)
    await connect(node, liar, { keep: false })
    expect(node.peers()).toEqual([liar.peerId])
  })
})

describe('a peer that asks without end', () => {
  test('is kept away, and one that asks as often over a longer time is not', async () => {
    const clock = createFakeClock()
    const node = await world.node({ clock })
    await node.handle('/test/echo/1', async (request) => request)
    const busy = await world.node()
    await connect(busy, node, { keep: false })
    const question = () => busy.request(node.peerId, '/test/echo/1', Uint8Array.of(1))

    async function askTimes(times: number): Promise<void> {
      for (let asked = 0; asked < times; asked += 20) {
        await Promise.allSettled(Array.from({ length: 20 }, question))
      }
    }

    await askTimes(p2pLimits.questionsPerWindowMax)
    await clock.advance(p2pLimits.questionsWindowMs)
    await askTimes(p2pLimits.questionsPerWindowMax)
    expect(node.peers()).toEqual([busy.peerId])
    await question().catch(() => undefined)
    await until('nobody talks to it', () => node.peers().length === 0)
  })
})
