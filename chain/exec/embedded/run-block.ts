import type { EVMResult } from '@ethereumjs/evm'
import { toHex } from '#base/hex.ts'
import { type Withdrawal, encodeWithdrawal } from '#chain/core/payload.ts'
import type { BlockEnvironment, EvmBlock, HashOf, Machine } from './machine.ts'
import { gasBetweenPauses, pause } from './pauses.ts'
import { type Receipt, type ReceiptLog, addToBloom, encodeReceipt } from './receipt.ts'
import { computeRoots, listRoot } from './roots.ts'
import { type TransactionFault, runTransaction } from './run-transaction.ts'
import type { StateChanges, StateView } from './state-view.ts'
import { type Recorder, beginBlock, endBlock } from './system-calls.ts'
import type { DecodedTransaction } from './transaction.ts'
import { type Watcher, watched } from './watched.ts'

/** Where a block's transactions come from, and where is said what became of each. */
export interface TransactionSource {
  /** The next to try, given the gas that is left; undefined ends the block. */
  next(gasLeft: bigint): DecodedTransaction | undefined
  accepted(result: EVMResult): void
  refused(fault: TransactionFault): void
}

export interface BlockPlan {
  readonly environment: BlockEnvironment
  readonly withdrawals: readonly Withdrawal[]
  readonly parentStateRoot: Uint8Array
  readonly view: StateView
  readonly hashOf: HashOf
  readonly recorder: Recorder | undefined
  readonly source: TransactionSource
  /** Set where the block is only tried out. */
  readonly simulation?: Simulation | undefined
}

export interface Simulation {
  /** Changes the state before the block begins. */
  prepare(machine: Machine): Promise<void>
  /** Whether transactions must be as real ones. */
  readonly isValidating: boolean
  /** Called before each transaction, for one that listens to it. */
  readonly watch: (() => Watcher) | undefined
}

/** What running a block gave: all that its header has to say of it. */
export interface BlockRun {
  readonly transactions: readonly DecodedTransaction[]
  readonly receipts: readonly Receipt[]
  readonly gasUsed: bigint
  readonly logsBloom: Uint8Array
  readonly stateRoot: Uint8Array
  readonly transactionsRoot: Uint8Array
  readonly receiptsRoot: Uint8Array
  readonly withdrawalsRoot: Uint8Array
  readonly requestsHash: Uint8Array
  readonly changes: StateChanges
  /** The chain's own call at the start of the block did not revert. */
  readonly hasRecorded: boolean
}

/** Runs a block: system calls, transactions, withdrawals, requests, roots. */
export async function runBlock(machine: Machine, plan: BlockPlan): Promise<BlockRun> {
  const { keccak256 } = machine.crypto
  const { environment, recorder, withdrawals, view } = plan
  const block = machine.enter(view, environment, plan.hashOf)
  await plan.simulation?.prepare(machine)
  const hasRecorded = await beginBlock(machine, block, { environment, recorder })
  const { transactions, receipts, blooms } = await runAll(machine, block, plan)
  const requestsHash = await endBlock(machine, block, { withdrawals })
  const pending = { ...machine.state.pending(), keccak256 }
  const { stateRoot, changes } = computeRoots(view, plan.parentStateRoot, pending)
  const encoded = receipts.map((receipt, i) => encodeReceipt(receipt, blooms[i] as Uint8Array))
  const raws = transactions.map(({ raw }) => raw)
  return {
    transactions,
    receipts,
    gasUsed: receipts.at(-1)?.cumulativeGasUsed ?? 0n,
    logsBloom: unite(blooms),
    stateRoot,
    transactionsRoot: listRoot(raws, keccak256),
    receiptsRoot: listRoot(encoded, keccak256),
    withdrawalsRoot: listRoot(withdrawals.map(encodeWithdrawal), keccak256),
    requestsHash,
    changes,
    hasRecorded,
  }
}

async function runAll(machine: Machine, block: EvmBlock, { source, simulation }: BlockPlan) {
  const isSimulated = simulation?.isValidating === false
  const transactions: DecodedTransaction[] = []
  const receipts: Receipt[] = []
  const blooms: Uint8Array[] = []
  let cumulativeGasUsed = 0n
  let pausedAtGas = 0n
  for (;;) {
    if (cumulativeGasUsed - pausedAtGas >= BigInt(gasBetweenPauses)) {
      await pause()
      pausedAtGas = cumulativeGasUsed
    }
    const decoded = source.next(block.header.gasLimit - cumulativeGasUsed)
    if (decoded === undefined) return { transactions, receipts, blooms }
    const outcome = await watched(machine, simulation?.watch?.(), () =>
      runTransaction(machine, block, decoded, { isSimulated }),
    )
    if (outcome.kind === 'refused') {
      source.refused(outcome.fault)
      continue
    }
    source.accepted(outcome.result)
    cumulativeGasUsed += outcome.gasUsed
    const receipt = receiptOf(decoded, outcome.result, {
      gasUsed: outcome.gasUsed,
      cumulativeGasUsed,
    })
    const bloom = new Uint8Array(256)
    for (const log of receipt.logs) addToBloom(bloom, log, machine.crypto.keccak256)
    transactions.push(decoded)
    receipts.push(receipt)
    blooms.push(bloom)
  }
}

function receiptOf(
  { tx, hash, sender }: DecodedTransaction,
  { execResult, createdAddress }: EVMResult,
  gas: { readonly gasUsed: bigint; readonly cumulativeGasUsed: bigint },
): Receipt {
  const logs = execResult.logs ?? []
  return {
    type: tx.type,
    hasSucceeded: execResult.exceptionError === undefined,
    ...gas,
    logs: logs.map(([address, topics, payload]): ReceiptLog => ({ address, topics, payload })),
    transactionHash: hash,
    from: toHex(sender.bytes),
    contractAddress:
      tx.to === undefined && createdAddress !== undefined ? toHex(createdAddress.bytes) : undefined,
  }
}

function unite(blooms: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(256)
  for (const bloom of blooms) {
    for (let i = 0; i < 256; i += 1) all[i] = (all[i] as number) | (bloom[i] as number)
  }
  return all
}
