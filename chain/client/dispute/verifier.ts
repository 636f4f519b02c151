import { decodeErrorResult, decodeFunctionResult, encodeFunctionData } from 'viem'
import { AppError } from '#base/error.ts'
import { opVerifierAbi } from '#wire/abi/opVerifier.ts'
import type { Hex } from '#wire/primitives.ts'
import type { State } from './position.ts'

/** Part of an operand, as contracts/interfaces/IOpVerifier.sol takes it. */
export interface Leaf {
  readonly operand: bigint
  readonly index: bigint
  readonly words: Hex
}

export interface Task {
  readonly kind: bigint
  readonly sides: readonly bigint[]
  readonly bases: readonly bigint[]
}

export interface Run {
  readonly task: Task
  readonly element: number
  readonly state: State
  readonly from: number
  readonly to: number
  readonly leaves: readonly Leaf[]
}

export type Answer =
  | { readonly kind: 'state'; readonly state: State }
  | { readonly kind: 'missing'; readonly operand: number; readonly at: number }

/** contracts/OpVerifier.sol, called without a transaction. */
export interface Verifier {
  lengthOf(task: Task, element: number): Promise<number>
  /** The state behind the terms, or which element of an operand stands in none of the leaves. */
  run(run: Run): Promise<Answer>
}

/** What a call gives back, or what it reverts with. */
export type Call = (
  input: Hex,
) => Promise<{ readonly output: Hex } | { readonly revert: Hex | undefined }>

/** Throws REVERTED {reason} where the contract has the task or the slice for none. */
export function createVerifier(call: Call): Verifier {
  return {
    async lengthOf(task, element) {
      const args = [task, BigInt(element)] as const
      const answer = await call(
        encodeFunctionData({ abi: opVerifierAbi, functionName: 'lengthOf', args }),
      )
      if ('revert' in answer) throw reverted(answer.revert)
      return Number(
        decodeFunctionResult({
          abi: opVerifierAbi,
          functionName: 'lengthOf',
          data: answer.output,
        }),
      )
    },
    async run({ task, element, state, from, to, leaves }) {
      const args = [task, BigInt(element), state, BigInt(from), BigInt(to), leaves] as const
      const answer = await call(
        encodeFunctionData({ abi: opVerifierAbi, functionName: 'run', args }),
      )
      if ('revert' in answer) return missingIn(answer.revert)
      const found = decodeFunctionResult({
        abi: opVerifierAbi,
        functionName: 'run',
        data: answer.output,
      })
      return { kind: 'state', state: found }
    },
  }
}

function missingIn(revert: Hex | undefined): Answer {
  if (revert === undefined || revert === '0x') throw reverted(undefined)
  const { errorName, args } = decodeErrorResult({ abi: opVerifierAbi, data: revert })
  if (errorName !== 'MissingOperand') throw new AppError({ code: 'REVERTED', reason: errorName })
  const [operand, at] = args
  return { kind: 'missing', operand: Number(operand), at: Number(at) }
}

function reverted(revert: Hex | undefined): AppError {
  return new AppError({ code: 'REVERTED', call: 'OpVerifier', reason: revert ?? 'no answer' })
}
