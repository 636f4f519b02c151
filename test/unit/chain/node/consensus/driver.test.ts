import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { type Payload, encodePayload } from '#chain/core/payload.ts'
import { encodeAnswer, finalsFrom } from '#chain/node/consensus/catch-up.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import { openVoteLog } from '#chain/node/consensus/vote-log.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createMemoryStore } from '#store/memory.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { topicOf } from '#wire/topic.ts'
import {
  type Member,
  type ValidatorsWorld,
  createValidatorsWorld,
  keyAt,
  scheme,
} from './validators-world.ts'

const heightOf = ({ chain }: Member) => chain.finalised().header.number
const hashesOf = ({ chain }: Member, to: number) =>
  Array.from({ length: to + 1 }, (_, number) => chain.byNumber(number)?.blockHash)

/** All have the same blocks up to the lowest height, which it gives. */
function commonHeight(members: readonly Member[]): number {
  const lowest = Math.min(...members.map(heightOf))
  const [first, ...others] = members.map((member) => hashesOf(member, lowest))
  for (const other of others) expect(other).toEqual(first)
  for (const { failures } of members) expect(failures).toEqual([])
  return lowest
}

describe('createConsensusDriver with four validators', () => {
  test('finalises the same blocks on all, each with a certificate of a quorum', async () => {
    const world = createValidatorsWorld(4)
    const members = await startAll(world)
    await world.advance(65)
    const height = commonHeight(members)
    expect(height).toBeGreaterThanOrEqual(4)
    const { set, consensus } = members[0] as Member
    const electorate = { chainId: 78787, set, scheme }
    for (let at = 1; at <= height; at += 1) {
      const final = consensus.get(at)
      expect(final && isSignedByQuorum(final.certificate, electorate)).toBe(true)
    }
    await stopAll(members)
  })

  test('goes on while one is away, who catches up when it is back', async () => {
    const world = createValidatorsWorld(4)
    const members = await startAll(world)
    await world.advance(31)
    await members[2]?.kill()
    const before = heightOf(members[0] as Member)
    await world.advance(70)
    const left = members.filter(({ index }) => index !== 2)
    expect(commonHeight(left)).toBeGreaterThanOrEqual(before + 3)
    expect(heightOf(members[2] as Member)).toBeLessThanOrEqual(before + 1)
    const back = await world.start(2)
    await world.advance(40)
    const height = commonHeight([...left, back])
    expect(height).toBeGreaterThanOrEqual(before + 5)
    await world.advance(70)
    // It signs again: without it and one other there would be no quorum.
    await left[0]?.kill()
    const alone = heightOf(back)
    await world.advance(70)
    expect(commonHeight([...left.slice(1), back])).toBeGreaterThanOrEqual(alone + 3)
    await stopAll([...left, back])
  })

  test('stands still without a quorum, and goes on with it', async () => {
    const world = createValidatorsWorld(4)
    const members = await startAll(world)
    await world.advance(31)
    await members[1]?.kill()
    await members[3]?.kill()
    await world.advance(2)
    const stood = commonHeight([members[0] as Member, members[2] as Member])
    await world.advance(100)
    expect(commonHeight([members[0] as Member, members[2] as Member])).toBe(stood)
    const back = await world.start(3)
    await world.advance(100)
    const all = [members[0] as Member, members[2] as Member, back]
    expect(commonHeight(all)).toBeGreaterThan(stood + 2)
    await stopAll(all)
  })

  test('all are killed and come back: no final block is lost', async () => {
    const world = createValidatorsWorld(4)
    let members = await startAll(world)
    let final: readonly (string | undefined)[] = []
    for (let round = 0; round < 4; round += 1) {
      await world.advance(15.5 + round * 0.25)
      for (const member of members) await member.kill()
      const highest = Math.max(...members.map(heightOf))
      const best = members.find((member) => heightOf(member) === highest) as Member
      const now = hashesOf(best, highest)
      expect(now.slice(0, final.length)).toEqual(final)
      final = now
      members = await startAll(world)
    }
    await world.advance(40)
    expect(commonHeight(members)).toBeGreaterThan(final.length)
    expect(hashesOf(members[0] as Member, final.length - 1)).toEqual(final)
    await stopAll(members)
  })

  test('a follower that comes late has every block, from genesis on', async () => {
    const world = createValidatorsWorld(4)
    const members = await startAll(world)
    await world.advance(150)
    const late = await world.start(4)
    await world.advance(20)
    const height = commonHeight([...members, late])
    expect(height).toBeGreaterThanOrEqual(9)
    for (let at = 1; at <= height; at += 1) expect(late.consensus.get(at)).toBeDefined()
    await stopAll([...members, late])
  })

  test('drops a peer that passes on a false signature, and one that sends no message', async () => {
    const world = createValidatorsWorld(4)
    const members = await startAll(world)
    await world.advance(2)
    const vote = { kind: 'nullify', epoch: 0, view: 1, voter: 1 }
    const forged = {
      kind: 'vote',
      vote: { ...vote, signature: scheme.sign(keyAt(0).blsSecret, utf8('?')) },
    }
    await world.hub.inject(topicOf.vote(78787), 'liar', canonicalBytes(forged))
    await world.hub.inject(topicOf.vote(78787), 'babbler', utf8('{'))
    await world.advance(1)
    for (const { peerId } of members) {
      expect(world.hub.drops).toContain(`${peerId} liar`)
      expect(world.hub.drops).toContain(`${peerId} babbler`)
    }
    expect(world.hub.drops.size).toBe(8)
    await world.advance(40)
    expect(commonHeight(members)).toBeGreaterThanOrEqual(2)
    await stopAll(members)
  })
})

