import { keyPoint, signaturePoint } from '#base/crypto/bls/points.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import { seatMessage } from '#chain/core/seats.ts'
import type { Hex } from '#wire/primitives.ts'
import { peerIdBytes } from './registry.ts'
import type { Transactor } from './transactor.ts'

/** A seat that somebody wants in `ValidatorSet`. */
export interface WantedSeat {
  readonly chainId: number
  /** Who sends, pays and owns. */
  readonly owner: Hex
  readonly blsSecret: Uint8Array
  /** A validator's; else it only leads blocks that its units won. */
  readonly votes: boolean
  /** libp2p peer id in its text form. */
  readonly peerId: string
}

/** The arguments of `ValidatorSet.join`, with the proof that the key is known and wants this owner. */
export function joinArgs(scheme: Scheme, seat: WantedSeat): readonly unknown[] {
  const { chainId, owner, blsSecret, votes, peerId } = seat
  const blsKey = scheme.publicKey(blsSecret)
  const proof = scheme.sign(blsSecret, seatMessage(chainId, owner, blsKey))
  return [votes, keyPoint(blsKey), signaturePoint(proof), peerIdBytes(peerId)]
}

/** An account's seat as the contract has it. */
export interface OwnSeat {
  readonly seat: number
  readonly stakeWei: bigint
  readonly fromEpoch: number
  /** First epoch without it; undefined while its owner has not asked to leave. */
  readonly untilEpoch: number | undefined
  /** Unix seconds from which the stake may be taken back; 0 while its owner has not asked to leave. */
  readonly readyAt: number
}

interface ContractSeat {
  readonly stakeGwei: bigint
  readonly fromEpoch: number
  readonly untilEpoch: number
  readonly readyAt: number
}

const never = 2 ** 32 - 1
const weiPerGwei = 1_000_000_000n

/** An account's seat; undefined where it has none. Throws CONTRACT_MISSING, RPC_DOWN. */
export async function seatOf(
  reader: Pick<Transactor, 'read'>,
  owner: Hex,
): Promise<OwnSeat | undefined> {
  try {
    const answer = await reader.read<[bigint, ContractSeat]>('ValidatorSet', 'seatOf', [owner])
    const [seat, { stakeGwei, fromEpoch, untilEpoch, readyAt }] = answer
    return {
      seat: Number(seat),
      stakeWei: stakeGwei * weiPerGwei,
      fromEpoch,
      untilEpoch: untilEpoch === never ? undefined : untilEpoch,
      readyAt,
    }
  } catch (error) {
    if (error instanceof AppError && error.fields['reason'] === 'NoSeat') return undefined
    throw error
  }
}

/** Number of an account's seat; undefined where it has none. Throws CONTRACT_MISSING, RPC_DOWN. */
export async function seatNumberOf(
  reader: Pick<Transactor, 'read'>,
  owner: Hex,
): Promise<number | undefined> {
  return (await seatOf(reader, owner))?.seat
}
