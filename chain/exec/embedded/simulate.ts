import type { Common } from '@ethereumjs/common'
import type { EVMResult } from '@ethereumjs/evm'
import { type TypedTransaction, createEOACode7702Tx, createFeeMarket1559Tx } from '@ethereumjs/tx'
import { Account, Address } from '@ethereumjs/util'
import { least, most } from '#base/bigint.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { Header } from '#chain/core/header.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Payload } from '#chain/core/payload.ts'
import { applyAuthorizations } from './authorization.ts'
import type { Chain } from './chain.ts'
import type { EvmBlock, Machine } from './machine.ts'
import { credit, leastGas, warm } from './run-transaction.ts'
import type { ReadingMachine } from './reading-machine.ts'

export interface AccessListEntry {
  readonly address: Hex
  readonly storageKeys: readonly Hex[]
}

export interface Authorization {
  readonly chainId: Hex
  readonly address: Hex
  readonly nonce: Hex
  readonly yParity: Hex
  readonly r: Hex
  readonly s: Hex
}

/** A message that no one signed. */
export interface CallRequest {
  readonly from: Hex
  readonly to?: Hex | undefined
  readonly gas?: bigint | undefined
  readonly gasPrice?: bigint | undefined
  readonly maxPriorityFeePerGas?: bigint | undefined
  readonly nonce?: bigint | undefined
  readonly valueWei?: bigint | undefined
  readonly input?: Hex | undefined
  readonly accessList?: readonly AccessListEntry[] | undefined
  readonly authorizationList?: readonly Authorization[] | undefined
}

/** What an account is taken to be for one call. */
export interface AccountOverride {
  readonly balanceWei?: bigint | undefined
  readonly nonce?: bigint | undefined
  readonly code?: Hex | undefined
  /** Words set beside what the account stores. */
  readonly words?: Readonly<Record<Hex, Hex>> | undefined
}

export interface CallContext {
  /** The block after which the call runs. */
  readonly block: Payload
  /** The block that code sees; by default the same. */
  readonly header?: Header | undefined
  readonly overrides?: ReadonlyMap<Hex, AccountOverride> | undefined
}

export type CallOutcome =
  | { readonly kind: 'done'; readonly output: Uint8Array; readonly gasUsed: bigint }
  | { readonly kind: 'reverted'; readonly output: Uint8Array; readonly gasUsed: bigint }
  | { readonly kind: 'failed'; readonly reason: string; readonly gasUsed: bigint }

/** Runs messages on a state and forgets what they changed. */
export interface Simulator {
  call(request: CallRequest, context: CallContext): Promise<CallOutcome>
  /** The least gas limit, within 1.5 %, with which the message does not fail. */
  estimateGas(request: CallRequest, context: CallContext): Promise<CallOutcome>
  accessList(
    request: CallRequest,
    context: CallContext,
  ): Promise<{ readonly entries: readonly AccessListEntry[]; readonly outcome: CallOutcome }>
}

/** Creates a simulator. Throws BUSY when too many calls wait, STATE_UNKNOWN. */
export function createSimulator(
  chain: Pick<Chain, 'stateAfter' | 'ancestors'>,
  turns: ReadingMachine,
): Simulator {
  async function run(
    machine: Machine,
    message: Message,
    context: CallContext,
  ): Promise<{ readonly outcome: CallOutcome; readonly touched: readonly AccessListEntry[] }> {
    const { block, overrides } = context
    const view = chain.stateAfter(block.blockHash)
    if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash: block.blockHash })
    const evmBlock = machine.enter(view, context.header ?? block.header, chain.ancestors(block))
    for (const [address, override] of overrides ?? [])
      await overrideAccount(machine, address, override)
    return runMessage(machine, evmBlock, message)
  }

  const runGas = async (machine: Machine, request: CallRequest, context: CallContext) => {
    const gasLimit = request.gas ?? context.block.header.gasLimit
    const message = { request, gasLimit: least(gasLimit, context.block.header.gasLimit) }
    return run(machine, message, context)
  }

  return {
    call: (request, context) =>
      turns.take(async (machine) => (await runGas(machine, request, context)).outcome),
    estimateGas: (request, context) =>
      turns.take((machine) =>
        bisectGas(context, request, async (gasLimit) => {
          return (await run(machine, { request, gasLimit }, context)).outcome
        }),
      ),
    accessList: (request, context) =>
      turns.take(async (machine) => {
        const first = await runGas(machine, request, context)
        const listed = { ...request, accessList: first.touched }
        const second = await runGas(machine, listed, context)
        return { entries: second.touched, outcome: second.outcome }
      }),
  }
}

interface Message {
  readonly request: CallRequest
  readonly gasLimit: bigint
}

