import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { devChainId } from '#wire/addresses.ts'
import { address, blsKey, blsSignature, count, hash32, hexBytes, wei } from '#wire/primitives.ts'
import { developmentAddresses } from './development.ts'
import { gasLimitByDefault } from './limits.ts'
import { withSeatedFounders } from './seated-founders.ts'

const lowerAddress = address
const bytes = hexBytes

/** An account as it stands before the first block. */
export const genesisAccountSchema = z.object({
  address: lowerAddress,
  balanceWei: wei.optional(),
  nonce: count.optional(),
  code: bytes.optional(),
  storage: z.record(hash32, hash32).optional(),
})

/** A contract that stands at `address` as if `initCode` had been run there. */
export const genesisContractSchema = z.object({
  name: z.string().min(1).max(64),
  address: lowerAddress,
  initCode: bytes,
})

/** A call made before the first block, after all contracts stand; it must not revert. */
export const genesisCallSchema = z.object({
  from: lowerAddress,
  to: lowerAddress,
  valueWei: wei.optional(),
  calldata: bytes,
})

/** One of those who finalise the first blocks. */
export const genesisValidatorSchema = z.object({
  address: lowerAddress,
  blsKey,
  /** The key's signature over `seatMessage`: its owner knows it, and wants it for this account. */
  possession: blsSignature,
  /** Whole coins of the account, staked for its seat. */
  weight: z.int().min(1).max(1_000_000_000).default(1_000),
})
/** One of those who lead blocks that their work wins, from the first epoch on; the weight is their bond. */
const genesisLeaderSchema = genesisValidatorSchema.extend({
  weight: z.int().min(1).max(1_000_000_000).default(100),
})
export type GenesisValidator = z.input<typeof genesisValidatorSchema>

export const genesisSchema = z.object({
  chainId: z.int().min(1),
  /** Unix seconds. */
  timestamp: count,
  /** Another than the default says for itself what the network's machines can do in a second. */
  gasLimit: z.int().min(5_000_000).max(1_000_000_000).default(gasLimitByDefault),
  baseFeePerGas: wei,
  accounts: z.array(genesisAccountSchema).max(100_000),
  contracts: z.array(genesisContractSchema).max(256),
  calls: z.array(genesisCallSchema).max(10_000),
  /** In the order of their indices. Without any, a node that has a key is the only one. */
  validators: z.array(genesisValidatorSchema).min(1).max(1_024).optional(),
  /** Nobody but the contract `ValidatorSet` knows of them. */
  leaders: z.array(genesisLeaderSchema).max(896).optional(),
  /** Called by the system address at the start of each block, without transaction. */
  recorder: z.object({ address: lowerAddress, calldata: bytes }).optional(),
  /** Answers how many jobs, audits and disputes are open, as one 32-byte word. */
  openWork: z.object({ address: lowerAddress, calldata: bytes }).optional(),
})
export type GenesisInput = z.input<typeof genesisSchema>
export type Genesis = z.infer<typeof genesisSchema>

/** Parses a genesis; its validators have taken their seats. Throws GENESIS_INVALID, or DEVELOPMENT_KEYS where public keys would own real money. */
export function parseGenesis(value: unknown): Genesis {
  const parsed = genesisSchema.safeParse(value)
  if (!parsed.success) {
    throw new AppError({ code: 'GENESIS_INVALID', problem: z.prettifyError(parsed.error) })
  }
  const genesis = withSeatedFounders(parsed.data)
  const owners = genesis.accounts.map((account) => account.address)
  for (const call of genesis.calls) owners.push(call.from)
  for (const validator of genesis.validators ?? []) owners.push(validator.address)
  for (const leader of genesis.leaders ?? []) owners.push(leader.address)
  for (const owner of owners) refuseDevelopmentKey(genesis.chainId, owner)
  return genesis
}

/** Throws DEVELOPMENT_KEYS where a key of the public test mnemonic is used outside the development chain. */
export function refuseDevelopmentKey(chainId: number, owner: string): void {
  if (chainId !== devChainId && developmentAddresses.includes(owner as `0x${string}`)) {
    throw new AppError({ code: 'DEVELOPMENT_KEYS', chainId, address: owner })
  }
}
