import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  type LocalAccount,
  type PublicClient,
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
} from 'viem'
import { AppError } from '#base/error.ts'
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { evaluatorPoolAbi } from '#wire/abi/evaluatorPool.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { opVerifierAbi } from '#wire/abi/opVerifier.ts'
import { stakingAbi } from '#wire/abi/staking.ts'
import { trainTokenAbi } from '#wire/abi/trainToken.ts'
import { validatorSetAbi } from '#wire/abi/validatorSet.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { workerRegistryAbi } from '#wire/abi/workerRegistry.ts'
import type { Hex } from '#wire/primitives.ts'
import { packedArgs } from './terms.ts'

/** The market's contracts, which stand on every chain that has one. */
export const marketAbis = {
  JobManager: jobManagerAbi,
  WorkerRegistry: workerRegistryAbi,
  Staking: stakingAbi,
  EvaluatorPool: evaluatorPoolAbi,
  TrainToken: trainTokenAbi,
} as const
/** All that clients call: those of seats and units stand on chains of our own alone, disputes where they are wanted. */
const abis = {
  ...marketAbis,
  ValidatorSet: validatorSetAbi,
  WorkLedger: workLedgerAbi,
  DisputeGame: disputeGameAbi,
  OpVerifier: opVerifierAbi,
} as const
export type ContractName = keyof typeof abis
/** Addresses as network.json names them. */
export type Contracts = Readonly<
  Record<keyof typeof marketAbis, Hex> & Partial<Record<ContractName, Hex>>
>

/** How to reach a chain. */
export interface ChainAccess {
  readonly rpcUrl: string
  readonly chainId: number
  readonly contracts: Contracts
}

/** What a transaction did. */
export interface Sent {
  readonly hash: Hex
  readonly blockNumber: bigint
  readonly gasUsed: bigint
}

export interface ReadOptions {
  /** The state after this height, in place of the newest. */
  readonly blockNumber?: bigint
}

export interface SendOptions {
  /** Native coin that goes along. */
  readonly valueWei?: bigint
}

/** One account's way to the contracts. Transactions go out one after another, none waits for a block of the one before. */
export interface Transactor {
  readonly address: Hex
  readonly account: LocalAccount
  /** Calls a view. Throws REVERTED {reason}, CONTRACT_MISSING where this chain lacks it, or RPC_DOWN. */
  read<T = unknown>(
    contract: ContractName,
    name: string,
    args?: readonly unknown[],
    options?: ReadOptions,
  ): Promise<T>
  /**
   * Simulates, sends, and waits for the receipt. Throws REVERTED {reason: name of the contract's error},
   * CONTRACT_MISSING, RPC_DOWN, RECEIPT_TIMEOUT.
   */
  send(
    contract: ContractName,
    name: string,
    args?: readonly unknown[],
    options?: SendOptions,
  ): Promise<Sent>
  /** Native coin of the account, in wei. */
  balance(): Promise<bigint>
}

/** A call may revert with an error of a contract that the called one calls. */
const errors: Abi = Object.values(abis).flatMap((abi: Abi) =>
  abi.filter(({ type }) => type === 'error'),
)
const receiptTimeoutMs = 60_000
const pollMs = 250

/** Creates the transactor of one account. */
export function createTransactor(access: ChainAccess, account: LocalAccount): Transactor {
  const transport = http(access.rpcUrl, { timeout: 10_000, retryCount: 1 })
  const chain = chainOf(access)
  const rpc = createPublicClient({ transport, chain, pollingInterval: pollMs })
  const wallet = createWalletClient({ transport, chain, account })
  let last: Promise<unknown> = Promise.resolve()

  async function sendNow({ contract, name, args, valueWei }: Sending): Promise<Hex> {
    const call = { ...callOf(access, { contract, name, args }), account, value: valueWei }
    try {
      const { request } = await rpc.simulateContract(call)
      const gas = gasLimitOf(await rpc.estimateContractGas(call))
      return await wallet.writeContract({ ...request, gas })
    } catch (error) {
      throw chainError(error, `${contract}.${name}`)
    }
  }

  async function settled(hash: Hex, call: string): Promise<Sent> {
    try {
      const receipt = await rpc.waitForTransactionReceipt({ hash, timeout: receiptTimeoutMs })
      const { blockNumber, gasUsed } = receipt
      if (receipt.status === 'success') return { hash, blockNumber, gasUsed }
    } catch (error) {
      throw chainError(error, call)
    }
    // It passed the simulation, so another transaction came first.
    throw new AppError({ code: 'REVERTED', call, reason: 'Overtaken' })
  }

  function send(
    contract: ContractName,
    name: string,
    args: readonly unknown[] = [],
    { valueWei }: SendOptions = {},
  ): Promise<Sent> {
    const sent = last.then(() => sendNow({ contract, name, args, valueWei }))
    last = sent.catch(() => undefined)
    return sent.then((hash) => settled(hash, `${contract}.${name}`))
  }

  return {
    address: account.address.toLowerCase() as Hex,
    account,
    read: (contract, name, args = [], { blockNumber } = {}) =>
      readContract(rpc, access, { contract, name, args, blockNumber }),
    send,
    balance: () => rpc.getBalance({ address: account.address }),
  }
}