async function runMessage(machine: Machine, block: EvmBlock, { request, gasLimit }: Message) {
  const { evm, state, common } = machine
  const tx = unsigned(request, common)
  const sender = new Address(fromHex(request.from))
  const floor = leastGas(tx, sender)
  if (gasLimit < floor) {
    const reason = `intrinsic gas too low: have ${gasLimit}, want ${floor}`
    return { outcome: failure(reason, gasLimit), touched: [] }
  }
  const gasPrice = request.gasPrice ?? 0n
  const balance = (await state.getAccount(sender))?.balance ?? 0n
  if (balance < gasPrice * gasLimit + (request.valueWei ?? 0n)) {
    return { outcome: failure('insufficient funds for gas * price + value', 0n), touched: [] }
  }
  evm.journal.startReportingAccessList()
  warm(machine, block, tx, sender)
  if (gasPrice > 0n) await credit(machine, sender, -(gasPrice * gasLimit))
  if (tx.type === 4) await applyAuthorizations(machine, tx)
  const result = await evm.runCall({
    block,
    gasPrice,
    caller: sender,
    gasLimit: gasLimit - tx.getIntrinsicGas(),
    to: tx.to,
    value: tx.value,
    data: tx.data,
  })
  const touched = touchedEntries(machine, [request.from, request.to, block])
  evm.journal.cleanJournal()
  return { outcome: outcomeOf(result, tx.getIntrinsicGas(), floor), touched }
}

function outcomeOf({ execResult }: EVMResult, intrinsic: bigint, floor: bigint): CallOutcome {
  const spent = intrinsic + execResult.executionGasUsed
  const refund = least(execResult.gasRefund ?? 0n, spent / 5n)
  const gasUsed = most(spent - refund, floor)
  const output = execResult.returnValue
  const error = execResult.exceptionError?.error
  if (error === undefined) return { kind: 'done', output, gasUsed }
  return error === 'revert' ? { kind: 'reverted', output, gasUsed } : failure(error, gasUsed)
}

function failure(reason: string, gasUsed: bigint): CallOutcome {
  return { kind: 'failed', reason, gasUsed }
}

/** What a transaction says beside its message. */
export interface UnsignedFields {
  readonly nonce: bigint
  readonly gasLimit: bigint
  readonly maxFeePerGas: bigint
}

/** The message as a transaction that nobody signed. */
export function unsigned(
  request: CallRequest,
  common: Common,
  more: UnsignedFields = { nonce: 0n, gasLimit: 21_000n, maxFeePerGas: 0n },
): TypedTransaction {
  const tipMax = request.maxPriorityFeePerGas ?? more.maxFeePerGas
  const fields = {
    to: request.to,
    value: request.valueWei ?? 0n,
    data: request.input ?? '0x',
    ...more,
    // A call may name a tip and no fee: the tip cannot be above it.
    maxPriorityFeePerGas: tipMax < more.maxFeePerGas ? tipMax : more.maxFeePerGas,
    accessList: (request.accessList ?? []).map(({ address, storageKeys }) => ({
      address,
      storageKeys: [...storageKeys],
    })),
  }
  if (request.authorizationList === undefined || request.to === undefined) {
    return createFeeMarket1559Tx(fields, { common, freeze: false })
  }
  const authorizationList = [...request.authorizationList]
  return createEOACode7702Tx({ ...fields, to: request.to, authorizationList }, { common })
}

/** Takes an account to be what the override says. */
export async function overrideAccount(
  { state }: Machine,
  text: Hex,
  override: AccountOverride,
): Promise<void> {
  const address = new Address(fromHex(text))
  const account = (await state.getAccount(address)) ?? new Account()
  account.balance = override.balanceWei ?? account.balance
  account.nonce = override.nonce ?? account.nonce
  await state.putAccount(address, account)
  if (override.code !== undefined) await state.putCode(address, fromHex(override.code))
  for (const [slot, word] of Object.entries(override.words ?? {})) {
    await state.putStorage(address, fromHex(slot), fromHex(word))
  }
  state.originalStorageCache.clear()
}

function touchedEntries(
  { evm }: Machine,
  [from, to, block]: readonly [Hex, Hex | undefined, EvmBlock],
): AccessListEntry[] {
  const entries: AccessListEntry[] = []
  const own = new Set<string>([from, to ?? '', block.header.coinbase.toString()])
  for (const [address, slots] of evm.journal.accessList ?? []) {
    const isPlain = own.has(`0x${address}`) || evm.precompiles.has(address)
    if (isPlain && slots.size === 0) continue
    const storageKeys = [...slots].map((slot): Hex => `0x${slot}`)
    entries.push({ address: `0x${address}`, storageKeys })
  }
  return entries
}

/** Finds the least gas limit by bisection between what a run used and the highest limit allowed. */
async function bisectGas(
  { block }: CallContext,
  request: CallRequest,
  run: (gasLimit: bigint) => Promise<CallOutcome>,
): Promise<CallOutcome> {
  let high = least(request.gas ?? block.header.gasLimit, chainLimits.transactionGasMax)
  const first = await run(high)
  if (first.kind !== 'done') return first
  let low = first.gasUsed - 1n
  const likely = ((first.gasUsed + 2300n) * 64n) / 63n
  if (likely < high) {
    if ((await run(likely)).kind === 'done') high = likely
    else low = likely
  }
  while (low + 1n < high && (high - low) * 1000n > high * 15n) {
    const middle = (low + high) / 2n
    if ((await run(middle)).kind === 'done') high = middle
    else low = middle
  }
  if (high !== first.gasUsed && (await run(first.gasUsed)).kind === 'done') high = first.gasUsed
  return { ...first, gasUsed: high }
}
