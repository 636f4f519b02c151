import { describe, expect, test } from 'vitest'
import { plainOf } from '#chain/core/consensus/codec.ts'
import { type Vote, type VoteStatement, signingBytes } from '#chain/core/consensus/messages.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { topicOf } from '#wire/topic.ts'
import {
  type Member,
  type ValidatorsWorld,
  createValidatorsWorld,
  keyAt,
  scheme,
} from './validators-world.ts'

const chainId = 78787
const guilty = 3
const epochBlocks = 4n

/** Statements of one view that exclude each other. */
function facesOf(epoch: number, view: number): readonly [VoteStatement, VoteStatement] {
  const block = `0x${'ab'.repeat(32)}` as const
  return [
    { kind: 'finalize', epoch, view, block },
    { kind: 'nullify', epoch, view },
  ]
}

/** Tells every node what a validator that does not run has signed. */
async function say(world: ValidatorsWorld, statement: VoteStatement, voter = guilty) {
  const signature = scheme.sign(keyAt(voter).blsSecret, signingBytes(chainId, statement))
  const vote: Vote = { ...statement, voter, signature }
  const body = canonicalBytes(plainOf({ kind: 'vote', vote }))
  await world.hub.inject(topicOf.vote(chainId), 'stranger', body)
  await world.advance(1)
}

const startThree = (world: ValidatorsWorld) =>
  Promise.all([0, 1, 2].map((index) => world.start(index)))
const heightOf = ({ chain }: Member) => chain.finalised().header.number
const stopAll = async (members: readonly Member[]) => {
  for (const member of members) {
    await member.driver.stop()
    expect(member.failures).toEqual([])
  }
}

async function reach(world: ValidatorsWorld, members: readonly Member[], height: number) {
  for (let turn = 0; turn < 60; turn += 1) {
    if (members.every((member) => heightOf(member) >= height)) return
    await world.advance(5)
  }
  throw new Error(`height ${height} was not reached`)
}

describe('evidence', () => {
  test('convicts once of two faces seen in one run', async () => {
    const world = createValidatorsWorld(4)
    const members = await startThree(world)
    const [first, second] = facesOf(0, 2)
    for (const face of [first, first, second, second]) await say(world, face)
    expect(world.convictions.toSorted((a, b) => a.by - b.by)).toEqual(
      [0, 1, 2].map((by) => ({ by, seat: guilty })),
    )
    await stopAll(members)
  })

  test('convicts of a second face that comes after a restart', async () => {
    const world = createValidatorsWorld(4)
    const [first, second] = facesOf(0, 20)
    const members = await startThree(world)
    await say(world, first)
    for (const member of members) await member.kill()
    const again = await startThree(world)
    await world.advance(10)
    await say(world, second)
    expect(new Set(world.convictions.map(({ by }) => by))).toEqual(new Set([0, 1, 2]))
    await stopAll(again)
  })

  test('convicts of a second face that comes when its epoch is over', async () => {
    const world = createValidatorsWorld(4, { epochBlocks })
    const members = await startThree(world)
    const [first, second] = facesOf(0, 9)
    await say(world, first)
    await reach(world, members, Number(epochBlocks))
    expect(world.convictions).toEqual([])
    await say(world, second)
    expect(world.convictions).toHaveLength(3)
    await stopAll(members)
  })

  test('drops who passes on a false signature of the epoch before, not who passes on a late vote', async () => {
    const world = createValidatorsWorld(4, { epochBlocks })
    const members = await startThree(world)
    await reach(world, members, Number(epochBlocks))
    const [late] = facesOf(0, 9)
    await say(world, late)
    expect([...world.hub.drops]).toEqual([])
    const vote: Vote = {
      ...late,
      voter: 2,
      signature: scheme.sign(keyAt(1).blsSecret, new Uint8Array()),
    }
    const body = canonicalBytes(plainOf({ kind: 'vote', vote }))
    await world.hub.inject(topicOf.vote(chainId), 'liar', body)
    expect(world.hub.drops.has('peer 0 liar')).toBe(true)
    await stopAll(members)
  })

  test('is kept over restarts until the contract has heard it', async () => {
    const world = createValidatorsWorld(4)
    world.isHeard = false
    let members = await startThree(world)
    for (const face of facesOf(0, 2)) await say(world, face)
    expect(world.convictions).toHaveLength(3)
    for (const isHeard of [false, true]) {
      world.isHeard = isHeard
      for (const member of members) await member.kill()
      members = await startThree(world)
      await world.advance(2)
    }
    expect(world.convictions).toHaveLength(9)
    for (const member of members) await member.kill()
    members = await startThree(world)
    await world.advance(2)
    expect(world.convictions).toHaveLength(9)
    await stopAll(members)
  })
})
