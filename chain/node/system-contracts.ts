import {
  type Abi,
  encodeDeployData,
  encodeFunctionData,
  toEventSelector,
  toFunctionSelector,
} from 'viem'
import type { Hex } from '#base/hex.ts'
import { beaconAbi } from '#wire/abi/beacon.ts'
import bytecode from '#wire/abi/bytecode.json' with { type: 'json' }
import { evaluatorPoolAbi } from '#wire/abi/evaluatorPool.ts'
import { governanceAbi } from '#wire/abi/governance.ts'
import { jobCourtAbi } from '#wire/abi/jobCourt.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { stakingAbi } from '#wire/abi/staking.ts'
import { timelockAbi } from '#wire/abi/timelock.ts'
import { trainTokenAbi } from '#wire/abi/trainToken.ts'
import { workerRegistryAbi } from '#wire/abi/workerRegistry.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { type ContractName, type DeploymentOptions, deploymentOf } from '#wire/deployment.ts'
import type { GenesisInput } from '../core/genesis.ts'

const abis: Readonly<Record<ContractName, Abi>> = {
  TrainToken: trainTokenAbi,
  WorkerRegistry: workerRegistryAbi,
  Staking: stakingAbi,
  EvaluatorPool: evaluatorPoolAbi,
  JobManager: jobManagerAbi,
  JobCourt: jobCourtAbi,
  Timelock: timelockAbi,
  Governance: governanceAbi,
  Beacon: beaconAbi,
}

type SystemGenesis = Required<
  Pick<GenesisInput, 'contracts' | 'calls' | 'recorder' | 'openWork' | 'modelEvent'>
>

/** The part of a genesis that puts the market's contracts at their fixed addresses and follows them. */
export function systemGenesis(options: DeploymentOptions): SystemGenesis {
  const { contracts, calls } = deploymentOf(systemAddresses, options)
  const { Beacon, JobManager } = systemAddresses
  return {
    contracts: contracts.map(({ name, args }) => ({
      name,
      address: systemAddresses[name],
      initCode: encodeDeployData({ abi: abis[name], bytecode: bytecode[name] as Hex, args }),
    })),
    calls: calls.map(({ from, to, functionName, valueWei }) => ({
      from,
      to: systemAddresses[to],
      valueWei: String(valueWei),
      calldata: encodeFunctionData({ abi: abis[to], functionName }),
    })),
    recorder: { address: Beacon, calldata: toFunctionSelector('record()') },
    openWork: { address: JobManager, calldata: toFunctionSelector('openJobs()') },
    modelEvent: {
      address: JobManager,
      topic: toEventSelector('JobCompleted(bytes32,bytes32,bytes32,int64)'),
    },
  }
}
