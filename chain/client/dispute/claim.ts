import { type LocalAccount, concat, encodeAbiParameters, keccak256, toBytes } from 'viem'
import type { Hex } from '#wire/primitives.ts'

/** "These steps lead from this leaf to that one": what contracts/DisputeGame.sol decides about, field for field. */
export interface Claim {
  readonly jobId: Hex
  readonly attempt: number
  readonly segment: number
  readonly round: number
  readonly asserter: Hex
  readonly client: Hex
  readonly steps: bigint
  readonly startLeaf: Hex
  readonly endLeaf: Hex
  readonly programRoot: Hex
  readonly batchRoot: Hex
  /** Unix seconds until which it may be disputed. */
  readonly validUntil: bigint
}

/** Where claims count: one DisputeGame on one chain. */
export interface ClaimPlace {
  readonly chainId: number
  readonly disputeGame: Hex
}

const fields = [
  { name: 'jobId', type: 'bytes32' },
  { name: 'attempt', type: 'uint32' },
  { name: 'segment', type: 'uint32' },
  { name: 'round', type: 'uint32' },
  { name: 'asserter', type: 'address' },
  { name: 'client', type: 'address' },
  { name: 'steps', type: 'uint64' },
  { name: 'startLeaf', type: 'bytes32' },
  { name: 'endLeaf', type: 'bytes32' },
  { name: 'programRoot', type: 'bytes32' },
  { name: 'batchRoot', type: 'bytes32' },
  { name: 'validUntil', type: 'uint64' },
] as const

const typeHash = keccak256(
  toBytes(`Claim(${fields.map(({ name, type }) => `${type} ${name}`).join(',')})`),
)

/** EIP-712's hash of the claim itself: the id of disputes about it. */
export function claimIdOf(claim: Claim): Hex {
  const encoded = encodeAbiParameters(
    fields,
    fields.map(({ name }) => claim[name]) as unknown as Parameters<
      typeof encodeAbiParameters<typeof fields>
    >[1],
  )
  return keccak256(concat([typeHash, encoded]))
}

/** Signs a claim as its asserter. */
export async function signClaim(
  account: LocalAccount,
  { chainId, disputeGame }: ClaimPlace,
  claim: Claim,
): Promise<Hex> {
  return account.signTypedData({
    domain: { name: 'Quern', version: '1', chainId, verifyingContract: disputeGame },
    types: { Claim: fields },
    primaryType: 'Claim',
    message: claim,
  })
}
