import type { EVMResult } from '@ethereumjs/evm'
import { type TypedTransaction, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, Address, bytesToUnprefixedHex } from '@ethereumjs/util'
import { least, most } from '#base/bigint.ts'
import { fromHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import { tipPerGas } from '#chain/core/fee.ts'
import { chainLimits } from '#chain/core/limits.ts'
import { applyAuthorizations, isDelegation } from './authorization.ts'
import type { EvmBlock, Machine } from './machine.ts'
import { keccakEmpty } from './roots.ts'
import { type DecodedTransaction, feesOf } from './transaction.ts'

export type TransactionFault =
  | 'NONCE_TOO_LOW'
  | 'NONCE_TOO_HIGH'
  | 'INSUFFICIENT_FUNDS'
  | 'FEE_BELOW_BASE'
  | 'GAS_BELOW_INTRINSIC'
  | 'GAS_ABOVE_CAP'
  | 'SENDER_HAS_CODE'
  | 'EXECUTION_FAILED'

export type TransactionOutcome =
  | { readonly kind: 'ran'; readonly gasUsed: bigint; readonly result: EVMResult }
  | { readonly kind: 'refused'; readonly fault: TransactionFault }

const maxRefundQuotient = 5n // EIP-3529

/**
 * Runs a transaction on the machine's state, or refuses it and leaves the state as it was. A simulated one
 * needs neither the right nonce nor a sender without code.
 */
export async function runTransaction(
  machine: Machine,
  block: EvmBlock,
  decoded: DecodedTransaction,
  options: { readonly isSimulated?: boolean | undefined } = {},
): Promise<TransactionOutcome> {
  const fault = await findFault(machine, block, decoded, options.isSimulated === true)
  if (fault !== undefined) return { kind: 'refused', fault }
  const { evm, state } = machine
  await evm.journal.checkpoint()
  try {
    const outcome = await execute(machine, block, decoded)
    await evm.journal.commit()
    await evm.journal.cleanup()
    return outcome
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('assertion failed')) throw error
    // The interpreter gave up, which is no outcome of the code: such a transaction never enters a block.
    await evm.journal.revert()
    evm.journal.cleanJournal()
    evm.transientStorage.clear()
    return { kind: 'refused', fault: 'EXECUTION_FAILED' }
  } finally {
    state.originalStorageCache.clear()
  }
}

interface StartingGas {
  /** What is paid before any code runs. */
  readonly intrinsic: bigint
  /** What is paid at least in the end (EIP-7623). */
  readonly floor: bigint
}

const startingGas = new WeakMap<TypedTransaction, StartingGas>()

/** Counts a transaction's bytes once: admission, the check and the run all ask. */
function startingGasOf(tx: TypedTransaction, sender: Address): StartingGas {
  let gas = startingGas.get(tx)
  if (gas === undefined) {
    gas = { intrinsic: tx.getIntrinsicGas(), floor: getCalldataFloorGas(tx, sender) }
    startingGas.set(tx, gas)
  }
  return gas
}

/** The least gas a transaction must bring: what it costs before any code runs. */
export function leastGas(tx: TypedTransaction, sender: Address): bigint {
  const { intrinsic, floor } = startingGasOf(tx, sender)
  return most(intrinsic, floor)
}

async function findFault(
  { state }: Machine,
  block: EvmBlock,
  { tx, sender }: DecodedTransaction,
  isSimulated: boolean,
): Promise<TransactionFault | undefined> {
  if (tx.gasLimit > chainLimits.transactionGasMax) return 'GAS_ABOVE_CAP'
  if (tx.gasLimit < leastGas(tx, sender)) return 'GAS_BELOW_INTRINSIC'
  const { maxFeePerGas } = feesOf(tx)
  if (maxFeePerGas < (block.header.baseFeePerGas ?? 0n)) return 'FEE_BELOW_BASE'
  const account = (await state.getAccount(sender)) ?? new Account()
  if (!isSimulated && tx.nonce !== account.nonce) {
    return tx.nonce < account.nonce ? 'NONCE_TOO_LOW' : 'NONCE_TOO_HIGH'
  }
  if (account.balance < tx.value + tx.gasLimit * maxFeePerGas) return 'INSUFFICIENT_FUNDS'
  if (isSimulated) return undefined
  const hasCode = toKey(account.codeHash) !== keccakEmpty
  return hasCode && !isDelegation(await state.getCode(sender)) ? 'SENDER_HAS_CODE' : undefined
}

