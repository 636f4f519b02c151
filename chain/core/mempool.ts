import type { Hex } from '#base/hex.ts'
import { tipPerGas } from './fee.ts'
import { type Heap, createHeap } from './heap.ts'
import { chainLimits } from './limits.ts'

/** A transaction that waits, reduced to what ordering and limits need. */
export interface PoolTransaction {
  readonly hash: Hex
  readonly sender: Hex
  readonly nonce: number
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly gasLimit: bigint
  readonly valueWei: bigint
  readonly raw: Uint8Array
}

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

interface Queue {
  stateNonce: number
  readonly byNonce: Map<number, PoolTransaction>
}

export type MempoolLimits = Pick<
  typeof chainLimits,
  'poolTransactionsMax' | 'poolBytesMax' | 'poolSenderTransactionsMax'
>

/**
 * Transactions that wait for a block. Replacing one takes 10 % more of both fees; when full, the cheapest
 * sender's last transaction gives way to a dearer one. Blocks take the best tip first.
 */
export function createMempool(
  limits: {
    readonly [name in keyof MempoolLimits]: number
  } = chainLimits,
): Mempool {
  const queues = new Map<Hex, Queue>()
  const byHash = new Map<Hex, PoolTransaction>()
  const cheapest = createCheapest(byHash)
  let sizeBytes = 0

  function insert(transaction: PoolTransaction, queue: Queue): void {
    queue.byNonce.set(transaction.nonce, transaction)
    queues.set(transaction.sender, queue)
    byHash.set(transaction.hash, transaction)
    cheapest.push(transaction)
    sizeBytes += transaction.raw.length
  }

  function remove(transaction: PoolTransaction): void {
    const queue = queues.get(transaction.sender)
    queue?.byNonce.delete(transaction.nonce)
    if (queue?.byNonce.size === 0) queues.delete(transaction.sender)
    byHash.delete(transaction.hash)
    sizeBytes -= transaction.raw.length
  }

  function add(transaction: PoolTransaction, account: PoolAccount): AddOutcome {
    if (byHash.has(transaction.hash)) return { kind: 'known' }
    const queue = queues.get(transaction.sender) ?? {
      stateNonce: account.nonce,
      byNonce: new Map(),
    }
    queue.stateNonce = Math.max(queue.stateNonce, account.nonce)
    const code = rejection(transaction, account, queue)
    if (code !== undefined) return { kind: 'rejected', code }
    const replaced = queue.byNonce.get(transaction.nonce)
    const removed = replaced === undefined ? makeRoom(transaction) : [replaced]
    if (removed === undefined) return { kind: 'rejected', code: 'POOL_FULL' }
    for (const old of removed) remove(old)
    insert(transaction, queues.get(transaction.sender) ?? queue)
    return { kind: 'added', removed }
  }

  function rejection(
    transaction: PoolTransaction,
    account: PoolAccount,
    queue: Queue,
  ): RejectCode | undefined {
    if (transaction.nonce < queue.stateNonce) return 'NONCE_TOO_LOW'
    if (transaction.nonce >= queue.stateNonce + limits.poolSenderTransactionsMax) {
      return 'NONCE_TOO_HIGH'
    }
    if (costWei(transaction) > account.balanceWei) return 'INSUFFICIENT_FUNDS'
    const old = queue.byNonce.get(transaction.nonce)
    if (old === undefined) {
      return queue.byNonce.size >= limits.poolSenderTransactionsMax ? 'SENDER_FULL' : undefined
    }
    return outbids(transaction, old) ? undefined : 'REPLACEMENT_UNDERPRICED'
  }

  /** Those that must go for the newcomer, or undefined where it is not worth more than they are. */
  function makeRoom(newcomer: PoolTransaction): PoolTransaction[] | undefined {
    const removed: PoolTransaction[] = []
    let count = byHash.size + 1
    let bytes = sizeBytes + newcomer.raw.length
    while (count > limits.poolTransactionsMax || bytes > limits.poolBytesMax) {
      const worst = cheapest.peek(removed)
      if (worst === undefined || !isCheaper(worst, newcomer)) return undefined
      const victim = lastOf(worst.sender, removed)
      if (victim.sender === newcomer.sender && victim.nonce < newcomer.nonce) return undefined
      removed.push(victim)
      count -= 1
      bytes -= victim.raw.length
    }
    return removed
  }

  function lastOf(sender: Hex, gone: readonly PoolTransaction[]): PoolTransaction {
    let last: PoolTransaction | undefined
    for (const transaction of queues.get(sender)?.byNonce.values() ?? []) {
      if (gone.includes(transaction)) continue
      if (last === undefined || transaction.nonce > last.nonce) last = transaction
    }
    return last as PoolTransaction
  }

  function select(baseFeePerGas: bigint): Selection {
    const heads = createHeap<PoolTransaction>((a, b) => isDearer(a, b, baseFeePerGas))
    const offer = (candidate: PoolTransaction | undefined) => {
      if (candidate !== undefined && candidate.maxFeePerGas >= baseFeePerGas) heads.push(candidate)
    }
    for (const queue of queues.values()) offer(queue.byNonce.get(queue.stateNonce))
    let last: PoolTransaction | undefined
    return {
      next: () => (last = heads.pop()),
      accept() {
        if (last !== undefined) offer(queues.get(last.sender)?.byNonce.get(last.nonce + 1))
      },
    }
  }

  function settle(accounts: ReadonlyMap<Hex, PoolAccount>): readonly PoolTransaction[] {
    const removed: PoolTransaction[] = []
    for (const [sender, account] of accounts) {
      const queue = queues.get(sender)
      if (queue === undefined) continue
      queue.stateNonce = account.nonce
      for (const transaction of queue.byNonce.values()) {
        const isPast = transaction.nonce < account.nonce
        if (isPast || costWei(transaction) > account.balanceWei) removed.push(transaction)
      }
    }
    for (const transaction of removed) remove(transaction)
    return removed
  }

  function hasExecutable(baseFeePerGas: bigint): boolean {
    for (const queue of queues.values()) {
      const head = queue.byNonce.get(queue.stateNonce)
      if (head !== undefined && head.maxFeePerGas >= baseFeePerGas) return true
    }
    return false
  }

  function nextNonce(sender: Hex, stateNonce: number): number {
    const queue = queues.get(sender)
    let nonce = stateNonce
    while (queue?.byNonce.has(nonce) === true) nonce += 1
    return nonce
  }

  return {
    add,
    select,
    settle,
    hasExecutable,
    get: (hash) => byHash.get(hash),
    nextNonce,
    drop(hash) {
      const transaction = byHash.get(hash)
      if (transaction !== undefined) remove(transaction)
    },
    size: () => byHash.size,
    sizeBytes: () => sizeBytes,
  }
}

