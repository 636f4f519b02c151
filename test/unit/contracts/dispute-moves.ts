import { concat, keccak256, pad } from 'viem'
import type { Hex } from '#wire/primitives.ts'
import { type Player, type World, asserter, challenger, client } from './dispute-world.ts'
import type { State } from './verifier.ts'

const parts = 32

export interface Claim {
  readonly jobId: Hex
  readonly attempt: number
  readonly segment: number
  readonly round: number
  readonly asserter: Hex
  readonly client: Hex
  readonly steps: bigint
  readonly startLeaf: Hex
  readonly endLeaf: Hex
  readonly programRoot: Hex
  readonly validUntil: bigint
}

const claimTypes = {
  Claim: [
    ['jobId', 'bytes32'],
    ['attempt', 'uint32'],
    ['segment', 'uint32'],
    ['round', 'uint32'],
    ['asserter', 'address'],
    ['client', 'address'],
    ['steps', 'uint64'],
    ['startLeaf', 'bytes32'],
    ['endLeaf', 'bytes32'],
    ['programRoot', 'bytes32'],
    ['validUntil', 'uint64'],
  ].map(([name = '', type = '']) => ({ name, type })),
} as const

/** The contract's Position; a copy is changed as the contract changes its own. */
export interface Position {
  phase: number
  low: bigint
  high: bigint
  claims: Hex
  prefix: Hex
  node: Hex
  height: bigint
  place: bigint
  sizeBytes: bigint
  entry: bigint
  value: number
}

export const phases = {
  splitSteps: 1,
  pickStep: 2,
  openStep: 3,
  splitTensors: 4,
  pickTensor: 5,
  openTensor: 6,
  openNode: 7,
  pickNode: 8,
  openLeaf: 9,
  pickElement: 10,
  openElement: 11,
  splitSlice: 12,
  pickSlice: 13,
} as const

export const zero: Hex = `0x${'00'.repeat(32)}`
export const pairHash = (low: Hex, high: Hex) => keccak256(concat([low, high]))
export const listHash = (claims: readonly Hex[]) => keccak256(concat([...claims]))
const wordOf = (value: bigint) => pad(`0x${value.toString(16)}`, { size: 32 })
export const stateHash = ({ lanes, registers }: State) =>
  keccak256(concat([wordOf(lanes), wordOf(registers)]))

/** A claim with its signature. */
export async function signClaim(world: World, changes: Partial<Claim>, signer: Player = asserter) {
  const claim: Claim = {
    jobId: `0x${'ab'.repeat(32)}`,
    attempt: 0,
    segment: 0,
    round: 0,
    asserter: asserter.address,
    client: client.address,
    steps: 1n,
    startLeaf: zero,
    endLeaf: zero,
    programRoot: zero,
    validUntil: BigInt(world.now() + 600),
    ...changes,
  }
  const signature = await signer.signTypedData({
    domain: { name: 'Quern', version: '1', chainId: 1, verifyingContract: world.game },
    types: claimTypes,
    primaryType: 'Claim',
    message: { ...claim },
  })
  return { claim, signature }
}

/** Where a dispute about a claim begins. */
export function startOf({ steps, startLeaf, endLeaf }: Claim): Position {
  return {
    phase: steps === 1n ? phases.openStep : phases.splitSteps,
    low: 0n,
    high: steps,
    claims: pairHash(startLeaf, endLeaf),
    prefix: zero,
    node: zero,
    height: 0n,
    place: 0n,
    sizeBytes: 0n,
    entry: 0n,
    value: 0,
  }
}

/** Splits a range as the contract does, and lets the challenger point: the moves of one round. */
export async function splitAndPick(
  world: World,
  id: Hex,
  position: Position,
  claims: {
    asserted: (place: bigint) => Promise<Hex>
    isRight: (place: bigint, claim: Hex) => boolean
  },
): Promise<{ position: Position; gas: number }> {
  const { low, high, phase } = position
  const size = high - low
  const count = size < parts ? Number(size) : parts
  const placeAt = (part: number) => low + (size * BigInt(part)) / BigInt(count)
  const all: Hex[] = []
  for (let part = 0; part <= count; part += 1) all.push(await claims.asserted(placeAt(part)))
  const split = await world.play(asserter, 'split', id, position, all)
  const between: Position = { ...position, phase: phase + 1, claims: listHash(all) }
  const wrong = all.findIndex((claim, part) => !claims.isRight(placeAt(part), claim))
  const part = Math.max(0, wrong - 1)
  const pick = await world.play(challenger, 'pick', id, between, all, BigInt(part))
  const [from, to] = [placeAt(part), placeAt(part + 1)]
  const isNarrow = to - from === 1n && between.phase !== phases.pickSlice
  const next: Position = {
    ...between,
    phase: isNarrow ? between.phase + 1 : phase,
    low: from,
    high: to,
    claims: pairHash(all[part]!, all[part + 1]!),
  }
  return { position: next, gas: split.gas + pick.gas }
}
