import {
  type ContractFunctionArgs,
  decodeAbiParameters,
  encodeAbiParameters,
  keccak256,
} from 'viem'
import { AppError } from '#base/error.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import type { Hex } from '#wire/primitives.ts'

/** The terms of a job as the contract takes them; see `contracts/interfaces/IJobManager.sol`. */
export type Terms = ContractFunctionArgs<typeof jobManagerAbi, 'nonpayable', 'postJob'>[0]
/** A worker's result as the contract takes it. */
export type Result = ContractFunctionArgs<typeof jobManagerAbi, 'nonpayable', 'submitResult'>[1]

const inputsOf = (name: 'postJob' | 'distributePayment') => {
  const found = jobManagerAbi.find((entry) => entry.type === 'function' && entry.name === name)
  return found?.type === 'function' ? found.inputs : []
}
const [termsInput] = inputsOf('postJob')
const [, verdictInput] = inputsOf('distributePayment')

/** abi.encode(terms). */
export function encodeTerms(terms: Terms): Hex {
  return encodeAbiParameters([termsInput!], [terms] as never)
}

/** The terms inside such bytes. Throws TERMS_INVALID. */
export function decodeTerms(encoded: Hex): Terms {
  try {
    const [terms] = decodeAbiParameters([termsInput!], encoded) as unknown as [Terms]
    return terms
  } catch (error) {
    throw new AppError({ code: 'TERMS_INVALID' }, { cause: error })
  }
}

/** keccak256(abi.encode(terms)). */
export function termsHashOf(terms: Terms): Hex {
  return keccak256(encodeTerms(terms))
}

/** keccak256(abi.encode(chainId, JobManager, client, nonce, termsHash)). */
export function jobIdOf(terms: Terms, place: { chainId: number; jobManager: Hex }): Hex {
  const types = ['uint256', 'address', 'address', 'uint256', 'bytes32'].map((type) => ({ type }))
  const values = [
    BigInt(place.chainId),
    place.jobManager,
    terms.client,
    terms.nonce,
    termsHashOf(terms),
  ]
  return keccak256(encodeAbiParameters(types, values))
}

/** keccak256(abi.encode(verdict)). */
export function verdictHashOf(verdict: object): Hex {
  return keccak256(encodeAbiParameters([verdictInput!], [verdict] as never))
}

/** keccak256(abi.encode(jobId, attempt, evaluator, verdictHash, salt)): what an evaluator commits. */
export function verdictCommitment(opening: {
  jobId: Hex
  attempt: number
  evaluator: Hex
  verdictHash: Hex
  salt: Hex
}): Hex {
  const types = ['bytes32', 'uint32', 'address', 'bytes32', 'bytes32'].map((type) => ({ type }))
  const { jobId, attempt, evaluator, verdictHash, salt } = opening
  return keccak256(encodeAbiParameters(types, [jobId, attempt, evaluator, verdictHash, salt]))
}
