import { RLP } from '@ethereumjs/rlp'
import { type Hex, toHex } from '#base/hex.ts'
import { integer, quantity } from '#chain/core/header.ts'

/** An account as it is stored: never changed in place. */
export interface StoredAccount {
  readonly nonce: bigint
  readonly balance: bigint
  readonly storageRoot: Uint8Array
  readonly codeHash: Uint8Array
}

/**
 * The state after one block, for reading. Keys are latin1 texts of the raw bytes: addresses (20), slots
 * (32), code hashes (32); node paths are an owner (empty, or the hash of an account) and nibbles.
 */
export interface StateView {
  account(address: string): StoredAccount | null
  /** The word without leading zeros; empty where nothing is stored. */
  slot(address: string, slot: string): Uint8Array
  node(path: string): Uint8Array | undefined
  code(hash: string): Uint8Array | undefined
}

/** What a block changed. */
export interface StateChanges {
  readonly accounts: Map<string, StoredAccount | null>
  readonly slots: Map<string, Map<string, Uint8Array>>
  readonly nodes: Map<string, Uint8Array | null>
  readonly codes: Map<string, Uint8Array>
}

/** What a block's changes replaced: enough to read the state before it. Codes are never deleted. */
export type StateUndo = Omit<StateChanges, 'codes'>

export const noBytes = new Uint8Array()

/** RLP of [nonce, balance, storageRoot, codeHash]: the account trie's leaf. */
export function encodeAccount(account: StoredAccount): Uint8Array {
  return RLP.encode([
    integer(account.nonce),
    integer(account.balance),
    account.storageRoot,
    account.codeHash,
  ])
}

export function decodeAccount(rlp: Uint8Array): StoredAccount {
  const [nonce, balance, storageRoot, codeHash] = RLP.decode(rlp) as Uint8Array[]
  return {
    nonce: quantity(nonce),
    balance: quantity(balance),
    storageRoot: storageRoot ?? noBytes,
    codeHash: codeHash ?? noBytes,
  }
}

/** Bytes without leading zeros: how storage words are kept. */
export function trimZeros(word: Uint8Array): Uint8Array {
  let start = 0
  while (start < word.length && word[start] === 0) start += 1
  return start === 0 ? word : word.subarray(start)
}

/** A view of a world without accounts. */
export const emptyView: StateView = {
  account: () => null,
  slot: () => noBytes,
  node: () => undefined,
  code: () => undefined,
}

/** The state after `changes` on top of `base`. */
export function layerView(base: StateView, changes: StateChanges): StateView {
  return {
    account(address) {
      const changed = changes.accounts.get(address)
      return changed === undefined ? base.account(address) : changed
    },
    slot: (address, slot) => changes.slots.get(address)?.get(slot) ?? base.slot(address, slot),
    node(path) {
      const changed = changes.nodes.get(path)
      return changed === undefined ? base.node(path) : (changed ?? undefined)
    },
    code: (hash) => changes.codes.get(hash) ?? base.code(hash),
  }
}

/** A stored word in its 32 bytes. */
export function wordOf(bytes: Uint8Array): Hex {
  return `0x${toHex(bytes).slice(2).padStart(64, '0')}`
}
