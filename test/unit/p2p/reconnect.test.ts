import { afterEach, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { createRng } from '#base/rng.ts'
import { p2pLimits } from '#p2p/limits.ts'
import { createReconnector } from '#p2p/reconnect.ts'
import { createWorld, rejection, until } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

describe('createReconnector', () => {
  test('dials for as long as the peer is away, never more than 5 s apart', async () => {
    const clock = createFakeClock(0)
    const dialsMs: number[] = []
    const peer = { isUp: false, isConnected: false }
    const reconnector = createReconnector({
      clock,
      rng: createRng(7),
      isConnected: () => peer.isConnected,
      dial: async () => {
        dialsMs.push(clock.nowMs())
        if (!peer.isUp) throw new Error('away')
        peer.isConnected = true
      },
    })
    reconnector.keep('peer', '/memory/peer')
    await reconnector.start()
    await clock.advance(3_600_000)
    const gaps = dialsMs.slice(1).map((ms, i) => ms - (dialsMs[i] as number))
    expect(dialsMs.length).toBeGreaterThan(720) // an hour of at most 5 s each
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000 + 500)
    expect(gaps[0]).toBeLessThanOrEqual(1_000)

    peer.isUp = true
    await clock.advance(5_500)
    expect(peer.isConnected).toBe(true)
    const dials = dialsMs.length
    await clock.advance(60_000)
    expect(dialsMs.length).toBe(dials)

    peer.isConnected = false // cut: the first attempt comes at once
    await clock.advance(500)
    expect(peer.isConnected).toBe(true)
    await reconnector.stop()
    peer.isConnected = false
    await clock.advance(60_000)
    expect(dialsMs.length).toBe(dials + 1)
  })

  test('tries every address of a peer', async () => {
    const clock = createFakeClock(0)
    const dialled: string[] = []
    const reconnector = createReconnector({
      clock,
      rng: createRng(7),
      isConnected: () => dialled.includes('/memory/new'),
      dial: async (address) => {
        dialled.push(address)
        if (address !== '/memory/new') throw new Error('away')
      },
    })
    reconnector.keep('peer', '/memory/old')
    reconnector.keep('peer', '/memory/new')
    await reconnector.start()
    await clock.advance(5_000)
    await reconnector.stop()
    expect(dialled).toEqual(['/memory/old', '/memory/new'])
  })

  test('holds a bounded number of peers', async () => {
    const clock = createFakeClock(0)
    const dial = () => Promise.reject(new Error('away'))
    const reconnector = createReconnector({
      clock,
      rng: createRng(7),
      isConnected: () => false,
      dial,
    })
    for (let i = 0; i < p2pLimits.keptAddressesMax; i += 1) reconnector.keep(`${i}`, '/memory/x')
    const keepMore = async () => reconnector.keep('one more', '/memory/x')
    expect(await rejection(keepMore())).toBe('ADDRESSES_FULL')
  })
})

describe('createNetwork', () => {
  test('finds a bootstrap node again that was stopped and came back', async () => {
    const directory = await world.directory()
    const options = { transport: 'sockets', keyPath: `${directory}/peer.key` } as const
    const first = await world.node(options)
    const address = first.addresses[0] as string
    const node = await world.node({ transport: 'sockets', bootstrap: [address] })
    await until('connected', () => node.peers().includes(first.peerId))
    await first.stop()
    await until('noticed', () => node.peers().length === 0)
    const again = await world.node({ ...options, listen: [address.replace(/\/p2p\/.*/, '')] })
    expect(again.peerId).toBe(first.peerId)
    await until('connected again', () => node.peers().includes(first.peerId))
  })
})
