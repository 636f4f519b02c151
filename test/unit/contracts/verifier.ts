import { decodeErrorResult, encodeFunctionData, decodeFunctionResult } from 'viem'
import { assert } from '#base/assert.ts'
import { merkleLeafBytes } from '#base/crypto/merkle.ts'
import { fromHex, toHex } from '#base/hex.ts'
import type { Rng } from '#base/rng.ts'
import type { Entry } from '#compute/transcript/program.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import bytecode from '#wire/abi/bytecode.json' with { type: 'json' }
import { opVerifierAbi } from '#wire/abi/opVerifier.ts'
import type { Hex } from '#wire/primitives.ts'
import { type Call, Reverted, callerOf } from './compile.ts'

/** Part of an operand, as contracts/interfaces/IOpVerifier.sol takes it. */
export interface Leaf {
  readonly operand: bigint
  readonly index: bigint
  readonly words: Hex
}

export interface State {
  readonly lanes: bigint
  readonly registers: bigint
}

export const startState: State = { lanes: 0n, registers: 0n }
export const stepsMax = 64

/** contracts/OpVerifier.sol in a machine of its own. */
export function openVerifier(): Promise<Call> {
  return callerOf(fromHex(bytecode.OpVerifier))
}

/** A task as the contract takes it. */
export function taskOf({ kind, sides, operands }: Entry) {
  assert(kind !== undefined, 'the tensor is computed')
  return { kind: BigInt(kind), sides: [...sides], bases: operands.map(({ base }) => BigInt(base)) }
}

/** Steps of an element. */
export async function lengthOf(call: Call, entry: Entry, element: number): Promise<number> {
  const args = [taskOf(entry), BigInt(element)] as const
  const input = encodeFunctionData({ abi: opVerifierAbi, functionName: 'lengthOf', args })
  const { output } = await call(fromHex(input))
  const found = decodeFunctionResult({
    abi: opVerifierAbi,
    functionName: 'lengthOf',
    data: toHex(output),
  })
  return Number(found)
}

export interface Slice {
  readonly element: number
  readonly from: number
  readonly to: number
}

/** Runs a slice; fetches the leaves of operands that it asks for, and adds them to `leaves`. */
export async function runSlice(
  call: Call,
  place: { tensors: StepTensors; entry: Entry; leaves: Leaf[] },
  slice: Slice & { state: State },
): Promise<{ state: State; gas: number }> {
  const { tensors, entry, leaves } = place
  const { element, state, from, to } = slice
  for (;;) {
    const args = [taskOf(entry), BigInt(element), state, BigInt(from), BigInt(to), leaves] as const
    const input = encodeFunctionData({ abi: opVerifierAbi, functionName: 'run', args })
    try {
      const { output, gas } = await call(fromHex(input))
      const found = decodeFunctionResult({
        abi: opVerifierAbi,
        functionName: 'run',
        data: toHex(output),
      })
      return { state: found, gas }
    } catch (error) {
      leaves.push(missingLeaf(error, tensors, entry))
    }
  }
}

function missingLeaf(error: unknown, tensors: StepTensors, entry: Entry): Leaf {
  if (!(error instanceof Reverted) || error.output.length === 0) throw error
  const { errorName, args } = decodeErrorResult({ abi: opVerifierAbi, data: toHex(error.output) })
  if (errorName !== 'MissingOperand') throw new Error(`${errorName} ${args?.join()}`)
  const [operand, at] = args
  const place = entry.operands[Number(operand)]
  assert(place, 'the operand is one of the task')
  const index = Math.floor((4 * Number(at)) / merkleLeafBytes)
  const bytes = tensors.bytesOf(place.entry)
  const words = bytes.slice(index * merkleLeafBytes, (index + 1) * merkleLeafBytes)
  assert(words.length > 0, `element ${at} of operand ${operand} is there`)
  return { operand, index: BigInt(index), words: toHex(words) }
}

/** The bits of an element, computed slice by slice. */
export async function computeElement(
  call: Call,
  tensors: StepTensors,
  { entry, element }: { entry: Entry; element: number },
): Promise<number> {
  const length = await lengthOf(call, entry, element)
  const leaves: Leaf[] = []
  let state = startState
  for (let from = 0; from < length; from += stepsMax) {
    const to = Math.min(length, from + stepsMax)
    state = (await runSlice(call, { tensors, entry, leaves }, { element, from, to, state })).state
  }
  return Number(state.registers & 0xffffffffn)
}

/** Computes elements of tensors again, at most `tensorsMax` of one kind; says where bits differ from the engine's. */
export async function compareElements(
  call: Call,
  tensors: StepTensors,
  options: { rng: Rng; elements: number; tensorsMax?: number },
): Promise<{ count: number; kinds: ReadonlySet<number>; faults: readonly string[] }> {
  const { rng, elements, tensorsMax = Infinity } = options
  const seen = new Map<number, number>()
  const faults: string[] = []
  let count = 0
  for (const [place, entry] of tensors.program.entries.entries()) {
    const { kind, name, sizeElements } = entry
    if (kind === undefined) continue
    const before = seen.get(kind) ?? 0
    seen.set(kind, before + 1)
    if (before >= tensorsMax) continue
    for (let draw = 0; draw < elements; draw += 1, count += 1) {
      const element = rng.below(sizeElements)
      const found = await computeElement(call, tensors, { entry, element })
      const bytes = tensors.bytesOf(place)
      const wanted = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * element, true)
      if (found !== wanted) {
        faults.push(
          `${name} at ${element}: ${found.toString(16)} instead of ${wanted.toString(16)}`,
        )
      }
    }
  }
  return { count, kinds: new Set(seen.keys()), faults }
}