/** The most a transaction can take from its sender. */
export function costWei(transaction: PoolTransaction): bigint {
  return transaction.gasLimit * transaction.maxFeePerGas + transaction.valueWei
}

/** All transactions, cheapest first. Removed ones stay until they surface: removal costs nothing. */
function createCheapest(byHash: ReadonlyMap<Hex, PoolTransaction>) {
  let heap: Heap<PoolTransaction> = createHeap(isCheaper)

  function push(transaction: PoolTransaction): void {
    if (heap.size() > 2 * byHash.size + 64) {
      heap = createHeap(isCheaper)
      for (const waiting of byHash.values()) if (waiting !== transaction) heap.push(waiting)
    }
    heap.push(transaction)
  }

  /** The cheapest that still waits and is not in `except`. */
  function peek(except: readonly PoolTransaction[]): PoolTransaction | undefined {
    const aside: PoolTransaction[] = []
    let top = heap.peek()
    while (top !== undefined && (byHash.get(top.hash) !== top || except.includes(top))) {
      heap.pop()
      if (byHash.get(top.hash) === top) aside.push(top)
      top = heap.peek()
    }
    for (const transaction of aside) heap.push(transaction)
    return top
  }

  return { push, peek }
}

function isCheaper(a: PoolTransaction, b: PoolTransaction): boolean {
  return a.maxPriorityFeePerGas === b.maxPriorityFeePerGas
    ? a.maxFeePerGas < b.maxFeePerGas
    : a.maxPriorityFeePerGas < b.maxPriorityFeePerGas
}

function isDearer(a: PoolTransaction, b: PoolTransaction, baseFeePerGas: bigint): boolean {
  return tipPerGas(a, baseFeePerGas) > tipPerGas(b, baseFeePerGas)
}

function outbids(newcomer: PoolTransaction, old: PoolTransaction): boolean {
  return (
    newcomer.maxFeePerGas * 10n >= old.maxFeePerGas * 11n &&
    newcomer.maxPriorityFeePerGas * 10n >= old.maxPriorityFeePerGas * 11n
  )
}
