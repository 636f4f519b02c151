import { fromKey, toKey } from '#store/key.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import type { StateChanges, StateUndo } from './state-view.ts'

/**
 * Tries name addresses and slots by their hash alone; here stands what was hashed, so that a trie's leaves can
 * be told to a node that begins with a snapshot. Entries are never deleted: one for each account and each
 * distinct slot that ever was.
 */
export interface Preimages {
  /** The address or slot of a Keccak-256 hash, all as raw bytes. */
  get(hash: Uint8Array): Uint8Array | undefined
  put(hash: Uint8Array, key: Uint8Array): Write
  /** The writes for accounts and slots that `changes` fill and that held nothing before. */
  added(changes: StateChanges, replaced: StateUndo): Write[]
}

const prefix = '\x70'

/** Opens the preimages in `store`. */
export function createPreimages(
  store: KeyValueStore,
  keccak256: (bytes: Uint8Array) => Uint8Array,
): Preimages {
  const place = (hash: Uint8Array) => fromKey(prefix + toKey(hash))
  const put = (hash: Uint8Array, key: Uint8Array): Write => ({ key: place(hash), value: key })
  const record = (key: string) => put(keccak256(fromKey(key)), fromKey(key))

  function added({ accounts, slots }: StateChanges, replaced: StateUndo): Write[] {
    const writes: Write[] = []
    for (const [address, account] of accounts) {
      const isNew = account !== null && (replaced.accounts.get(address) ?? null) === null
      if (isNew) writes.push(record(address))
    }
    for (const [address, words] of slots) {
      const old = replaced.slots.get(address)
      for (const [slot, word] of words) {
        if (word.length > 0 && (old?.get(slot)?.length ?? 0) === 0) writes.push(record(slot))
      }
    }
    return writes
  }

  return { get: (hash) => store.get(place(hash)), put, added }
}