/** Views for those that send nothing. */
export function createReader(access: ChainAccess): Pick<Transactor, 'read'> {
  const rpc = createPublicClient({
    transport: http(access.rpcUrl, { timeout: 10_000, retryCount: 1 }),
    chain: chainOf(access),
  })
  return {
    read: (contract, name, args = [], { blockNumber } = {}) =>
      readContract(rpc, access, { contract, name, args, blockNumber }),
  }
}

/**
 * A call may find another state than the one it was estimated on: the last of several commitments or reveals
 * in a block also closes the stage. What is not used costs nothing.
 */
function gasLimitOf(estimate: bigint): bigint {
  return estimate * 2n + 1_000_000n
}

interface Call {
  readonly contract: ContractName
  readonly name: string
  readonly args: readonly unknown[]
}

interface Reading extends Call {
  readonly blockNumber: bigint | undefined
}

interface Sending extends Call {
  readonly valueWei: bigint | undefined
}

async function readContract<T>(rpc: PublicClient, access: ChainAccess, view: Reading): Promise<T> {
  const { contract, name, blockNumber } = view
  try {
    const call = callOf(access, view)
    return (await rpc.readContract(
      blockNumber === undefined ? call : { ...call, blockNumber },
    )) as T
  } catch (error) {
    throw chainError(error, `${contract}.${name}`)
  }
}

function callOf(access: ChainAccess, { contract, name: functionName, args }: Call) {
  const address = access.contracts[contract]
  if (address === undefined) throw new AppError({ code: 'CONTRACT_MISSING', contract })
  const abi: Abi = [...abis[contract], ...errors]
  const takesTerms = contract === 'JobManager' || contract === 'WorkLedger'
  return { address, abi, functionName, args: takesTerms ? packedArgs(args) : args }
}

function chainOf(access: ChainAccess) {
  return defineChain({
    id: access.chainId,
    name: 'Quern',
    nativeCurrency: { name: 'TRAIN', symbol: 'TRAIN', decimals: 18 },
    rpcUrls: { default: { http: [access.rpcUrl] } },
  })
}

/** The node was not reached, or took too long. */
function isAway(error: unknown): boolean {
  return error instanceof Error && ['HttpRequestError', 'TimeoutError'].includes(error.name)
}

/** What a failed call to the chain comes to. */
export function chainError(error: unknown, call: string): AppError {
  if (error instanceof AppError) return error
  const cause = { cause: error }
  if (!(error instanceof BaseError)) return new AppError({ code: 'RPC_FAILED', call }, cause)
  const revert = error.walk((inner) => inner instanceof ContractFunctionRevertedError)
  if (revert instanceof ContractFunctionRevertedError) {
    const reason = revert.data?.errorName ?? revert.reason ?? revert.signature ?? 'unknown'
    const args = revert.data?.args?.map(String)
    return new AppError({ code: 'REVERTED', call, reason, args }, cause)
  }
  if (error.walk(isAway) !== null) {
    return new AppError({ code: 'RPC_DOWN', call, retryable: true }, cause)
  }
  if (error.name === 'WaitForTransactionReceiptTimeoutError') {
    return new AppError({ code: 'RECEIPT_TIMEOUT', call, retryable: true }, cause)
  }
  return new AppError({ code: 'RPC_FAILED', call, reason: error.shortMessage }, cause)
}
