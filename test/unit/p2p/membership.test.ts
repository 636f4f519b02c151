import { describe, expect, test } from 'vitest'
import { createFakeClock } from '#base/clock.ts'
import { createMembership } from '#p2p/membership.ts'

describe('createMembership', () => {
  test('asks again after 30 s for a member and after 2 s for others', async () => {
    const clock = createFakeClock()
    const asked: string[] = []
    const members = new Set(['worker'])
    const membership = createMembership(clock, (peerId) => {
      asked.push(peerId)
      return members.has(peerId)
    })
    const both = async () => [await membership.has('worker'), await membership.has('stranger')]
    expect(await both()).toEqual([true, false])
    expect(await both()).toEqual([true, false])
    expect(asked).toEqual(['worker', 'stranger'])
    members.add('stranger') // drawn as an evaluator
    await clock.advance(2_000)
    expect(await both()).toEqual([true, true])
    expect(asked).toEqual(['worker', 'stranger', 'stranger'])
    members.clear()
    await clock.advance(30_000)
    expect(await both()).toEqual([false, false])
  })

  test('does not remember a failure to find out', async () => {
    let isDown = true
    const membership = createMembership(createFakeClock(), () => {
      if (isDown) throw new Error('RPC down')
      return true
    })
    await expect(membership.has('worker')).rejects.toThrow('RPC down')
    isDown = false
    expect(await membership.has('worker')).toBe(true)
  })
})
