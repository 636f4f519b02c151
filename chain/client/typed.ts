import { type LocalAccount, recoverTypedDataAddress } from 'viem'
import type { Hex } from '#wire/primitives.ts'

/** Where signatures count: one JobManager on one chain. */
export interface SigningPlace {
  readonly chainId: number
  readonly jobManager: Hex
}

const bytes32 = (name: string) => ({ name, type: 'bytes32' })
const uint32 = (name: string) => ({ name, type: 'uint32' })
const round = [bytes32('jobId'), uint32('attempt'), uint32('round')]

/** The EIP-712 types that operators sign: updates and lists of rounds, results, consent to a job. */
export const typedMessages = {
  RoundUpdate: [...round, bytes32('updateRoot'), bytes32('cidDigest')],
  RoundList: [...round, bytes32('listHash')],
  Result: [
    bytes32('jobId'),
    uint32('attempt'),
    bytes32('modelHash'),
    bytes32('modelCidDigest'),
    bytes32('segmentsRoot'),
    bytes32('transcriptCidDigest'),
  ],
  AuditTag: [
    bytes32('jobId'),
    uint32('attempt'),
    { name: 'worker', type: 'address' },
    uint32('segment'),
    uint32('step'),
    { name: 'isEqual', type: 'bool' },
    bytes32('tag'),
  ],
  Offer: [
    bytes32('jobId'),
    { name: 'worker', type: 'address' },
    { name: 'validUntil', type: 'uint64' },
  ],
  Acceptance: [
    bytes32('jobId'),
    { name: 'worker', type: 'address' },
    { name: 'validUntil', type: 'uint64' },
  ],
} as const

export type TypedName = keyof typeof typedMessages

function typedDataOf(
  place: SigningPlace,
  primaryType: TypedName,
  message: Record<string, unknown>,
) {
  const { chainId, jobManager } = place
  return {
    domain: { name: 'Quern', version: '1', chainId, verifyingContract: jobManager },
    types: { [primaryType]: typedMessages[primaryType] },
    primaryType,
    message,
  }
}

/** Signs one of `typedMessages` with an operator's key. */
export async function signTyped(
  account: LocalAccount,
  place: SigningPlace,
  typed: { type: TypedName; message: Record<string, unknown> },
): Promise<Hex> {
  return account.signTypedData(typedDataOf(place, typed.type, typed.message))
}

/** Who signed, lower case; undefined when the signature is none. */
export async function signerOf(
  place: SigningPlace,
  typed: { type: TypedName; message: Record<string, unknown> },
  signature: Hex,
): Promise<Hex | undefined> {
  const typedData = typedDataOf(place, typed.type, typed.message)
  try {
    const signer = await recoverTypedDataAddress({ ...typedData, signature })
    return signer.toLowerCase() as Hex
  } catch {
    return undefined
  }
}
