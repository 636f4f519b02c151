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

/** Number of an account's seat; undefined where it has none. Throws CONTRACT_MISSING, RPC_DOWN. */
export async function seatNumberOf(
  reader: Pick<Transactor, 'read'>,
  owner: Hex,
): Promise<number | undefined> {
  try {
    const [seat] = await reader.read<readonly [bigint, unknown]>('ValidatorSet', 'seatOf', [owner])
    return Number(seat)
  } catch (error) {
    if (error instanceof AppError && error.fields['reason'] === 'NoSeat') return undefined
    throw error
  }
}