describe('liars', () => {
  test('a peer that serves false payloads and false blocks is dropped, and the chain comes from others', async () => {
    const world = createValidatorsWorld(4)
    const liar = world.hub.join('a liar') // asked first: it is the first to be there
    const members = await startAll(world)
    const asked: string[] = []
    await liar.handle('/quern/78787/payload/1', async () => {
      asked.push('payload')
      return encodePayload((members[0] as Member).chain.byNumber(0) as Payload)
    })
    await liar.handle('/quern/78787/catch-up/1', async () => {
      asked.push('catch-up')
      const served = finalsFrom(1, members[0] as Member).map((final, i) => {
        const header = { ...final.payload.header, gasUsed: BigInt(i) }
        return { ...final, payload: { ...final.payload, header } }
      })
      return encodeAnswer({ messages: [], finals: served, testimony: new Uint8Array() })
    })
    await world.advance(80)
    const late = await world.start(4)
    await world.advance(40)
    expect(commonHeight([...members, late])).toBeGreaterThanOrEqual(6)
    expect(asked).toContain('payload')
    expect(asked).toContain('catch-up')
    expect(world.hub.drops).toContain(`${late.peerId} a liar`)
    expect([...world.hub.drops].filter((pair) => !pair.endsWith('a liar'))).toEqual([])
    await stopAll([...members, late])
  })
})

describe('a directory restored from an old copy', () => {
  test('signs nothing in views in which the others saw it sign', async () => {
    const world = createValidatorsWorld(4)
    const members = await startAll(world)
    await world.advance(20)
    const old = await copyOf(world.stores[2] as KeyValueStore)
    const copied = (await openVoteLog(old)).newestSigned()?.view ?? 0
    await world.advance(60)
    await members[2]?.kill()
    const signed = (await openVoteLog(world.stores[2] as KeyValueStore)).newestSigned()
    const back = await world.start(2, old)
    await world.advance(90)
    const all = [members[0] as Member, members[1] as Member, back, members[3] as Member]
    commonHeight(all)
    const log = await openVoteLog(old)
    const views = log.entries().flatMap((entry) => (entry.kind === 'vote' ? entry.vote.view : []))
    const newer = views.filter((view) => view > copied)
    expect(signed?.view).toBeGreaterThan(copied + 2)
    expect(newer.length).toBeGreaterThan(2)
    expect(log.floor().view).toBeGreaterThan(signed?.view ?? 0)
    expect(Math.min(...newer)).toBeGreaterThan(signed?.view ?? 0)
    await stopAll(all)
  })
})

async function copyOf(store: KeyValueStore): Promise<KeyValueStore> {
  const copy = createMemoryStore()
  const range = { gte: Uint8Array.of(0), lt: Uint8Array.of(255) }
  for await (const [key, value] of store.entries(range)) await copy.batch([{ key, value }])
  return copy
}

function startAll(world: ValidatorsWorld): Promise<Member[]> {
  return Promise.all([0, 1, 2, 3].map((index) => world.start(index)))
}

async function stopAll(members: readonly Member[]): Promise<void> {
  for (const member of members) await member.driver.stop()
}
