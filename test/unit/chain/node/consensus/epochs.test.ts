import { encodeFunctionData } from 'viem'
import { describe, expect, test } from 'vitest'
import { keyPoint, signaturePoint } from '#base/crypto/bls/points.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { faultOfHandoff } from '#chain/core/consensus/handoff.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import { seatMessage } from '#chain/core/seats.ts'
import { validatorSetAbi } from '#wire/abi/validatorSet.ts'
import { systemAddresses } from '#wire/addresses.ts'
import {
  type Member,
  type ValidatorsWorld,
  accountAt,
  createValidatorsWorld,
  keyAt,
  scheme,
} from './validators-world.ts'

const chainId = 78787
const epochBlocks = 4n
const coin = 10n ** 18n
const heightOf = ({ chain }: Member) => chain.finalised().header.number
const epochOf = (member: Member) => Math.floor((heightOf(member) + 1) / Number(epochBlocks))
const ownersOf = (member: Member, epoch: number) =>
  member.consensus.setOf(epoch)?.validators.map(({ address }) => address)
const addressesOf = (...indices: readonly number[]) => indices.map((i) => keyAt(i).address)

/** A transaction to `ValidatorSet` from the account of a node, told to all: whoever leads takes it. */
async function act(members: readonly Member[], index: number, act: Act): Promise<void> {
  const { address } = keyAt(index)
  const raw = await accountAt(index).signTransaction({
    chainId,
    nonce: act.nonce ?? 0,
    to: systemAddresses.ValidatorSet,
    data: act.calldata,
    value: act.valueWei ?? 0n,
    gas: 2_000_000n,
    maxFeePerGas: 10n ** 11n,
    maxPriorityFeePerGas: 1n,
  })
  expect(address).toBe(accountAt(index).address.toLowerCase())
  for (const { transactions } of members) await transactions.submit(fromHex(raw))
}

interface Act {
  readonly calldata: Hex
  readonly valueWei?: bigint
  readonly nonce?: number
}

function joining(index: number): Act {
  const { address, blsSecret } = keyAt(index)
  const blsKey = scheme.publicKey(blsSecret)
  const proof = scheme.sign(blsSecret, seatMessage(chainId, address, blsKey))
  const args = [true, keyPoint(blsKey), signaturePoint(proof), '0x'] as const
  const calldata = encodeFunctionData({ abi: validatorSetAbi, functionName: 'join', args })
  return { calldata, valueWei: 1_000n * coin }
}

const leaving: Act = {
  calldata: encodeFunctionData({ abi: validatorSetAbi, functionName: 'exit' }),
}

/** All have the same blocks and sets up to the lowest height, which it gives. */
function commonHeight(members: readonly Member[]): number {
  for (const { failures } of members) expect(failures).toEqual([])
  const lowest = Math.min(...members.map(heightOf))
  for (let height = 0; height <= lowest; height += 1) {
    const hashes = new Set(members.map(({ chain }) => chain.byNumber(height)?.blockHash))
    expect(hashes.size).toBe(1)
  }
  return lowest
}

/** Every handoff up to a height, checked as one who knows only the first set checks it. */
function checkHandoffs({ consensus }: Member, height: number): number {
  let count = 0
  for (let last = Number(epochBlocks) - 1; last <= height; last += Number(epochBlocks)) {
    const [set, next] = [consensus.setOf(count)!, consensus.setOf(count + 1)!]
    const { block, certificate } = consensus.get(last)!
    const isSigned = () => isSignedByQuorum(certificate, { chainId, set, scheme })
    expect(faultOfHandoff(set, { block, certificate, next }, isSigned)).toBeUndefined()
    count += 1
  }
  return count
}

/** Moves time until all are in an epoch. */
async function reach(world: ValidatorsWorld, members: readonly Member[], epoch: number) {
  for (let turn = 0; turn < 60; turn += 1) {
    if (members.every((member) => epochOf(member) >= epoch)) return
    await world.advance(5)
  }
  throw new Error(`epoch ${epoch} was not reached: ${members.map(heightOf).join(' ')}`)
}

