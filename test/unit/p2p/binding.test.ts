import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { type PeerBinding, createBinding, verifyBinding } from '#p2p/binding.ts'
import { createBindings } from '#p2p/bindings.ts'
import type { Libp2pNetwork } from '#p2p/node.ts'
import { createWorld, rejection } from './world.ts'

const world = createWorld()
const accountKey = new Uint8Array(32).fill(7)
const terms = { chainId: 78787, sequence: 3, expires: 2_000_000_000 }
const now = { chainId: 78787, nowMs: 1_900_000_000_000 }
let peer: Libp2pNetwork
let other: Libp2pNetwork
let binding: PeerBinding

beforeAll(async () => {
  peer = await world.node()
  other = await world.node()
  binding = await createBinding(peer, accountKey, terms)
})
afterAll(() => world.end())

describe('verifyBinding', () => {
  test('accepts what both keys signed', async () => {
    expect(binding).toMatchObject({
      account: addressOf(accountKey),
      peerId: peer.peerId,
      sequence: 3,
    })
    await verifyBinding(binding, now)
  })

  test('BINDING_EXPIRED from its last second on', async () => {
    const late = { ...now, nowMs: terms.expires * 1_000 }
    expect(await rejection(verifyBinding(binding, late))).toBe('BINDING_EXPIRED')
    await verifyBinding(binding, { ...now, nowMs: terms.expires * 1_000 - 1 })
  })

  test.each([
    ['another account', () => ({ account: addressOf(new Uint8Array(32).fill(8)) })],
    ['another peer', () => ({ peerId: other.peerId })],
    ['another sequence', () => ({ sequence: 4 })],
    ['a longer life', () => ({ expires: terms.expires + 1 })],
    ['no account signature', () => ({ accountSignature: `0x${'00'.repeat(65)}` as const })],
    ['a peer signature by somebody else', () => ({ peerSignature: `0x${'01'.repeat(64)}` })],
  ])('BINDING_INVALID with %s', async (_name, change) => {
    expect(await rejection(verifyBinding({ ...binding, ...change() }, now))).toBe('BINDING_INVALID')
  })

  test('BINDING_INVALID on another chain', async () => {
    expect(await rejection(verifyBinding(binding, { ...now, chainId: 1 }))).toBe('BINDING_INVALID')
  })

  test('a peer cannot claim an account by its own signature alone', async () => {
    const stolen = await createBinding(other, new Uint8Array(32).fill(9), terms)
    const claim = { ...stolen, account: binding.account }
    expect(await rejection(verifyBinding(claim, now))).toBe('BINDING_INVALID')
  })
})

describe('createBindings', () => {
  test('the higher sequence wins, in whichever order they come', async () => {
    const moved = await createBinding(other, accountKey, { ...terms, sequence: 4 })
    for (const order of [
      [binding, moved],
      [moved, binding],
    ]) {
      const bindings = createBindings(createFakeClock(now.nowMs))
      for (const one of order) bindings.add(one)
      expect(bindings.peerOf(binding.account)).toBe(other.peerId)
      expect(bindings.accountsOf(peer.peerId)).toEqual([])
      expect(bindings.accountsOf(other.peerId)).toEqual([binding.account])
    }
  })

  test('forgets a binding when it expires', async () => {
    const clock = createFakeClock(terms.expires * 1_000 - 1_000)
    const bindings = createBindings(clock)
    bindings.add(binding)
    expect(bindings.has(binding)).toBe(true)
    await clock.advance(1_000)
    expect(bindings.has(binding)).toBe(false)
    expect(bindings.peerOf(binding.account)).toBeUndefined()
  })
})
