import type { Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { afterEach, describe, expect, test } from 'vitest'
import { p2pLimits } from '#p2p/limits.ts'
import { createReader, readFrame, sendAll, sendFrame } from '#p2p/streams.ts'
import { bytesOf, connect, createWorld, digest, rejection, until } from './world.ts'

const world = createWorld()
afterEach(() => world.end())

const protocol = '/test/stream/1'
const long = () => AbortSignal.timeout(20_000)

/** Two ends of one stream over sockets, so that flow control is the real one. */
async function openStream(): Promise<{ near: Stream; far: Stream }> {
  const a = await world.node({ transport: 'sockets' })
  const b = await world.node({ transport: 'sockets' })
  const { promise, resolve } = Promise.withResolvers<Stream>()
  await b.libp2p.handle(protocol, (stream) => resolve(stream))
  await connect(a, b)
  const near = await a.libp2p.dialProtocol(peerIdFromString(b.peerId), protocol)
  near.send(Uint8Array.of(0))
  return { near, far: await promise }
}

describe('sendAll', () => {
  test('keeps the queue below its limit in every stall of the reader, and goes on after it', async () => {
    const { near, far } = await openStream()
    far.maxReadBufferLength = 64_000_000 // a paused stream would be reset at 4 MiB
    const sizeBytes = 60_000_000
    let received = -1 // the byte that opened the stream
    let isStalling = true
    far.addEventListener('message', (event) => {
      received += event.data.byteLength
      if (isStalling) far.pause()
    })
    let queuedBytesMax = 0
    const send = near.send.bind(near)
    near.send = (chunk) => {
      const more = send(chunk)
      queuedBytesMax = Math.max(queuedBytesMax, near.writeBufferLength)
      return more
    }
    let isSent = false
    const sending = sendAll(near, new Uint8Array(sizeBytes), long()).then(() => (isSent = true))
    for (const stall of [1, 2]) {
      await until(`stall ${stall}`, () => near.writeBufferLength > 0)
      expect(isSent).toBe(false)
      isStalling = false
      far.resume()
      await until(`running after stall ${stall}`, () => received > stall * 5_000_000)
      isStalling = stall === 1
    }
    await sending
    await until('all bytes arrived', () => received === sizeBytes)
    expect(queuedBytesMax).toBeGreaterThan(0)
    expect(queuedBytesMax).toBeLessThanOrEqual(p2pLimits.sendQueueBytesMax + 65_536)
  })

  test('ends with the reason of its signal when the reader stops reading', async () => {
    const { near, far } = await openStream()
    far.addEventListener('message', () => far.pause())
    const sending = sendAll(near, new Uint8Array(8_000_000), AbortSignal.timeout(200))
    expect(await rejection(sending)).toBe(23) // TimeoutError
  })

  test('ends when the other side resets the stream', async () => {
    const { near, far } = await openStream()
    far.addEventListener('message', () => far.abort(new Error('enough')))
    expect(await rejection(sendAll(near, new Uint8Array(8_000_000), long()))).toBe(
      'StreamResetError',
    )
  })
})

describe('createReader', () => {
  test('gives exact numbers of bytes across chunks', async () => {
    const { near, far } = await openStream()
    const sent = bytesOf(300_000)
    const reader = createReader(far, 1_000_000)
    await reader.read(1, long())
    await sendFrame(near, sent, long())
    await sendFrame(near, sent.subarray(0, 5), long())
    expect(digest(await readFrame(reader, sent.length, long()))).toBe(digest(sent))
    expect(await readFrame(reader, sent.length, long())).toEqual(sent.slice(0, 5))
    expect(reader.heldBytes()).toBe(0)
  })

  test('refuses a frame larger than expected before it arrives', async () => {
    const { near, far } = await openStream()
    const reader = createReader(far, 1_000_000)
    await reader.read(1, long())
    near.send(Uint8Array.of(255, 255, 255, 255))
    expect(await rejection(readFrame(reader, 1_000, long()))).toBe('FRAME_TOO_LARGE')
  })

  test('aborts a stream whose peer sends more than it may hold', async () => {
    const { near, far } = await openStream()
    const reader = createReader(far, 100_000)
    const sending = sendAll(near, new Uint8Array(4_000_000), long())
    expect(await rejection(sending)).toBe('StreamResetError')
    expect(await rejection(reader.read(4_000_000, long()))).toBe('STREAM_OVERFLOW')
  })

  test('ends with STREAM_CLOSED when the peer has finished', async () => {
    const { near, far } = await openStream()
    const reader = createReader(far, 100)
    await near.close()
    expect(await rejection(reader.read(2, long()))).toBe('STREAM_CLOSED')
  })
})
