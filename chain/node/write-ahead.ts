import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { createTable } from '#store/table.ts'

/** Transactions that were answered and are not in a finalised block yet, on the disk. */
export interface WriteAhead {
  /** Resolves when the transaction is on the disk. Throws BUSY when too many wait. */
  append(hash: Hex, raw: Uint8Array): Promise<void>
  /** Forgets transactions, some time later. */
  forget(hashes: readonly Hex[]): void
  all(): AsyncIterable<Uint8Array>
  /** Resolves when everything asked for is on the disk. */
  flush(): Promise<void>
}

const waitingMax = 16_384
const prefix = 0x57

/**
 * Opens the log in `store`. One fsync serves all that came while the one before ran, so that many senders
 * cost little more than one.
 */
export function openWriteAhead(store: KeyValueStore): WriteAhead {
  const table = createTable<Hex, Uint8Array>(store, {
    prefix,
    key: fromHex,
    encode: (raw) => raw,
    decode: (raw) => Uint8Array.from(raw),
  })
  let writes: Write[] = []
  let next: Promise<void> | undefined
  let current: Promise<void> = Promise.resolve()

  function schedule(): Promise<void> {
    next ??= current.catch(() => undefined).then(write)
    return next
  }

  async function write(): Promise<void> {
    current = next ?? current
    next = undefined
    const taken = writes
    writes = []
    if (taken.length > 0) await store.batch(taken, { sync: true })
  }

  async function append(hash: Hex, raw: Uint8Array): Promise<void> {
    if (writes.length >= waitingMax) throw new AppError({ code: 'BUSY', retryable: true })
    writes.push(table.put(hash, raw))
    return schedule()
  }

  return {
    append,
    forget(hashes) {
      for (const hash of hashes) writes.push(table.delete(hash))
      if (writes.length >= waitingMax) schedule().catch(() => undefined) // the next append reports it
    },
    all: () => table.values('0x', undefined),
    flush: schedule,
  }
}
