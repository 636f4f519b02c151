import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { toKey } from '#store/key.ts'
import { nextBaseFeePerGas } from '#chain/core/fee.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Mempool, PoolAccount } from '#chain/core/mempool.ts'
import type { PoolTransaction } from '#chain/core/pool-book.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import { leastGas } from '#chain/exec/embedded/run-transaction.ts'
import {
  type Decode,
  type DecodedTransaction,
  toPoolTransaction,
} from '#chain/exec/embedded/transaction.ts'
import { type Feed, createFeed } from './feed.ts'
import type { WriteAhead } from './write-ahead.ts'

/** Takes in transactions, keeps them safe until a finalised block holds them. */
export interface Transactions {
  /** Resolves with the hash once the transaction is on the disk. Throws TRANSACTION_INVALID, REJECTED. */
  submit(raw: Uint8Array): Promise<Hex>
  /** Adds what another node told; it is on that node's disk. */
  take(raw: Uint8Array): 'added' | 'passed' | 'invalid'
  /** What was submitted here and waits, from the disk. */
  kept(): AsyncIterable<Uint8Array>
  /** Puts what was answered before a restart back into the pool. */
  restore(): Promise<void>
  /** Takes out what a finalised block holds or makes impossible. */
  settle(payload: Payload): void
  /** Whether the next block could hold one. */
  hasExecutable(): boolean
  /** The transaction while it waits. */
  waiting(hash: Hex): DecodedTransaction | undefined
  /** Told of each that goes into the pool, wherever it came from. */
  readonly added: Feed<DecodedTransaction>
  /** Told of those submitted here, once they are on the disk. */
  readonly submitted: Feed<DecodedTransaction>
}

export interface TransactionsDeps {
  readonly pool: Mempool
  readonly chain: Chain
  readonly decode: Decode
  readonly log: WriteAhead
  readonly logger: Logger
}

/** Creates the pool's service over the head's state. */
export function createTransactions(deps: TransactionsDeps): Transactions {
  const { pool, chain, decode, log, logger } = deps
  const added = createFeed<DecodedTransaction>()
  const submitted = createFeed<DecodedTransaction>()

  const { accountOf, admit } = createAdmission(deps)

  async function submit(raw: Uint8Array): Promise<Hex> {
    const decoded = decode(raw)
    const removed = admit(decoded)
    log.forget(removed.map(({ hash }) => hash))
    await log.append(decoded.hash, raw)
    added.emit(decoded)
    submitted.emit(decoded)
    return decoded.hash
  }

  function take(raw: Uint8Array): 'added' | 'passed' | 'invalid' {
    const decoded = unlessRefused(() => decode(raw))
    if (decoded === undefined) return 'invalid'
    const removed = unlessRefused(() => admit(decoded))
    if (removed === undefined) return 'passed' // by our state, which may be older or newer
    log.forget(removed.map(({ hash }) => hash))
    added.emit(decoded)
    return 'added'
  }

  async function restore(): Promise<void> {
    let count = 0
    for await (const raw of log.all()) {
      try {
        admit(decode(raw))
        count += 1
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        log.forget([decode(raw).hash]) // a block holds it, or made it impossible
      }
    }
    if (count > 0) logger.info({ count }, 'waiting transactions restored')
  }

  function settle(payload: Payload): void {
    const accounts = new Map<Hex, PoolAccount>()
    const included: Hex[] = []
    for (const raw of payload.transactions) {
      const { hash, sender } = decode(raw)
      included.push(hash)
      accounts.set(toHex(sender.bytes), accountOf(toHex(sender.bytes)))
    }
    const dropped = pool.settle(accounts)
    log.forget(included)
    log.forget(dropped.map(({ hash }) => hash))
  }

  function waiting(hash: Hex): DecodedTransaction | undefined {
    const transaction = pool.get(hash)
    return transaction === undefined ? undefined : decode(transaction.raw)
  }

  const hasExecutable = () => pool.hasExecutable(nextBaseFeePerGas(chain.head().header))

  const kept = () => log.all()

  return { submit, take, kept, restore, settle, hasExecutable, waiting, added, submitted }
}

function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof AppError) return undefined
    throw error
  }
}

/** The checks before the pool's own. */
function createAdmission({ pool, chain }: Pick<TransactionsDeps, 'pool' | 'chain'>) {
  function accountOf(sender: Hex): PoolAccount {
    const account = chain.stateAfter(chain.head().blockHash)?.account(toKey(fromHex(sender)))
    return { nonce: Number(account?.nonce ?? 0n), balanceWei: account?.balance ?? 0n }
  }

  function check({ tx, sender }: DecodedTransaction): void {
    if (tx.gasLimit > chainLimits.transactionGasMax) throw rejected('GAS_ABOVE_CAP')
    if (tx.gasLimit > chain.head().header.gasLimit) throw rejected('GAS_ABOVE_BLOCK')
    if (tx.gasLimit < leastGas(tx, sender)) throw rejected('GAS_BELOW_INTRINSIC')
  }

  /** Adds to the pool or throws why not; gives what it replaced or pushed out. */
  function admit(decoded: DecodedTransaction): readonly PoolTransaction[] {
    check(decoded)
    const transaction = toPoolTransaction(decoded)
    const outcome = pool.add(transaction, accountOf(transaction.sender))
    if (outcome.kind === 'added') return outcome.removed
    throw rejected(outcome.kind === 'known' ? 'ALREADY_KNOWN' : outcome.code)
  }

  return { accountOf, admit }
}

function rejected(reason: string): AppError {
  return new AppError({ code: 'TRANSACTION_REJECTED', reason })
}
