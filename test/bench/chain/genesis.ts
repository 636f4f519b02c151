import { initialBaseFeePerGas } from '#chain/core/fee.ts'
import type { GenesisInput, GenesisValidator } from '#chain/core/genesis.ts'
import { senders } from './load.ts'

/** The benchmark's own: no production chain has this limit. */
export const benchGasLimit = 120_000_000
export const benchChainId = 31_338

/** A genesis with the senders' balances and nothing else; blocks come each second while transactions wait. */
export function benchGenesis(
  options: {
    readonly validators?: readonly GenesisValidator[]
    /** Unix seconds. */
    readonly timestamp?: number
    readonly gasLimit?: number
  } = {},
): GenesisInput {
  const { validators, timestamp = 1_767_225_600, gasLimit = benchGasLimit } = options
  return {
    chainId: benchChainId,
    timestamp,
    gasLimit,
    baseFeePerGas: String(initialBaseFeePerGas),
    accounts: senders.map(({ address }) => ({
      address: address.toLowerCase() as `0x${string}`,
      balanceWei: String(10n ** 24n),
    })),
    contracts: [],
    calls: [],
    ...(validators !== undefined && { validators: [...validators] }),
  }
}

/** The key of the benchmark's `i`th validator. */
export function benchValidatorKey(i: number): Uint8Array {
  return new Uint8Array(32).fill(0x51 + i)
}
