import { type ContractFunctionArgs, encodeAbiParameters, keccak256 } from 'viem'
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

/** keccak256(abi.encode(terms)). */
export function termsHashOf(terms: Terms): Hex {
  return keccak256(encodeAbiParameters([termsInput!], [terms] as never))
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
