import { assert } from '#base/assert.ts'
import { merkleLeafBytes } from '#base/crypto/merkle.ts'
import { toHex } from '#base/hex.ts'
import type { State } from '#chain/client/dispute/position.ts'
import type { Leaf, Verifier } from '#chain/client/dispute/verifier.ts'
import type { Entry } from '#compute/transcript/program.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'

export const startState: State = { lanes: 0n, registers: 0n }
/** Terms that one call computes. */
export const termsMax = 64
/** Leaves that are carried from one slice to the next; more are asked for again. */
const carriedMax = 8

/** One element of one tensor of a step. */
export interface ElementPlace {
  readonly tensors: StepTensors
  readonly entry: Entry
  readonly element: number
}

export interface Slice {
  readonly from: number
  readonly to: number
  readonly state: State
}

/** A task as the contract takes it. */
export function taskOf({ kind, sides, operands }: Entry) {
  assert(kind !== undefined, 'the tensor is computed')
  return { kind: BigInt(kind), sides: [...sides], bases: operands.map(({ base }) => BigInt(base)) }
}

/** Steps of an element. */
export function lengthOf(
  verifier: Verifier,
  { entry, element }: Pick<ElementPlace, 'entry' | 'element'>,
): Promise<number> {
  return verifier.lengthOf(taskOf(entry), element)
}

/** Runs a slice; adds to `leaves` what the verifier asks for of the operands. */
export async function runSlice(
  verifier: Verifier,
  { tensors, entry, element }: ElementPlace,
  slice: Slice & { leaves: Leaf[] },
): Promise<State> {
  for (;;) {
    const answer = await verifier.run({ task: taskOf(entry), element, ...slice })
    if (answer.kind === 'state') return answer.state
    slice.leaves.push(leafOf({ tensors, entry }, answer))
  }
}

function leafOf(
  { tensors, entry }: Pick<ElementPlace, 'tensors' | 'entry'>,
  { operand, at }: { operand: number; at: number },
): Leaf {
  const place = entry.operands[operand]
  assert(place, 'the operand is one of the task')
  const { words } = tensors.leafOf(place.entry, at)
  assert(words.length > 0, `element ${at} of operand ${operand} is there`)
  const index = Math.floor((4 * at) / merkleLeafBytes)
  return { operand: BigInt(operand), index: BigInt(index), words: toHex(words) }
}

/** The states of an element's computation, found by calling the verifier slice by slice. */
export interface States {
  readonly length: number
  at(term: number): Promise<State>
}

/** Known states are kept at every 64 terms, so that a range is computed once. */
export async function statesOf(verifier: Verifier, place: ElementPlace): Promise<States> {
  const length = await lengthOf(verifier, place)
  const known = new Map<number, State>([[0, startState]])
  let leaves: Leaf[] = []

  async function at(to: number): Promise<State> {
    let from = 0
    for (const term of known.keys()) if (term <= to && term > from) from = term
    let state = known.get(from) ?? startState
    while (from < to) {
      const end = Math.min(to, from + termsMax)
      leaves = leaves.slice(-carriedMax)
      state = await runSlice(verifier, place, { from, to: end, state, leaves })
      known.set(end, state)
      from = end
    }
    return state
  }

  return { length, at }
}
