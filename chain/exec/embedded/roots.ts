import { RLP } from '@ethereumjs/rlp'
import { fromKey, toKey } from '#store/key.ts'
import { fromHex } from '#base/hex.ts'
import type { PendingChanges } from './state-journal.ts'
import {
  type StateChanges,
  type StateView,
  type StoredAccount,
  encodeAccount,
} from './state-view.ts'
import { createTrie } from './trie.ts'
import { type NodeChanges, emptyRootBytes } from './trie-loader.ts'

type Keccak = (bytes: Uint8Array) => Uint8Array

/** Keccak-256 of no code, as a key. */
export const keccakEmpty = toKey(
  fromHex('c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'),
)

export interface Roots {
  readonly stateRoot: Uint8Array
  readonly changes: StateChanges
}

/** Puts a block's changes into the tries: storage tries first, then the accounts that hold their roots. */
export function computeRoots(
  view: StateView,
  stateRoot: Uint8Array,
  pending: PendingChanges & { readonly keccak256: Keccak },
): Roots {
  const { keccak256 } = pending
  const nodes: NodeChanges = new Map()
  const slots: StateChanges['slots'] = new Map()
  const accounts = new Map(pending.accounts)
  for (const [address, changed] of pending.slots) {
    const real = realChanges(view, address, changed)
    const account = accounts.get(address) ?? (accounts.has(address) ? null : view.account(address))
    if (real.size === 0) continue
    slots.set(address, real)
    if (account === null) continue
    const root = storageRoot(view, { address, account, changed: real, nodes, keccak256 })
    accounts.set(address, { ...account, storageRoot: root })
  }
  const trie = createTrie({ root: stateRoot, read: (path) => view.node(path), keccak256 })
  for (const [address, account] of accounts) {
    if (isSameAccount(view.account(address), account)) {
      accounts.delete(address)
      continue
    }
    const key = keccak256(fromKey(address))
    if (account === null) trie.delete(key)
    else trie.put(key, encodeAccount(account))
  }
  const root = trie.commit(nodes)
  return { stateRoot: root, changes: { accounts, slots, nodes, codes: pending.codes } }
}

/** The words that differ from the view's: a word set and set back is no change. */
function realChanges(view: StateView, address: string, changed: Map<string, Uint8Array>) {
  const real = new Map<string, Uint8Array>()
  for (const [slot, word] of changed) {
    if (Buffer.compare(view.slot(address, slot), word) !== 0) real.set(slot, word)
  }
  return real
}

interface StorageChange {
  readonly address: string
  readonly account: StoredAccount
  readonly changed: ReadonlyMap<string, Uint8Array>
  readonly nodes: NodeChanges
  readonly keccak256: Keccak
}

function storageRoot(view: StateView, change: StorageChange): Uint8Array {
  const { account, changed, nodes, keccak256 } = change
  const owner = toKey(keccak256(fromKey(change.address)))
  const root = account.storageRoot
  const trie = createTrie({ root, read: (path) => view.node(owner + path), keccak256 })
  for (const [slot, word] of changed) {
    const key = keccak256(fromKey(slot))
    if (word.length === 0) trie.delete(key)
    else trie.put(key, RLP.encode(word))
  }
  const own: NodeChanges = new Map()
  const next = trie.commit(own)
  for (const [path, rlp] of own) nodes.set(owner + path, rlp)
  return next
}

function isSameAccount(a: StoredAccount | null, b: StoredAccount | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.nonce === b.nonce &&
    a.balance === b.balance &&
    Buffer.compare(a.storageRoot, b.storageRoot) === 0 &&
    Buffer.compare(a.codeHash, b.codeHash) === 0
  )
}

/** The root of a list as blocks keep it: RLP of the index to the item. */
export function listRoot(items: readonly Uint8Array[], keccak256: Keccak): Uint8Array {
  if (items.length === 0) return emptyRootBytes
  const trie = createTrie({ root: emptyRootBytes, read: () => undefined, keccak256 })
  for (const [index, item] of items.entries()) trie.put(RLP.encode(index), item)
  return trie.commit(new Map())
}
