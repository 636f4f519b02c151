import { assert } from '#base/assert.ts'
import { concatBytes, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'

/** A member of an epoch's set: it finalises blocks, or only leads those that its work won. */
export interface Validator {
  /** Its place in the set. */
  readonly index: number
  readonly address: Hex
  /** 48 bytes: its BLS12-381 public key. */
  readonly blsKey: Hex
  /** Its seat in the contract `ValidatorSet`. */
  readonly seat: number
  /** Voting weight, an integer; a member without any may lead, and its votes count for nothing. */
  readonly weight: number
}

/** A member as the contract has it, before it has a place in the set. */
export type Member = Omit<Validator, 'index'>

/** The members of one epoch's set. They do not change within it. */
export interface ValidatorSet {
  readonly epoch: number
  readonly validators: readonly Validator[]
  readonly totalWeight: number
  /** The least weight above two thirds of all: two quorums share more than a third. */
  readonly quorumWeight: number
}

/** Twice the sum of all weights stays an exact integer. */
export const totalWeightMax = 2 ** 51

/** The set of an epoch; the order of `members` gives the indices. */
export function createValidatorSet(epoch: number, members: readonly Member[]): ValidatorSet {
  for (const { weight } of members) {
    assert(Number.isSafeInteger(weight) && weight >= 0, 'weights are integers')
  }
  const totalWeight = members.reduce((sum, { weight }) => sum + weight, 0)
  assert(totalWeight > 0, 'somebody votes')
  assert(totalWeight <= totalWeightMax, 'weights add up exactly')
  const validators = members.map((member, index) => ({ ...member, index }))
  const quorumWeight = Math.floor((2 * totalWeight) / 3) + 1
  return { epoch, validators, totalWeight, quorumWeight }
}

/** Whether a member of this index votes. */
export function isVoter({ validators }: ValidatorSet, index: number): boolean {
  return (validators[index]?.weight ?? 0) > 0
}

/** The index of the voter with this key. */
export function voterOf({ validators }: ValidatorSet, blsKey: Hex): number | undefined {
  return validators.find((one) => one.blsKey === blsKey && one.weight > 0)?.index
}

/** The weight of distinct validators. */
export function weightOf(set: ValidatorSet, indices: Iterable<number>): number {
  let sum = 0
  for (const index of indices) sum += set.validators[index]?.weight ?? 0
  return sum
}

/**
 * The leader of a view by stake: the validator on whose stretch of the line of all weights the point
 * SHA256("quern/leader/1" | epochSeed | view) mod totalWeight falls.
 */
export function stakeLeader(set: ValidatorSet, epochSeed: Hex, view: number): number {
  const digest = sha256(concatBytes(utf8('quern/leader/1'), fromHex(epochSeed), u64be(view)))
  let point = Number(BigInt(toHex(digest)) % BigInt(set.totalWeight))
  for (const { index, weight } of set.validators) {
    if (point < weight) return index
    point -= weight
  }
  throw new Error('the point lies on the line')
}

/** Validators as a bitmap: bit i of byte floor(i / 8), least significant first, is validator i. */
export function bitmapOf(indices: Iterable<number>, validatorCount: number): Hex {
  const bytes = new Uint8Array(Math.ceil(validatorCount / 8))
  for (const index of indices) {
    assert(index >= 0 && index < validatorCount, 'a bitmap names validators of the set')
    bytes[index >> 3] = (bytes[index >> 3] as number) | (1 << (index & 7))
  }
  return toHex(bytes)
}

/** The indices in a bitmap, rising; undefined where it has not the length or names none of the set. */
export function indicesOf(bitmap: Hex, validatorCount: number): readonly number[] | undefined {
  if (bitmap.length !== 2 + 2 * Math.ceil(validatorCount / 8)) return undefined
  const bytes = fromHex(bitmap)
  const indices: number[] = []
  for (let index = 0; index < 8 * bytes.length; index += 1) {
    if (((bytes[index >> 3] as number) & (1 << (index & 7))) === 0) continue
    if (index >= validatorCount) return undefined
    indices.push(index)
  }
  return indices
}
