import type { EVMResult } from '@ethereumjs/evm'
import { Account, Address } from '@ethereumjs/util'
import { least } from '#base/bigint.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { nextBaseFeePerGas } from '#chain/core/fee.ts'
import { type Header, zeroHash } from '#chain/core/header.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from './chain.ts'
import type { HashOf, Machine } from './machine.ts'
import type { Receipt, ReceiptLog } from './receipt.ts'
import { type BlockRun, type TransactionSource, runBlock } from './run-block.ts'
import { type AccountOverride, type CallRequest, overrideAccount, unsigned } from './simulate.ts'
import { type Plan, payloadOf } from './sources.ts'
import { type StateView, layerView } from './state-view.ts'
import type { Recorder } from './system-calls.ts'
import type { DecodedTransaction } from './transaction.ts'
import type { ReadingMachine } from './reading-machine.ts'
import { type TransferWatcher, createTransferWatcher } from './watch-transfers.ts'

/** Header fields of a simulated block; what is left out follows from the block before. */
export type HeaderOverrides = Partial<
  Pick<
    Header,
    'number' | 'timestamp' | 'gasLimit' | 'feeRecipient' | 'prevRandao' | 'baseFeePerGas'
  >
>

/** A block that is to be tried out. */
export interface BlockRequest {
  readonly header: HeaderOverrides
  readonly accounts: ReadonlyMap<Hex, AccountOverride>
  readonly calls: readonly CallRequest[]
}

/** What one of its messages gave. */
export interface SimulatedCall {
  readonly decoded: DecodedTransaction
  readonly receipt: Receipt
  /** Those of the receipt; where coin is shown too, with its movements as logs among them. */
  readonly logs: readonly ReceiptLog[]
  readonly output: Uint8Array
  /** As the interpreter names it; undefined where it succeeded. */
  readonly error: string | undefined
}

export interface SimulatedBlock {
  readonly payload: Payload
  readonly calls: readonly SimulatedCall[]
}

export interface SimulationOptions {
  readonly isValidating: boolean
  /** Whether logs show movements of coin (`coinAddress`). */
  readonly withTransfers: boolean
}

/**
 * Runs blocks of messages one on another and forgets them. Where it is not validating, base fees are 0 unless
 * given, and nonces and codes of senders do not matter. Throws SIMULATION_INVALID {reason, index} for a message
 * that no block can hold, SIMULATION_ORDER for numbers or times that do not rise, SIMULATION_TOO_LONG,
 * STATE_UNKNOWN.
 */
export type SimulateBlocks = (
  base: Payload,
  requests: readonly BlockRequest[],
  options: SimulationOptions,
) => Promise<readonly SimulatedBlock[]>

export interface SimulateBlocksDeps {
  readonly chain: Pick<Chain, 'stateAfter' | 'ancestors'>
  readonly turns: ReadingMachine
  readonly recorder: Recorder | undefined
}

interface Tip {
  readonly payload: Payload
  readonly view: StateView
  readonly hashOf: HashOf
}

/** Creates the simulator of blocks. */
export function createSimulateBlocks({
  chain,
  turns,
  recorder,
}: SimulateBlocksDeps): SimulateBlocks {
  async function runOne(machine: Machine, tip: Tip, one: SourceOptions) {
    const { request, isValidating } = one
    const plan = planOf(tip.payload, request.header, isValidating)
    const source = createSource(machine, plan, one)
    const run = await runBlock(machine, {
      environment: plan,
      withdrawals: plan.withdrawals,
      parentStateRoot: fromHex(tip.payload.header.stateRoot),
      view: tip.view,
      hashOf: tip.hashOf,
      recorder,
      source,
      simulation: { isValidating, prepare: source.prepare, watch: source.watch },
    })
    source.check()
    return { block: blockOf(plan, run, source.results), view: layerView(tip.view, run.changes) }
  }

  return (base, requests, options) =>
    turns.take(async (machine) => {
      const view = chain.stateAfter(base.blockHash)
      if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash: base.blockHash })
      const blocks: SimulatedBlock[] = []
      let tip: Tip = { payload: base, view, hashOf: chain.ancestors(base) }
      for (const request of withGaps(base.header.number, requests)) {
        const { block, view: next } = await runOne(machine, tip, { ...options, request })
        blocks.push(block)
        tip = { payload: block.payload, view: next, hashOf: hashesWith(tip.hashOf, block.payload) }
      }
      return blocks
    })
}

/** The requests with empty blocks where numbers are left out. */
function withGaps(base: number, requests: readonly BlockRequest[]): readonly BlockRequest[] {
  const all: BlockRequest[] = []
  for (const request of requests) {
    const number = request.header.number ?? base + all.length + 1
    const missing = number - (base + all.length + 1)
    if (missing < 0) throw new AppError({ code: 'SIMULATION_ORDER', what: 'number' })
    if (all.length + missing >= chainLimits.simulatedBlocksMax) {
      throw new AppError({ code: 'SIMULATION_TOO_LONG', blocksMax: chainLimits.simulatedBlocksMax })
    }
    const empty: BlockRequest = { header: {}, accounts: new Map(), calls: [] }
    all.push(...Array.from({ length: missing }, () => empty), request)
  }
  return all
}