const stopAll = async (members: readonly Member[]) => {
  for (const member of members) await member.driver.stop()
}

describe('createConsensusDriver over epochs', () => {
  test('a chain of one hands over to itself', async () => {
    const world = createValidatorsWorld(1, { epochBlocks })
    const alone = await world.start(0)
    await reach(world, [alone], 3)
    expect(checkHandoffs(alone, commonHeight([alone]))).toBeGreaterThanOrEqual(3)
    expect(ownersOf(alone, 3)).toEqual(addressesOf(0))
    await alone.driver.stop()
  })

  test('one who deposits votes from its epoch on, one who exits follows, none is started again', async () => {
    const world = createValidatorsWorld(4, { epochBlocks, nodes: 6 })
    const members = await Promise.all([0, 1, 2, 3, 4].map((index) => world.start(index)))
    const [first, , , , fifth] = members as [Member, Member, Member, Member, Member]
    await act(members, 4, joining(4))
    await act(members, 1, leaving)
    await reach(world, members, 2)
    expect(ownersOf(first, 1)).toEqual(addressesOf(0, 1, 2, 3))
    expect(ownersOf(first, 2)).toEqual(addressesOf(0, 2, 3, 4))
    await reach(world, members, 3)
    // Without one of the old, the fifth is needed for a quorum; the one who left has no say.
    await members[2]?.kill()
    const left = members.filter(({ index }) => index !== 2)
    const stood = heightOf(first)
    await world.advance(60)
    expect(commonHeight(left)).toBeGreaterThan(stood + 2)
    await fifth.kill()
    const rest = left.filter(({ index }) => index !== 4)
    await world.advance(2)
    const stands = commonHeight(rest)
    await world.advance(60)
    expect(commonHeight(rest)).toBe(stands)
    await stopAll(rest)
  })

  test('a node that comes late follows every handoff from the genesis on', async () => {
    const world = createValidatorsWorld(4, { epochBlocks })
    const members = await Promise.all([0, 1, 2, 3].map((index) => world.start(index)))
    await reach(world, members, 4)
    const late = await world.start(4)
    await world.advance(20)
    const height = commonHeight([...members, late])
    expect(height).toBeGreaterThanOrEqual(4 * Number(epochBlocks) - 1)
    expect(checkHandoffs(late, height)).toBeGreaterThanOrEqual(4)
    await stopAll([...members, late])
  })

  test('one who was away over epochs catches up and votes again', async () => {
    const world = createValidatorsWorld(4, { epochBlocks })
    const members = await Promise.all([0, 1, 2, 3].map((index) => world.start(index)))
    await world.advance(20)
    await members[3]?.kill()
    const left = members.slice(0, 3)
    const away = epochOf(left[0] as Member)
    await reach(world, left, away + 3)
    const back = await world.start(3)
    await world.advance(20)
    await left[0]?.kill()
    const rest = [...left.slice(1), back]
    const stood = heightOf(back)
    await world.advance(60)
    expect(commonHeight(rest)).toBeGreaterThan(stood + 2)
    await stopAll(rest)
  })

  test('all are killed around a handoff and come back', async () => {
    const world = createValidatorsWorld(4, { epochBlocks })
    const start = () => Promise.all([0, 1, 2, 3].map((index) => world.start(index)))
    let members = await start()
    for (let round = 0; round < 3; round += 1) {
      await world.advance(24.5 + round * 0.25)
      const before = Math.max(...members.map(heightOf))
      for (const member of members) await member.kill()
      members = await start()
      expect(Math.max(...members.map(heightOf))).toBeGreaterThanOrEqual(before)
    }
    await world.advance(60)
    const height = commonHeight(members)
    expect(checkHandoffs(members[0] as Member, height)).toBeGreaterThanOrEqual(2)
    await stopAll(members)
  })
})
