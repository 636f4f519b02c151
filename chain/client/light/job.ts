import { encodeAbiParameters, keccak256 } from 'viem'
import { AppError } from '#base/error.ts'
import { verdictHashOf } from '../terms.ts'
import type { JobView } from '../view.ts'
import type { Hex } from '#wire/primitives.ts'
import type { LightClient } from './client.ts'
import type { ProvenHead } from './finality.ts'

/** Places of mappings in the storage of JobManager (`contracts/job/JobBase.sol`). */
const places = { slots: 1n, verdicts: 5n } as const
const statuses = [
  'none',
  'posted',
  'running',
  'submitted',
  'attesting',
  'completed',
  'settled',
  'cancelled',
  'expired',
] as const

/** A job as the proven state has it. */
export interface ProvenJob {
  readonly head: ProvenHead
  readonly status: (typeof statuses)[number]
  readonly attempt: number
  /** Evaluators whose verdict, as stored, is the view's; with the model's hash in it. */
  readonly agreedCount: number
}

/**
 * Proves what a view says of a finished job: its status and its verdict, of which the contract keeps 128 bits of
 * the hash for each evaluator that gave it. Throws LIGHT_MISMATCH where the state says something else, LIGHT_BEHIND where
 * the newest certificate is older than the view, and what the client throws.
 */
export async function proveJob(
  light: LightClient,
  view: Pick<JobView, 'jobId' | 'phase' | 'attempt' | 'verdict' | 'evaluators' | 'lastBlock'>,
  jobManager: Hex,
): Promise<ProvenJob> {
  const { jobId, attempt, verdict, evaluators } = view
  const head = await light.newest()
  const { number } = head.header
  if (BigInt(number) < view.lastBlock) {
    throw new AppError({ code: 'LIGHT_BEHIND', number, job: view.lastBlock, retryable: true })
  }
  const pairs = Math.ceil(evaluators.length / 2)
  const verdictSlots = Array.from({ length: pairs }, (_, pair) =>
    nestedSlot(jobId, places.verdicts, (BigInt(attempt) << 8n) | BigInt(pair)),
  )
  const slots = [mappingSlot(jobId, places.slots), ...verdictSlots]
  const [word = 0n, ...kept] = await light.words(head, jobManager, slots)
  const status = statuses[Number(word & 0xfn)] ?? 'none'
  expectSame('status', status, view.phase)
  expectSame('attempt', Number((word >> 4n) & 0xfn), attempt)
  const agreedMask = (word >> 49n) & 0x7fffn
  const wanted = verdict === undefined ? undefined : BigInt(verdictHashOf(verdict)) >> 128n
  const agreed = evaluators.filter((_, i) => {
    const half = (kept[i >> 1] ?? 0n) >> (i % 2 === 0 ? 128n : 0n)
    return ((agreedMask >> BigInt(i)) & 1n) === 1n && (half & ((1n << 128n) - 1n)) === wanted
  })
  return { head, status, attempt, agreedCount: agreed.length }
}

function expectSame(what: string, proven: string | number, claimed: string | number): void {
  if (proven !== claimed) throw new AppError({ code: 'LIGHT_MISMATCH', what, proven, claimed })
}

/** Where Solidity keeps the value of a mapping's key. */
function mappingSlot(key: Hex, place: bigint): Hex {
  return keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [key, place]))
}

function nestedSlot(jobId: Hex, place: bigint, key: bigint): Hex {
  const outer = mappingSlot(jobId, place)
  return keccak256(encodeAbiParameters([{ type: 'uint256' }, { type: 'bytes32' }], [key, outer]))
}
