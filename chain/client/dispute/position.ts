import { concat, keccak256, pad } from 'viem'
import type { Hex } from '#wire/primitives.ts'
import type { Claim } from './claim.ts'

/** Where a dispute stands, as IDisputeGame has it: the contract keeps its hash, and each move brings it along. */
export interface Position {
  readonly phase: number
  readonly low: bigint
  readonly high: bigint
  readonly claims: Hex
  readonly prefix: Hex
  readonly node: Hex
  readonly height: bigint
  readonly place: bigint
  readonly sizeBytes: bigint
  readonly entry: bigint
  readonly value: number
}

/** State of an element's computation: eight lanes and eight registers of 32 bits. */
export interface State {
  readonly lanes: bigint
  readonly registers: bigint
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

const partsMax = 32n
const challengersPhases: readonly number[] = [
  phases.pickStep,
  phases.pickTensor,
  phases.pickNode,
  phases.pickElement,
  phases.pickSlice,
]

export const zeroWord: Hex = `0x${'00'.repeat(32)}`

/** True where the asserter is to move, false where the challenger is. */
export function isAsserters(phase: number): boolean {
  return !challengersPhases.includes(phase)
}

export function pairHash(low: Hex, high: Hex): Hex {
  return keccak256(concat([low, high]))
}

export function listHash(claims: readonly Hex[]): Hex {
  return keccak256(concat([...claims]))
}

export function stateHash({ lanes, registers }: State): Hex {
  return keccak256(concat([wordOf(lanes), wordOf(registers)]))
}

function wordOf(value: bigint): Hex {
  return pad(`0x${value.toString(16)}`, { size: 32 })
}

/** Where a dispute about a claim begins. */
export function startOf({ steps, startLeaf, endLeaf }: Claim): Position {
  return {
    phase: steps === 1n ? phases.openStep : phases.splitSteps,
    low: 0n,
    high: steps,
    claims: pairHash(startLeaf, endLeaf),
    prefix: zeroWord,
    node: zeroWord,
    height: 0n,
    place: 0n,
    sizeBytes: 0n,
    entry: 0n,
    value: 0,
  }
}

/** The places at which a range is split, both ends included: 32 equal parts, or each place of a shorter one. */
export function placesOf({ low, high }: Pick<Position, 'low' | 'high'>): bigint[] {
  const size = high - low
  const parts = size < partsMax ? size : partsMax
  return Array.from({ length: Number(parts) + 1 }, (_, part) => low + (size * BigInt(part)) / parts)
}

/** The position after the asserter showed `claims` in a phase that splits. */
export function afterShown(position: Position, claims: readonly Hex[]): Position {
  return { ...position, phase: position.phase + 1, claims: listHash(claims) }
}
