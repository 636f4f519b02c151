import type { LocalAccount } from 'viem'
import { peerIdBytes } from '#chain/client/registry.ts'
import type { ChainAccess, Transactor } from '#chain/client/transactor.ts'
import type { Logger } from '#base/log.ts'
import { zeroHash } from '#compute/train/commit.ts'
import type { Hex } from '#wire/primitives.ts'

/** What an owner lets its machine do, as WorkerRegistry keeps it. */
export interface ConsentRecord {
  readonly kinds: number
  readonly hours24: number
  readonly segmentsMax: number
  readonly megaflopsMax: bigint
  readonly rewardMinGwei: bigint
}

export interface Enrolment {
  /** The owner's way to the contracts: stake and registration are its own to send. */
  readonly owner: Transactor
  readonly operator: LocalAccount
  /** Bits of `roles` in chain/client/registry.ts. */
  readonly roles: number
  readonly x25519Key?: Hex
  readonly peerId: string
  readonly consent: ConsentRecord
}

interface ContractEntry {
  readonly operator: Hex
  readonly roles: number
  readonly x25519Key: Hex
  readonly peerId: Hex
  readonly consent: ConsentRecord
}

const gwei = 1_000_000_000n

/** Stakes what is missing to `stakeWei` of active stake; 0 stakes nothing. Throws REVERTED, RPC_DOWN. */
export async function ensureStake(
  owner: Transactor,
  access: ChainAccess,
  stakeWei: bigint,
): Promise<void> {
  const account = await owner.read<{ activeGwei: bigint }>('Staking', 'accountOf', [owner.address])
  const missingWei = stakeWei - account.activeGwei * gwei
  if (missingWei > 0n) await addStake(owner, access, missingWei)
}

/** Approves and stakes an amount of the owner's TRAIN. */
export async function addStake(
  owner: Transactor,
  access: ChainAccess,
  amountWei: bigint,
): Promise<void> {
  const spender = access.contracts.Staking
  await owner.send('TrainToken', 'approve', [spender, amountWei])
  await owner.send('Staking', 'stake', [amountWei])
}

/**
 * Registers the owner with this operator, peer and consent, unless all of it stands in the registry already.
 * Roles that the owner has besides stay. Throws REVERTED with the registry's reason.
 */
export async function ensureRegistered(
  enrolment: Enrolment,
  { access, log }: { access: ChainAccess; log: Logger },
): Promise<void> {
  const { owner, operator, consent } = enrolment
  const known = await owner.read<ContractEntry>('WorkerRegistry', 'entryOf', [owner.address])
  const wanted: ContractEntry = {
    operator: operator.address.toLowerCase() as Hex,
    roles: known.roles | enrolment.roles,
    x25519Key: enrolment.x25519Key ?? known.x25519Key,
    peerId: peerIdBytes(enrolment.peerId),
    consent,
  }
  if (isSame(known, wanted)) return
  const nonce = await owner.read<bigint>('WorkerRegistry', 'bindingNonce', [owner.address])
  const isOwn = wanted.operator === owner.address
  const signature = isOwn
    ? '0x'
    : await signBinding(operator, { access, owner: owner.address, nonce })
  const entry = { ...wanted, capabilitiesDigest: zeroHash }
  await owner.send('WorkerRegistry', 'register', [entry, signature])
  log.info({ owner: owner.address, operator: wanted.operator, roles: wanted.roles }, 'registered')
}

function isSame(known: ContractEntry, wanted: ContractEntry): boolean {
  const fields = ['kinds', 'hours24', 'segmentsMax', 'megaflopsMax', 'rewardMinGwei'] as const
  return (
    known.operator.toLowerCase() === wanted.operator &&
    known.roles === wanted.roles &&
    known.x25519Key === wanted.x25519Key &&
    known.peerId === wanted.peerId &&
    fields.every((field) => known.consent[field] === wanted.consent[field])
  )
}

async function signBinding(
  operator: LocalAccount,
  binding: { access: ChainAccess; owner: Hex; nonce: bigint },
): Promise<Hex> {
  const { access, owner, nonce } = binding
  return operator.signTypedData({
    domain: {
      name: 'Quern',
      version: '1',
      chainId: access.chainId,
      verifyingContract: access.contracts.WorkerRegistry,
    },
    types: {
      OperatorBinding: [
        { name: 'owner', type: 'address' },
        { name: 'operator', type: 'address' },
        { name: 'nonce', type: 'uint256' },
      ],
    },
    primaryType: 'OperatorBinding',
    message: { owner, operator: operator.address, nonce },
  })
}