async function execute(
  machine: Machine,
  block: EvmBlock,
  { tx, sender }: DecodedTransaction,
): Promise<TransactionOutcome> {
  const { evm, state } = machine
  const baseFeePerGas = block.header.baseFeePerGas ?? 0n
  const tip = tipPerGas(feesOf(tx), baseFeePerGas)
  const gasPrice = baseFeePerGas + tip
  warm(machine, block, tx, sender)
  const payer = (await state.getAccount(sender)) ?? new Account()
  payer.balance -= tx.gasLimit * gasPrice
  payer.nonce += 1n
  await evm.journal.putAccount(sender, payer)
  const authorizationRefund = tx.type === 4 ? await applyAuthorizations(machine, tx) : 0n
  const { intrinsic, floor } = startingGasOf(tx, sender)
  const result = await evm.runCall({
    block,
    gasPrice,
    caller: sender,
    gasLimit: tx.gasLimit - intrinsic,
    to: tx.to,
    value: tx.value,
    data: tx.data,
    skipNonceIncrement: true,
  })
  const spent = intrinsic + result.execResult.executionGasUsed
  const refund = authorizationRefund + (result.execResult.gasRefund ?? 0n)
  const gasUsed = most(spent - least(refund, spent / maxRefundQuotient), floor)
  await credit(machine, sender, (tx.gasLimit - gasUsed) * gasPrice)
  await credit(machine, block.header.coinbase, gasUsed * tip)
  await removeDestroyed(machine, result)
  return { kind: 'ran', gasUsed, result }
}

/** Marks what a transaction may touch at the low price (EIP-2929, EIP-2930, EIP-3651). */
export function warm(
  { evm }: Machine,
  block: EvmBlock,
  tx: Pick<TypedTransaction, 'to'> & { readonly accessList?: unknown },
  sender: Address,
): void {
  const { journal } = evm
  for (const precompile of evm.precompiles.keys()) journal.addAlwaysWarmAddress(precompile)
  journal.addAlwaysWarmAddress(bytesToUnprefixedHex(sender.bytes))
  journal.addAlwaysWarmAddress(bytesToUnprefixedHex(block.header.coinbase.bytes))
  if (tx.to !== undefined) journal.addAlwaysWarmAddress(bytesToUnprefixedHex(tx.to.bytes))
  for (const [address, slots] of (tx.accessList ?? []) as [Uint8Array, Uint8Array[]][]) {
    const text = bytesToUnprefixedHex(address)
    journal.addAlwaysWarmAddress(text, true)
    for (const slot of slots) journal.addAlwaysWarmSlot(text, bytesToUnprefixedHex(slot), true)
  }
}

/** Adds to a balance; a zero credit still touches, so that an empty account goes. */
export async function credit(machine: Machine, address: Address, wei: bigint): Promise<void> {
  const account = (await machine.state.getAccount(address)) ?? new Account()
  account.balance += wei
  await machine.evm.journal.putAccount(address, account)
}

/** Accounts destroyed in the transaction that made them (EIP-6780). */
async function removeDestroyed({ evm }: Machine, { execResult }: EVMResult): Promise<void> {
  for (const text of execResult.selfdestruct?.keys() ?? []) {
    if (execResult.createdAddresses?.has(text) === true) {
      await evm.journal.deleteAccount(new Address(fromHex(text)))
    }
  }
}