function planOf(parent: Payload, overrides: HeaderOverrides, isValidating: boolean): Plan {
  const { header } = parent
  const timestamp = overrides.timestamp ?? header.timestamp + 1
  if (timestamp <= header.timestamp) {
    throw new AppError({ code: 'SIMULATION_ORDER', what: 'timestamp' })
  }
  return {
    number: header.number + 1,
    timestamp,
    gasLimit: overrides.gasLimit ?? header.gasLimit,
    baseFeePerGas: overrides.baseFeePerGas ?? (isValidating ? nextBaseFeePerGas(header) : 0n),
    feeRecipient: overrides.feeRecipient ?? header.feeRecipient,
    prevRandao: overrides.prevRandao ?? zeroHash,
    parentHash: parent.blockHash,
    parentBeaconBlockRoot: zeroHash,
    withdrawals: [],
  }
}

interface SourceOptions extends SimulationOptions {
  readonly request: BlockRequest
}

interface CallResult extends Pick<SimulatedCall, 'output' | 'error'> {
  readonly watcher: TransferWatcher | undefined
}

/** The messages of a block as transactions, each with the nonce that its sender has by then. */
function createSource(machine: Machine, plan: Plan, options: SourceOptions) {
  const { isValidating, withTransfers } = options
  const { calls, accounts } = options.request
  const nonces = new Map<Hex, bigint>()
  const results: CallResult[] = []
  let fault: string | undefined
  let watcher: TransferWatcher | undefined

  function watch(): TransferWatcher {
    watcher = createTransferWatcher()
    return watcher
  }

  async function prepare(): Promise<void> {
    for (const [address, override] of accounts) await overrideAccount(machine, address, override)
    for (const { from } of calls) {
      const account = await machine.state.getAccount(new Address(fromHex(from)))
      nonces.set(from, (account ?? new Account()).nonce)
    }
  }

  function next(gasLeft: bigint): DecodedTransaction | undefined {
    const call = calls[results.length]
    if (call === undefined || fault !== undefined) return undefined
    const gasLimit = call.gas ?? least(gasLeft, chainLimits.transactionGasMax)
    fault = gasFault(gasLimit, gasLeft)
    if (fault !== undefined) return undefined
    const nonce = call.nonce ?? nonces.get(call.from) ?? 0n
    nonces.set(call.from, nonce + 1n)
    const maxFeePerGas = call.gasPrice ?? (isValidating ? plan.baseFeePerGas : 0n)
    return decodedOf(machine, call, { nonce, gasLimit, maxFeePerGas })
  }

  function accepted({ execResult }: EVMResult): void {
    const { returnValue: output, exceptionError } = execResult
    results.push({ output, error: exceptionError?.error, watcher })
  }

  function check(): void {
    if (fault === undefined) return
    const index = results.length
    throw new AppError({ code: 'SIMULATION_INVALID', reason: fault, index, block: plan.number })
  }

  const refused = (reason: string) => void (fault = reason)
  const source: TransactionSource = { next, accepted, refused }
  return { ...source, prepare, results, check, watch: withTransfers ? watch : undefined }
}

function gasFault(gasLimit: bigint, gasLeft: bigint): string | undefined {
  if (gasLimit > gasLeft) return 'GAS_ABOVE_BLOCK'
  return gasLimit > chainLimits.transactionGasMax ? 'GAS_ABOVE_CAP' : undefined
}

function decodedOf(
  { common, crypto }: Machine,
  call: CallRequest,
  fields: { nonce: bigint; gasLimit: bigint; maxFeePerGas: bigint },
): DecodedTransaction {
  const tx = unsigned(call, common, fields)
  const raw = tx.serialize()
  const sender = new Address(fromHex(call.from))
  return { tx, raw, hash: toHex(crypto.keccak256(raw)), sender }
}

function blockOf(plan: Plan, run: BlockRun, results: readonly CallResult[]): SimulatedBlock {
  const calls = results.map(({ output, error, watcher }, i): SimulatedCall => {
    const decoded = run.transactions[i] as DecodedTransaction
    const receipt = run.receipts[i] as Receipt
    const logs = watcher?.logsWith(receipt.logs) ?? receipt.logs
    return { decoded, receipt, logs, output, error }
  })
  return { payload: payloadOf(plan, run), calls }
}

function hashesWith(hashOf: HashOf, { header, blockHash }: Payload): HashOf {
  return (number) => (number === header.number ? fromHex(blockHash) : hashOf(number))
}
