import { devChainId } from '#wire/addresses.ts'
import type { DeploymentOptions } from '#wire/deployment.ts'
import { developmentAddresses } from '#chain/core/development.ts'
import { initialBaseFeePerGas } from '#chain/core/fee.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import { systemGenesis } from './system-contracts.ts'

const weiPerCoin = 10n ** 18n
const coinsEach = 1_000_000n
const trainEach = 1_000_000n
/** Short, so that a dispute that somebody gives up is over while one looks. */
const disputeClockSeconds = 120
/** 2026-01-01T00:00:00Z: fixed, so that every development chain has the same genesis hash. */
const developmentTimestamp = 1_767_225_600

export type DevelopmentOptions = Pick<
  DeploymentOptions,
  'stakeMinGwei' | 'thawSeconds' | 'epochBlocks' | 'engineId' | 'powEvery' | 'disputeClockSeconds'
>

/** Small enough that a job of a minute brings units, large enough that a unit is not for nothing. */
const developmentUnit = { unitFlops: 10n ** 5n, unitPriceGwei: 5n * 10n ** 7n }

/**
 * The genesis of a development chain: the market's contracts, and the accounts of the public test mnemonic
 * with native coin and TRAIN.
 */
export function developmentGenesis(options: DevelopmentOptions = {}): GenesisInput {
  const holders = developmentAddresses.map((address) => ({
    address,
    amountWei: trainEach * weiPerCoin,
  }))
  return {
    chainId: devChainId,
    timestamp: developmentTimestamp,
    gasLimit: 30_000_000,
    baseFeePerGas: String(initialBaseFeePerGas),
    accounts: developmentAddresses.map((address) => ({
      address,
      balanceWei: String((coinsEach + trainEach) * weiPerCoin),
    })),
    ...systemGenesis({ ...developmentUnit, disputeClockSeconds, ...options, holders }),
  }
}
