import type { Clock } from '#base/clock.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import type { Mempool } from '#chain/core/mempool.ts'
import type { Chain } from '#chain/exec/embedded/chain.ts'
import type { Transactions } from '../transactions.ts'

/** A transaction that went into the pool. */
export interface NewTransaction {
  readonly hash: Hex
  readonly raw: Uint8Array
}

export interface LiveStatus {
  readonly waitingTransactions: number
  /** How many of the present set vote. */
  readonly validators: number
  /** What recovers the signers of transactions here. */
  readonly recoverer: string
}

/** What is known only where consensus runs: it is asked across threads, so each answer comes later. */
export interface Live {
  /** As `Transactions.submit`. */
  submit(raw: Uint8Array): Promise<Hex>
  /** A transaction that waits, as it was signed. */
  waiting(hash: Hex): Promise<Uint8Array | undefined>
  /** The nonce behind what waits of an account. */
  nextNonce(account: Hex): Promise<number>
  /** Transactions that the next block may hold, the best first. */
  pending(baseFeePerGas: bigint, countMax: number): Promise<readonly Uint8Array[]>
  nowMs(): Promise<number>
  status(): Promise<LiveStatus>
}

export interface LiveDeps {
  readonly chain: Pick<Chain, 'head' | 'stateAfter'>
  readonly transactions: Pick<Transactions, 'submit' | 'waiting'>
  readonly pool: Mempool
  readonly clock: Pick<Clock, 'nowMs'>
  readonly status: () => Omit<LiveStatus, 'waitingTransactions'>
}

/** Creates it where consensus runs. */
export function createLive({ chain, transactions, pool, clock, status }: LiveDeps): Live {
  function pending(baseFeePerGas: bigint, countMax: number): readonly Uint8Array[] {
    const selection = pool.select(baseFeePerGas)
    const raws: Uint8Array[] = []
    for (let next = selection.next(); next !== undefined; next = selection.next()) {
      selection.accept()
      raws.push(next.raw)
      if (raws.length >= countMax) break
    }
    return raws
  }

  function nextNonce(account: Hex): number {
    const stored = chain.stateAfter(chain.head().blockHash)?.account(toKey(fromHex(account)))
    return pool.nextNonce(account, Number(stored?.nonce ?? 0n))
  }

  return {
    submit: (raw) => transactions.submit(raw),
    waiting: async (hash) => transactions.waiting(hash)?.raw,
    nextNonce: async (account) => nextNonce(account),
    pending: async (baseFeePerGas, countMax) => pending(baseFeePerGas, countMax),
    nowMs: async () => clock.nowMs(),
    status: async () => ({ waitingTransactions: pool.size(), ...status() }),
  }
}
