import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  decodeEnvelope,
  openEnvelope,
  packEnvelopes,
  sealEnvelope,
  unpackEnvelopes,
} from '#p2p/envelope.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { bytesOf, createWorld, rejection } from './world.ts'

const world = createWorld()
let author: Libp2pNetwork

beforeAll(async () => {
  author = await world.node()
})
afterAll(() => world.end())

const seal = (sequence: number, body: Uint8Array) =>
  sealEnvelope(author, 'topic', { sequence, body })

describe('openEnvelope', () => {
  test('gives back what was sealed', async () => {
    const body = bytesOf(1_000)
    const { bytes } = await seal(7, body)
    const opened = await openEnvelope('topic', bytes)
    expect({ ...opened, bytes: undefined }).toEqual({
      author: author.peerId,
      sequence: 7,
      body,
      bytes: undefined,
    })
    expect(bytes.length).toBeLessThanOrEqual(body.length + 256)
  })

  test('ENVELOPE_FORGED or ENVELOPE_INVALID for every single changed byte', async () => {
    const { bytes } = await seal(7, bytesOf(10))
    for (let place = 0; place < bytes.length; place += 1) {
      const changed = bytes.slice()
      changed[place] = (changed[place] as number) ^ 1
      expect(await rejection(openEnvelope('topic', changed)), `byte ${place}`).toMatch(
        /^ENVELOPE_(FORGED|INVALID)$/,
      )
    }
  })

  test('ENVELOPE_FORGED in another topic', async () => {
    const { bytes } = await seal(7, bytesOf(10))
    expect(await rejection(openEnvelope('topic2', bytes))).toBe('ENVELOPE_FORGED')
  })

  test('ENVELOPE_INVALID for every cut', async () => {
    const { bytes } = await seal(7, bytesOf(10))
    for (let length = 0; length < bytes.length - 64; length += 1) {
      expect(() => decodeEnvelope(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'ENVELOPE_INVALID' }),
      )
    }
    expect(await rejection(openEnvelope('topic', bytes.subarray(0, -1)))).toBe('ENVELOPE_FORGED')
  })
})

describe('packEnvelopes', () => {
  test('packs whole envelopes up to a number of bytes', async () => {
    const sealed = [
      await seal(0, bytesOf(100)),
      await seal(1, bytesOf(100)),
      await seal(2, bytesOf(9)),
    ]
    const packed = packEnvelopes(sealed, 10_000)
    expect(unpackEnvelopes(packed)).toEqual(sealed.map(({ bytes }) => bytes))
    const fewer = packEnvelopes(sealed, packed.length - 1)
    expect(unpackEnvelopes(fewer)).toHaveLength(2)
    expect(() => unpackEnvelopes(packed.subarray(0, -1))).toThrow(
      expect.objectContaining({ code: 'ENVELOPE_INVALID' }),
    )
  })
})
