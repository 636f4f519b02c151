import { AppError } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import { selectorOf } from '#chain/core/seated-founders.ts'
import bytecode from '#wire/abi/bytecode.json' with { type: 'json' }
import { systemAddresses } from '#wire/addresses.ts'
import { type DeploymentOptions, deploymentOf } from '#wire/deployment.ts'

type SystemGenesis = Required<Pick<GenesisInput, 'contracts' | 'calls' | 'recorder' | 'openWork'>>

/** The part of a genesis that puts the market's contracts at their fixed addresses and follows them. */
export function systemGenesis(options: DeploymentOptions): SystemGenesis {
  const { contracts, calls } = deploymentOf(systemAddresses, options)
  const { Beacon, WorkLedger } = systemAddresses
  return {
    contracts: contracts.map(({ name, args }) => ({
      name,
      address: systemAddresses[name],
      initCode: `${bytecode[name] as Hex}${args.map(wordOf).join('')}`,
    })),
    calls: calls.map(({ from, to, functionName, valueWei }) => ({
      from,
      to: systemAddresses[to],
      valueWei: String(valueWei),
      calldata: selectorOf(`${functionName}()`),
    })),
    recorder: { address: Beacon, calldata: selectorOf('record()') },
    openWork: { address: WorkLedger, calldata: selectorOf('openWork()') },
  }
}

/** A constructor's argument as one ABI word: the system contracts take addresses and integers only. */
function wordOf(value: unknown): string {
  const isAddress = typeof value === 'string' && /^0x[0-9a-f]{40}$/.test(value)
  if (isAddress || typeof value === 'bigint' || typeof value === 'number') {
    return BigInt(value).toString(16).padStart(64, '0')
  }
  throw new AppError({ code: 'ARGUMENT_UNKNOWN', type: typeof value })
}
