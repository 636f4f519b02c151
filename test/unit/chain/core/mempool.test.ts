import { describe, expect, test } from 'vitest'
import type { Hex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { type Mempool, createMempool } from '#chain/core/mempool.ts'
import type { PoolTransaction } from '#chain/core/pool-book.ts'

const gwei = 1_000_000_000n
const rich = { nonce: 0, balanceWei: 10n ** 30n }
const small = { poolTransactionsMax: 4, poolBytesMax: 1_000, poolSenderTransactionsMax: 3 }
let made = 0

function transaction(changes: Partial<PoolTransaction> = {}): PoolTransaction {
  made += 1
  return {
    hash: `0x${made.toString(16).padStart(64, '0')}`,
    sender: senderOf(1),
    nonce: 0,
    maxFeePerGas: 10n * gwei,
    maxPriorityFeePerGas: gwei,
    gasLimit: 21_000n,
    valueWei: 0n,
    raw: new Uint8Array(100),
    ...changes,
  }
}

function senderOf(index: number): Hex {
  return `0x${index.toString(16).padStart(40, '0')}`
}

function pick(pool: Mempool, baseFeePerGas = 0n): PoolTransaction[] {
  const selection = pool.select(baseFeePerGas)
  const picked: PoolTransaction[] = []
  for (let next = selection.next(); next !== undefined; next = selection.next()) {
    picked.push(next)
    selection.accept()
  }
  return picked
}

describe('add', () => {
  const first = transaction()
  test.each([
    ['NONCE_TOO_LOW', transaction({ nonce: 4 }), { ...rich, nonce: 5 }],
    ['NONCE_TOO_HIGH', transaction({ nonce: 3 }), rich],
    ['INSUFFICIENT_FUNDS', transaction({ nonce: 1 }), { nonce: 0, balanceWei: 5n }],
    ['REPLACEMENT_UNDERPRICED', transaction({ maxFeePerGas: 20n * gwei }), rich],
    [
      'REPLACEMENT_UNDERPRICED',
      transaction({ maxFeePerGas: 109n * 10n ** 8n, maxPriorityFeePerGas: 2n * gwei }),
      rich,
    ],
  ])('%s', (code, next, account) => {
    const pool = createMempool(small)
    expect(pool.add(first, rich)).toEqual({ kind: 'added', removed: [] })
    expect(pool.add(next, account)).toEqual({ kind: 'rejected', code })
    expect(pool.size()).toBe(1)
  })

  test('says that it knows a transaction', () => {
    const pool = createMempool(small)
    pool.add(first, rich)
    expect(pool.add(first, rich)).toEqual({ kind: 'known' })
  })

  test('replaces at 10 % more of both fees', () => {
    const pool = createMempool(small)
    pool.add(first, rich)
    const better = transaction({ maxFeePerGas: 11n * gwei, maxPriorityFeePerGas: 11n * 10n ** 8n })
    expect(pool.add(better, rich)).toEqual({ kind: 'added', removed: [first] })
    expect(pick(pool)).toEqual([better])
  })

  test('when full, gives the place of the cheapest sender’s last transaction to a dearer one', () => {
    const pool = createMempool(small)
    const cheap = [0, 1].map((nonce) => transaction({ sender: senderOf(1), nonce }))
    const dear = [2, 3].map((i) =>
      transaction({ sender: senderOf(i), maxPriorityFeePerGas: 3n * gwei }),
    )
    for (const one of [...cheap, ...dear]) pool.add(one, rich)
    const equal = transaction({ sender: senderOf(4) })
    expect(pool.add(equal, rich)).toEqual({ kind: 'rejected', code: 'POOL_FULL' })
    const dearer = transaction({ sender: senderOf(5), maxPriorityFeePerGas: 2n * gwei })
    expect(pool.add(dearer, rich)).toEqual({ kind: 'added', removed: [cheap[1]] })
    expect(
      pick(pool)
        .map(({ sender }) => sender)
        .toSorted(),
    ).toEqual([1, 2, 3, 5].map(senderOf))
  })

  test('keeps within its bytes', () => {
    const pool = createMempool({ ...small, poolTransactionsMax: 100 })
    for (let i = 0; i < 30; i += 1) {
      const maxPriorityFeePerGas = BigInt(i) * 10n ** 7n
      pool.add(transaction({ sender: senderOf(i), maxPriorityFeePerGas }), rich)
      expect(pool.sizeBytes()).toBeLessThanOrEqual(1_000)
    }
    expect(pick(pool).map(({ sender }) => sender)).toContain(senderOf(29))
  })
})

describe('select', () => {
  test('gives the best tip first and each sender’s in nonce order', () => {
    const pool = createMempool()
    const low = transaction({ sender: senderOf(1), nonce: 0, maxPriorityFeePerGas: 1n })
    const high = transaction({ sender: senderOf(1), nonce: 1, maxPriorityFeePerGas: 9n * gwei })
    const middle = transaction({ sender: senderOf(2), maxPriorityFeePerGas: 5n * gwei })
    for (const one of [high, low, middle]) pool.add(one, rich)
    expect(pick(pool)).toEqual([middle, low, high])
  })

  test('leaves out what cannot pay the base fee, and what follows a gap', () => {
    const pool = createMempool()
    const poor = transaction({ sender: senderOf(1), maxFeePerGas: 2n * gwei })
    const gapped = transaction({ sender: senderOf(2), nonce: 1 })
    for (const one of [poor, gapped]) pool.add(one, rich)
    expect(pick(pool, 3n * gwei)).toEqual([])
    expect(pool.hasExecutable(3n * gwei)).toBe(false)
    expect(pool.hasExecutable(2n * gwei)).toBe(true)
  })

  test('does not offer what follows a transaction that did not go in', () => {
    const pool = createMempool()
    for (const nonce of [0, 1]) pool.add(transaction({ nonce }), rich)
    const selection = pool.select(0n)
    expect(selection.next()?.nonce).toBe(0)
    expect(selection.next()).toBeUndefined()
  })
})

describe('settle', () => {
  test('takes out what a block holds and what can no longer be paid', () => {
    const pool = createMempool()
    const held = transaction({ nonce: 0 })
    const left = transaction({ nonce: 1 })
    const costly = transaction({ nonce: 2, valueWei: 10n ** 18n })
    for (const one of [held, left, costly]) pool.add(one, rich)
    const account = { nonce: 1, balanceWei: 10n ** 17n }
    expect(pool.settle(new Map([[senderOf(1), account]]))).toEqual([held, costly])
    expect(pick(pool)).toEqual([left])
    expect(pool.nextNonce(senderOf(1), 1)).toBe(2)
  })

  test.each([1, 2, 3])('counts right over random use (seed %i)', (seed) => {
    const rng = createRng(seed)
    const limits = { poolTransactionsMax: 20, poolBytesMax: 1_500, poolSenderTransactionsMax: 8 }
    const pool = createMempool(limits)
    const nonces = new Map<Hex, number>()
    for (let i = 0; i < 2_000; i += 1) {
      const sender = senderOf(rng.below(6))
      const nonce = nonces.get(sender) ?? 0
      if (rng.below(8) === 0) {
        nonces.set(sender, nonce + 1)
        pool.settle(new Map([[sender, { ...rich, nonce: nonce + 1 }]]))
      } else {
        const maxPriorityFeePerGas = BigInt(rng.below(1_000)) * 10n ** 6n
        const next = transaction({ sender, nonce: nonce + rng.below(9), maxPriorityFeePerGas })
        pool.add(next, { ...rich, nonce })
      }
      expect(pool.size()).toBeLessThanOrEqual(20)
      expect(pool.sizeBytes()).toBe(pool.size() * 100)
    }
    const picked = pick(pool)
    expect(picked.length).toBeGreaterThan(0)
    expect(picked.every(({ hash }) => pool.get(hash) !== undefined)).toBe(true)
  })
})
