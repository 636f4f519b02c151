import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { type Header, headerHash, zeroHash } from '#chain/core/header.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Selection } from '#chain/core/mempool.ts'
import type { Payload, Withdrawal } from '#chain/core/payload.ts'
import type { BlockEnvironment } from './machine.ts'
import type { BlockRun, TransactionSource } from './run-block.ts'
import type { Decode, DecodedTransaction } from './transaction.ts'

/** Where the engine takes transactions from when it builds a block. */
export interface TransactionPool {
  select(baseFeePerGas: bigint): Selection
  /** Forgets a transaction that no block can hold. */
  drop(hash: Hex): void
}

/** A source for checking a block: its transactions in order, none of which may be refused. */
export interface ListSource extends TransactionSource {
  fault(): string | undefined
}

/** The transactions of a given block. */
export function listSource(raws: readonly Uint8Array[], decode: Decode): ListSource {
  let index = 0
  let fault: string | undefined
  return {
    next(gasLeft) {
      const raw = raws[index]
      if (raw === undefined || fault !== undefined) return undefined
      try {
        const decoded = decode(raw)
        if (decoded.tx.gasLimit <= gasLeft) return decoded
        fault = `transaction ${index} asks for more gas than the block has left`
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        fault = `transaction ${index}: ${error.message}`
      }
      return undefined
    },
    accepted: () => void (index += 1),
    refused: (code) => void (fault = `transaction ${index}: ${code}`),
    fault: () => fault,
  }
}

export interface PoolSourceOptions {
  readonly baseFeePerGas: bigint
  readonly decode: Decode
  /** True once no further transaction may begin. */
  readonly isOver: () => boolean
}

/** The pool's best transactions, as long as they fit the block and its time. */
export function poolSource(
  pool: TransactionPool,
  { baseFeePerGas, decode, isOver }: PoolSourceOptions,
): TransactionSource {
  const selection = pool.select(baseFeePerGas)
  let count = 0
  let sizeBytes = 0
  let current: DecodedTransaction | undefined
  return {
    next(gasLeft) {
      while (count < chainLimits.blockTransactionsMax && !isOver()) {
        const candidate = selection.next()
        if (candidate === undefined) return undefined
        const isFitting =
          candidate.gasLimit <= gasLeft &&
          sizeBytes + candidate.raw.length <= chainLimits.blockBytesMax
        if (isFitting) return (current = decode(candidate.raw))
      }
      return undefined
    },
    accepted() {
      count += 1
      sizeBytes += current?.raw.length ?? 0
      selection.accept()
    },
    /**
     * The sender's later ones are not offered, since each follows the one before; but one that an unfinalised
     * ancestor holds still waits in the pool, and the next may follow it.
     */
    refused(fault) {
      if (fault === 'NONCE_TOO_LOW') selection.accept()
      if (fault === 'EXECUTION_FAILED' && current !== undefined) pool.drop(current.hash)
    },
  }
}

/** Why a header cannot follow its parent; undefined where it can. Roots are checked by running it. */
export function headerFault(
  parent: Header,
  payload: Payload,
  expected: Pick<Header, 'baseFeePerGas' | 'gasLimit'>,
): string | undefined {
  const { header } = payload
  if (header.number !== parent.number + 1) return 'number does not follow'
  if (header.timestamp <= parent.timestamp) return 'timestamp does not rise'
  if (header.baseFeePerGas !== expected.baseFeePerGas) return 'base fee is wrong'
  if (header.gasLimit !== expected.gasLimit) return 'gas limit is wrong'
  if (header.extraData.length !== 66) return 'extraData is not 32 bytes'
  return undefined
}

/** Where a header says something else than running the block gave; undefined where it does not. */
export function outcomeFault(header: Header, run: BlockRun): string | undefined {
  const found = outcomeOf(run)
  for (const name of Object.keys(found) as (keyof typeof found)[]) {
    if (header[name] !== found[name])
      return `${name} is ${header[name]}, running gives ${found[name]}`
  }
  return undefined
}

/** What is known of a block before it is run. */
export type Plan = BlockEnvironment & { readonly withdrawals: readonly Withdrawal[] }

/** The block that running a plan gave, with an empty `extraData`. */
export function payloadOf(plan: Plan, outcome: BlockRun): Payload {
  const { withdrawals, ...environment } = plan
  const header: Header = { ...environment, ...outcomeOf(outcome), extraData: zeroHash }
  return {
    blockHash: headerHash(header),
    header,
    transactions: outcome.transactions.map(({ raw }) => raw),
    withdrawals,
  }
}

/** The header fields that follow from running a block. */
export function outcomeOf(run: BlockRun) {
  return {
    stateRoot: toHex(run.stateRoot),
    transactionsRoot: toHex(run.transactionsRoot),
    receiptsRoot: toHex(run.receiptsRoot),
    logsBloom: toHex(run.logsBloom),
    gasUsed: run.gasUsed,
    withdrawalsRoot: toHex(run.withdrawalsRoot),
    requestsHash: toHex(run.requestsHash),
  }
}
