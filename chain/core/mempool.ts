import type { Hex } from '#base/hex.ts'
import { tipPerGas } from './fee.ts'
import { createHeap } from './heap.ts'
import { chainLimits } from './limits.ts'
import {
  type MempoolLimits,
  type PoolBook,
  type PoolTransaction,
  type Queue,
  createPoolBook,
} from './pool-book.ts'

/** The sender's account in the head's state. */
export interface PoolAccount {
  readonly nonce: number
  readonly balanceWei: bigint
}

export type AddOutcome =
  | { readonly kind: 'added'; readonly removed: readonly PoolTransaction[] }
  | { readonly kind: 'known' }
  | { readonly kind: 'rejected'; readonly code: RejectCode }

export type RejectCode =
  | 'NONCE_TOO_LOW'
  | 'NONCE_TOO_HIGH'
  | 'INSUFFICIENT_FUNDS'
  | 'REPLACEMENT_UNDERPRICED'
  | 'SENDER_FULL'
  | 'POOL_FULL'

/** The pool's best transactions, one at a time: take, then say whether it went in. */
export interface Selection {
  next(): PoolTransaction | undefined
  /** The last one went in: the sender's next may follow. */
  accept(): void
}

export interface Mempool {
  /** Adds a transaction or says why not. `removed` are those it replaced or pushed out. */
  add(transaction: PoolTransaction, account: PoolAccount): AddOutcome
  /** Executable transactions, best tip first, each sender's in nonce order. */
  select(baseFeePerGas: bigint): Selection
  /** Takes over the senders' new accounts after a block; gives what can no longer run. */
  settle(accounts: ReadonlyMap<Hex, PoolAccount>): readonly PoolTransaction[]
  hasExecutable(baseFeePerGas: bigint): boolean
  get(hash: Hex): PoolTransaction | undefined
  /** The nonce that follows the sender's waiting transactions. */
  nextNonce(sender: Hex, stateNonce: number): number
  /** Takes a transaction out that no block can hold. */
  drop(hash: Hex): void
  size(): number
  sizeBytes(): number
}

/**
 * Transactions that wait for a block. Replacing one takes 10 % more of both fees; when full, the cheapest
 * sender's last transaction gives way to a dearer one. Blocks take the best tip first.
 */
export function createMempool(limits: MempoolLimits = chainLimits): Mempool {
  const book = createPoolBook(limits)

  function add(transaction: PoolTransaction, account: PoolAccount): AddOutcome {
    if (book.get(transaction.hash) !== undefined) return { kind: 'known' }
    const queue = book.queue(transaction.sender, account.nonce)
    const code = rejection({ transaction, account }, queue, limits)
    if (code !== undefined) return { kind: 'rejected', code }
    const replaced = queue.byNonce.get(transaction.nonce)
    const removed = replaced === undefined ? book.roomFor(transaction) : [replaced]
    if (removed === undefined) return { kind: 'rejected', code: 'POOL_FULL' }
    for (const old of removed) book.remove(old)
    book.insert(transaction, queue)
    return { kind: 'added', removed }
  }

  function settle(accounts: ReadonlyMap<Hex, PoolAccount>): readonly PoolTransaction[] {
    const removed: PoolTransaction[] = []
    for (const [sender, account] of accounts) {
      const queue = book.queues.get(sender)
      if (queue === undefined) continue
      queue.stateNonce = account.nonce
      for (const transaction of queue.byNonce.values()) {
        const isPast = transaction.nonce < account.nonce
        if (isPast || costWei(transaction) > account.balanceWei) removed.push(transaction)
      }
    }
    for (const transaction of removed) book.remove(transaction)
    return removed
  }

  function hasExecutable(baseFeePerGas: bigint): boolean {
    for (const queue of book.queues.values()) {
      const head = queue.byNonce.get(queue.stateNonce)
      if (head !== undefined && head.maxFeePerGas >= baseFeePerGas) return true
    }
    return false
  }

  function nextNonce(sender: Hex, stateNonce: number): number {
    const queue = book.queues.get(sender)
    let nonce = stateNonce
    while (queue?.byNonce.has(nonce) === true) nonce += 1
    return nonce
  }

  function drop(hash: Hex): void {
    const transaction = book.get(hash)
    if (transaction !== undefined) book.remove(transaction)
  }

  return {
    add,
    select: (baseFeePerGas) => selectFrom(book, baseFeePerGas),
    settle,
    hasExecutable,
    get: (hash) => book.get(hash),
    nextNonce,
    drop,
    size: () => book.size(),
    sizeBytes: () => book.sizeBytes(),
  }
}

/** The most a transaction can take from its sender. */
export function costWei(transaction: PoolTransaction): bigint {
  return transaction.gasLimit * transaction.maxFeePerGas + transaction.valueWei
}

function rejection(
  { transaction, account }: { transaction: PoolTransaction; account: PoolAccount },
  queue: Queue,
  { poolSenderTransactionsMax }: MempoolLimits,
): RejectCode | undefined {
  if (transaction.nonce < queue.stateNonce) return 'NONCE_TOO_LOW'
  if (transaction.nonce >= queue.stateNonce + poolSenderTransactionsMax) return 'NONCE_TOO_HIGH'
  if (costWei(transaction) > account.balanceWei) return 'INSUFFICIENT_FUNDS'
  const old = queue.byNonce.get(transaction.nonce)
  if (old === undefined) {
    return queue.byNonce.size >= poolSenderTransactionsMax ? 'SENDER_FULL' : undefined
  }
  return outbids(transaction, old) ? undefined : 'REPLACEMENT_UNDERPRICED'
}

function outbids(newcomer: PoolTransaction, old: PoolTransaction): boolean {
  return (
    newcomer.maxFeePerGas * 10n >= old.maxFeePerGas * 11n &&
    newcomer.maxPriorityFeePerGas * 10n >= old.maxPriorityFeePerGas * 11n
  )
}

function selectFrom(book: PoolBook, baseFeePerGas: bigint): Selection {
  const isDearer = (a: PoolTransaction, b: PoolTransaction) =>
    tipPerGas(a, baseFeePerGas) > tipPerGas(b, baseFeePerGas)
  const heads = createHeap<PoolTransaction>(isDearer)
  const offer = (candidate: PoolTransaction | undefined) => {
    if (candidate !== undefined && candidate.maxFeePerGas >= baseFeePerGas) heads.push(candidate)
  }
  for (const queue of book.queues.values()) offer(queue.byNonce.get(queue.stateNonce))
  let last: PoolTransaction | undefined
  return {
    next() {
      last = heads.pop()
      return last
    },
    accept() {
      if (last !== undefined) offer(book.queues.get(last.sender)?.byNonce.get(last.nonce + 1))
    },
  }
}
