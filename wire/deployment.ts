import type { systemAddresses } from './addresses.ts'
import type { Hex } from './primitives.ts'

/** Names of the contracts, in the order in which they are made. */
export type ContractName = keyof typeof systemAddresses
export type ContractAddresses = Readonly<Record<ContractName, Hex>>

/** A contract and what its constructor takes. Addresses of the others are fixed before any of them exists. */
export interface ContractDeployment {
  readonly name: ContractName
  readonly args: readonly unknown[]
}

/** A call made once all contracts stand: the native coin of a holder becomes its TRAIN. */
export interface DeploymentCall {
  readonly from: Hex
  readonly to: ContractName
  readonly functionName: 'deposit'
  readonly valueWei: bigint
}

export interface DeploymentOptions {
  /** Who starts with TRAIN; each needs as much native coin. */
  readonly holders?: readonly { readonly address: Hex; readonly amountWei: bigint }[]
  /** The contract that answers IRandomness, where it is not the own chain's Beacon. */
  readonly randomness?: Hex
  /** Least stake to register and to be drawn, in 1e9 wei. */
  readonly stakeMinGwei?: bigint
  /** Seconds that leaving stake stays within reach of a slash. */
  readonly thawSeconds?: bigint
  /** Heights of an epoch, in which the set of validators stays the same. */
  readonly epochBlocks?: bigint
  /** Least stake of a validator, and of somebody who leads blocks by work alone, in 1e9 wei. */
  readonly validatorStakeMinGwei?: bigint
  readonly leaderBondMinGwei?: bigint
  /** What each side of a dispute puts up at each of four levels, in wei, and seconds for all of its moves. */
  readonly disputeBondWei?: bigint
  readonly disputeClockSeconds?: number
  /** The first engine whose jobs earn units of work. */
  readonly engineId?: Hex
  /** Every how many heights a unit may lead at first; 0 for never. */
  readonly powEvery?: number
  /** What a unit stands for at first: metered FLOP, and a burned fee in 1e9 wei. */
  readonly unitFlops?: bigint
  readonly unitPriceGwei?: bigint
}

const trainGwei = 10n ** 9n
const daySeconds = 86_400
const defaults = {
  stakeMinGwei: trainGwei,
  thawSeconds: 7n * BigInt(daySeconds),
  epochBlocks: 256n,
  validatorStakeMinGwei: 1_000n * trainGwei,
  leaderBondMinGwei: 100n * trainGwei,
  disputeBondWei: 10n * 10n ** 18n,
  disputeClockSeconds: 3_600,
  engineId: '0x0' as Hex,
  powEvery: 2,
  unitFlops: 10n ** 9n,
  unitPriceGwei: trainGwei / 1_000n,
}
const governance = {
  timelockSeconds: BigInt(7 * daySeconds),
  votingDelaySeconds: daySeconds,
  votingPeriodSeconds: 7 * daySeconds,
  proposalThresholdWei: 1_000n * 10n ** 18n,
}

/** The contracts of a market with their constructor arguments, and the calls after them. */
export function deploymentOf(
  addresses: ContractAddresses,
  options: DeploymentOptions = {},
): {
  readonly contracts: readonly ContractDeployment[]
  readonly calls: readonly DeploymentCall[]
} {
  const { stakeMinGwei, thawSeconds, ...all } = { ...defaults, ...options }
  const { TrainToken, WorkerRegistry, Staking, EvaluatorPool, JobManager, Timelock } = addresses
  const randomness = options.randomness ?? addresses.Beacon
  const job = [TrainToken, WorkerRegistry, Staking, EvaluatorPool, randomness, Timelock] as const
  return {
    contracts: [
      { name: 'TrainToken', args: [] },
      { name: 'Beacon', args: [] },
      {
        name: 'Staking',
        args: [TrainToken, JobManager, EvaluatorPool, addresses.DisputeGame, thawSeconds],
      },
      { name: 'WorkerRegistry', args: [Staking, EvaluatorPool, JobManager, stakeMinGwei] },
      { name: 'EvaluatorPool', args: [WorkerRegistry, Staking, stakeMinGwei] },
      { name: 'JobCourt', args: [...job, addresses.DisputeGame] },
      { name: 'JobManager', args: [...job, addresses.JobCourt] },
      { name: 'Timelock', args: [governance.timelockSeconds, addresses.Governance] },
      { name: 'Governance', args: [TrainToken, Staking, Timelock, ...governanceArgs()] },
      {
        name: 'ValidatorSet',
        args: [all.epochBlocks, all.validatorStakeMinGwei, all.leaderBondMinGwei, thawSeconds],
      },
      {
        name: 'WorkLedger',
        args: [
          JobManager,
          WorkerRegistry,
          addresses.ValidatorSet,
          randomness,
          Timelock,
          addresses.DisputeGame,
          BigInt(all.engineId),
          all.unitFlops,
          all.unitPriceGwei,
          all.powEvery,
        ],
      },
      { name: 'OpVerifier', args: [] },
      {
        name: 'DisputeGame',
        args: [
          addresses.OpVerifier,
          TrainToken,
          WorkerRegistry,
          all.disputeBondWei,
          all.disputeClockSeconds,
          thawSeconds,
        ],
      },
    ],
    calls: (options.holders ?? []).map(({ address, amountWei }) => ({
      from: address,
      to: 'TrainToken',
      functionName: 'deposit',
      valueWei: amountWei,
    })),
  }
}

function governanceArgs(): readonly unknown[] {
  const { votingDelaySeconds, votingPeriodSeconds, proposalThresholdWei } = governance
  return [votingDelaySeconds, votingPeriodSeconds, proposalThresholdWei]
}
