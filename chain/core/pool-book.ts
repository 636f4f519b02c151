import type { Hex } from '#base/hex.ts'
import { type Heap, createHeap } from './heap.ts'

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

export type MempoolLimits = {
  readonly [name in 'poolTransactionsMax' | 'poolBytesMax' | 'poolSenderTransactionsMax']: number
}

/** A sender's transactions by nonce. */
export interface Queue {
  stateNonce: number
  readonly byNonce: Map<number, PoolTransaction>
}

/** The pool's bookkeeping: who waits, how much that takes, who is cheapest. */
export interface PoolBook {
  readonly queues: ReadonlyMap<Hex, Queue>
  /** The sender's queue, or a new one that `insert` takes in. */
  queue(sender: Hex, stateNonce: number): Queue
  insert(transaction: PoolTransaction, queue: Queue): void
  remove(transaction: PoolTransaction): void
  /** Those that must go for the newcomer; undefined where it is not worth more than they are. */
  roomFor(newcomer: PoolTransaction): PoolTransaction[] | undefined
  get(hash: Hex): PoolTransaction | undefined
  size(): number
  sizeBytes(): number
}

/** Creates empty books. */
export function createPoolBook(limits: MempoolLimits): PoolBook {
  const queues = new Map<Hex, Queue>()
  const byHash = new Map<Hex, PoolTransaction>()
  const cheapest = createCheapest(byHash)
  let sizeBytes = 0

  function queueOf(sender: Hex, stateNonce: number): Queue {
    const queue = queues.get(sender) ?? { stateNonce, byNonce: new Map() }
    queue.stateNonce = Math.max(queue.stateNonce, stateNonce)
    return queue
  }

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

  function roomFor(newcomer: PoolTransaction): PoolTransaction[] | undefined {
    const removed: PoolTransaction[] = []
    let count = byHash.size + 1
    let bytes = sizeBytes + newcomer.raw.length
    while (count > limits.poolTransactionsMax || bytes > limits.poolBytesMax) {
      const worst = cheapest.peek(removed)
      if (worst === undefined || !isCheaper(worst, newcomer)) return undefined
      const victim = lastOf(queues.get(worst.sender), removed) ?? worst
      if (victim.sender === newcomer.sender && victim.nonce < newcomer.nonce) return undefined
      removed.push(victim)
      count -= 1
      bytes -= victim.raw.length
    }
    return removed
  }

  return {
    queues,
    queue: queueOf,
    insert,
    remove,
    roomFor,
    get: (hash) => byHash.get(hash),
    size: () => byHash.size,
    sizeBytes: () => sizeBytes,
  }
}

function lastOf(
  queue: Queue | undefined,
  except: readonly PoolTransaction[],
): PoolTransaction | undefined {
  let last: PoolTransaction | undefined
  for (const transaction of queue?.byNonce.values() ?? []) {
    if (except.includes(transaction)) continue
    if (last === undefined || transaction.nonce > last.nonce) last = transaction
  }
  return last
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
