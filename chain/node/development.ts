import type { Hex } from '#base/hex.ts'
import { devChainId } from '#wire/addresses.ts'
import { developmentAddresses } from '../core/development.ts'
import { initialBaseFeePerGas } from '../core/fee.ts'
import type { GenesisInput } from '../core/genesis.ts'

const weiPerCoin = 10n ** 18n
/** 2026-01-01T00:00:00Z: fixed, so that every development chain has the same genesis hash. */
const developmentTimestamp = 1_767_225_600

/** The genesis of a development chain: funded accounts of the public test mnemonic. */
export function developmentGenesis(): GenesisInput {
  return {
    chainId: devChainId,
    timestamp: developmentTimestamp,
    gasLimit: 30_000_000,
    baseFeePerGas: String(initialBaseFeePerGas),
    accounts: developmentAddresses.map((address: Hex) => ({
      address,
      balanceWei: String(1_000_000n * weiPerCoin),
    })),
    contracts: [],
    calls: [],
  }
}
