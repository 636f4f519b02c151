import {
  type ContractFunctionArgs,
  decodeAbiParameters,
  encodeAbiParameters,
  keccak256,
} from 'viem'
import { AppError } from '#base/error.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import type { Hex } from '#wire/primitives.ts'

/** The terms of a job, field by field; see `contracts/interfaces/IJobTypes.sol`. */
export interface Terms {
  readonly client: Hex
  readonly nonce: bigint
  readonly rewardWei: bigint
  readonly auditDepositWei: bigint
  readonly workerStakeWei: bigint
  readonly evaluatorStakeWei: bigint
  readonly flops: bigint
  readonly engineId: Hex
  readonly specDigest: Hex
  readonly slateVersion: bigint
  readonly workerCount: number
  readonly workerCountMin: number
  readonly evaluatorCount: number
  readonly matchMode: number
  readonly mode: number
  readonly kind: number
  readonly workerBps: number
  readonly evaluatorBps: number
  readonly reporterBps: number
  readonly clientBps: number
  readonly timeoutBps: number
  readonly volunteerSeconds: number
  readonly runSeconds: number
  readonly drawSeconds: number
  readonly commitSeconds: number
  readonly revealSeconds: number
  readonly roundSeconds: number
  readonly segmentCount: number
}
/** The terms as the contract takes them: six words. */
export type PackedTerms = ContractFunctionArgs<typeof jobManagerAbi, 'nonpayable', 'postJob'>[0]
/** A worker's result as the contract takes it. */
export type Result = ContractFunctionArgs<typeof jobManagerAbi, 'nonpayable', 'submitResult'>[1]

const inputsOf = (name: 'postJob' | 'distributePayment') => {
  const found = jobManagerAbi.find((entry) => entry.type === 'function' && entry.name === name)
  return found?.type === 'function' ? found.inputs : []
}
const [termsInput] = inputsOf('postJob')
const [, verdictInput] = inputsOf('distributePayment')
const gwei = 10n ** 9n

type Field = readonly [name: keyof Terms, bits: bigint]
/** Fields of each word, from the low bits on. */
const words = {
  parties: [
    ['client', 160n],
    ['nonce', 64n],
    ['slateVersion', 32n],
  ],
  amounts: [
    ['rewardWei', 64n],
    ['auditDepositWei', 64n],
    ['workerStakeWei', 64n],
    ['evaluatorStakeWei', 64n],
  ],
  work: [
    ['flops', 128n],
    ['segmentCount', 32n],
    ['workerCount', 8n],
    ['workerCountMin', 8n],
    ['evaluatorCount', 8n],
    ['matchMode', 8n],
    ['mode', 8n],
    ['kind', 8n],
    ['workerBps', 16n],
    ['evaluatorBps', 16n],
    ['timeoutBps', 16n],
  ],
  windows: [
    ['volunteerSeconds', 32n],
    ['runSeconds', 32n],
    ['drawSeconds', 32n],
    ['commitSeconds', 32n],
    ['revealSeconds', 32n],
    ['roundSeconds', 32n],
    ['reporterBps', 16n],
    ['clientBps', 16n],
  ],
} as const satisfies Record<string, readonly Field[]>
const bigFields: ReadonlySet<keyof Terms> = new Set(['nonce', 'slateVersion', 'flops'])

/** The six words of terms. Throws TERMS_INVALID {field} for a value that does not fit. */
export function packTerms(terms: Terms): PackedTerms {
  return {
    parties: wordOf(terms, words.parties),
    amounts: wordOf(terms, words.amounts),
    work: wordOf(terms, words.work),
    windows: wordOf(terms, words.windows),
    engineId: terms.engineId,
    specDigest: terms.specDigest,
  }
}

/** The terms that six words hold. */
export function unpackTerms(packed: PackedTerms): Terms {
  const { engineId, specDigest } = packed
  const fields = (Object.keys(words) as (keyof typeof words)[]).flatMap((word) =>
    fieldsOf(packed[word], words[word]),
  )
  return { ...(Object.fromEntries(fields) as unknown as Terms), engineId, specDigest }
}

/** Arguments of a call of JobManager or WorkLedger, with terms that come first packed. */
export function packedArgs(args: readonly unknown[]): readonly unknown[] {
  const [first, ...others] = args
  const isTerms = typeof first === 'object' && first !== null && 'specDigest' in first
  return isTerms && !('parties' in first) ? [packTerms(first as Terms), ...others] : args
}

/** abi.encode(terms). */
export function encodeTerms(terms: Terms): Hex {
  return encodeAbiParameters([termsInput!], [packTerms(terms)] as never)
}

/** The terms inside such bytes. Throws TERMS_INVALID. */
export function decodeTerms(encoded: Hex): Terms {
  try {
    const [packed] = decodeAbiParameters([termsInput!], encoded) as unknown as [PackedTerms]
    return unpackTerms(packed)
  } catch (error) {
    throw new AppError({ code: 'TERMS_INVALID' }, { cause: error })
  }
}

function wordOf(terms: Terms, fields: readonly Field[]): bigint {
  let word = 0n
  let at = 0n
  for (const [field, bits] of fields) {
    const value = BigInt(terms[field])
    const units = isAmount(field) ? value / gwei : value
    const isWhole = !isAmount(field) || value % gwei === 0n
    if (!isWhole || units < 0n || units >> bits !== 0n) {
      throw new AppError({ code: 'TERMS_INVALID', field })
    }
    word |= units << at
    at += bits
  }
  return word
}

function fieldsOf(word: bigint, fields: readonly Field[]): [string, bigint | number | Hex][] {
  let rest = word
  return fields.map(([field, bits]) => {
    const value = rest & ((1n << bits) - 1n)
    rest >>= bits
    if (field === 'client') return [field, `0x${value.toString(16).padStart(40, '0')}`]
    if (isAmount(field)) return [field, value * gwei]
    return [field, bigFields.has(field) ? value : Number(value)]
  })
}

function isAmount(field: keyof Terms): boolean {
  return field.endsWith('Wei')
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
