import type { AccountFields, StateManagerInterface } from '@ethereumjs/common'
import { Account, Address } from '@ethereumjs/util'
import { fromKey, toKey } from '#store/key.ts'
import { keccakEmpty } from './roots.ts'
import {
  type StateChanges,
  type StateView,
  type StoredAccount,
  noBytes,
  trimZeros,
} from './state-view.ts'

type Undo = () => void

/** Changes of one block so far, without nodes and roots: `roots.ts` adds them at the end. */
export type PendingChanges = Pick<StateChanges, 'accounts' | 'slots' | 'codes'>

/**
 * The state a block is run on: maps over a view, with an undo log for checkpoints. The interpreter asks
 * through promises; nothing here waits.
 */
export interface FlatState extends StateManagerInterface {
  /** Starts anew on another view, with no changes. */
  reset(view: StateView): void
  readonly view: StateView
  pending(): PendingChanges
}

/** Creates a state without changes. `keccak256` names codes. */
export function createFlatState(
  initial: StateView,
  keccak256: (bytes: Uint8Array) => Uint8Array,
): FlatState {
  let view = initial
  let accounts: PendingChanges['accounts'] = new Map()
  let slots: PendingChanges['slots'] = new Map()
  let codes: PendingChanges['codes'] = new Map()
  let originals = new Map<string, Uint8Array>()
  const undos: Undo[] = []
  const marks: number[] = []

  function reset(next: StateView): void {
    view = next
    accounts = new Map()
    slots = new Map()
    codes = new Map()
    originals = new Map()
    undos.length = 0
    marks.length = 0
  }

  function read(address: string): StoredAccount | null {
    const changed = accounts.get(address)
    return changed === undefined ? view.account(address) : changed
  }

  function write(address: string, next: StoredAccount | null): void {
    const map = accounts
    const old = map.get(address)
    if (marks.length > 0) {
      undos.push(() => (old === undefined ? map.delete(address) : map.set(address, old)))
    }
    map.set(address, next)
  }

  function readSlot(address: string, slot: string): Uint8Array {
    return slots.get(address)?.get(slot) ?? view.slot(address, slot)
  }

  function writeSlot(address: string, slot: string, next: Uint8Array): void {
    let map = slots.get(address)
    if (map === undefined) slots.set(address, (map = new Map()))
    const changed = map
    const known = changed.get(slot)
    const place = address + slot
    if (!originals.has(place)) originals.set(place, known ?? view.slot(address, slot))
    if (marks.length > 0) {
      undos.push(() => (known === undefined ? changed.delete(slot) : changed.set(slot, known)))
    }
    changed.set(slot, next)
  }

  /** Only an account made in the same transaction is ever cleared: what it stored is in our maps. */
  function clear(address: string): void {
    for (const slot of slots.get(address)?.keys() ?? []) writeSlot(address, slot, noBytes)
  }

  async function getAccount(address: Address): Promise<Account | undefined> {
    const stored = read(toKey(address.bytes))
    return stored === null ? undefined : toAccount(stored)
  }

  async function putAccount(address: Address, account?: Account): Promise<void> {
    write(toKey(address.bytes), account === undefined ? null : fromAccount(account))
  }

  async function deleteAccount(address: Address): Promise<void> {
    const key = toKey(address.bytes)
    if (read(key) === null) return
    write(key, null)
    clear(key)
  }

  async function modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    await putAccount(address, Object.assign((await getAccount(address)) ?? new Account(), fields))
  }

  async function putCode(address: Address, code: Uint8Array): Promise<void> {
    const codeHash = keccak256(code)
    codes.set(toKey(codeHash), code)
    await modifyAccountFields(address, { codeHash })
  }

  async function getCode(address: Address): Promise<Uint8Array> {
    const stored = read(toKey(address.bytes))
    if (stored === null) return noBytes
    const hash = toKey(stored.codeHash)
    return hash === keccakEmpty ? noBytes : (codes.get(hash) ?? view.code(hash) ?? noBytes)
  }

  async function revert(): Promise<void> {
    const mark = marks.pop() ?? 0
    for (let i = undos.length - 1; i >= mark; i -= 1) (undos[i] as Undo)()
    undos.length = mark
  }

  async function commit(): Promise<void> {
    marks.pop()
    if (marks.length === 0) undos.length = 0
  }

  const state: FlatState = {
    reset,
    get view() {
      return view
    },
    pending: () => ({ accounts, slots, codes }),
    getAccount,
    putAccount,
    deleteAccount,
    modifyAccountFields,
    putCode,
    getCode,
    getCodeSize: async (address) => (await getCode(address)).length,
    getStorage: async (address, slot) => readSlot(toKey(address.bytes), toKey(slot)),
    putStorage: async (address, slot, word) =>
      writeSlot(toKey(address.bytes), toKey(slot), trimZeros(word)),
    clearStorage: async (address) => clear(toKey(address.bytes)),
    checkpoint: async () => void marks.push(undos.length),
    commit,
    revert,
    originalStorageCache: {
      get: async (address, slot) => {
        const place = toKey(address.bytes) + toKey(slot)
        return originals.get(place) ?? readSlot(toKey(address.bytes), toKey(slot))
      },
      clear: () => originals.clear(),
    },
    getStateRoot: () => Promise.reject(new Error('roots are computed at the end of a block')),
    setStateRoot: () => Promise.reject(new Error('a state is chosen by its view')),
    hasStateRoot: async () => false,
    clearCaches: () => undefined,
    shallowCopy: () => createFlatState(view, keccak256),
    getAppliedKey: (address) => keccak256(address),
  }
  return state
}

function toAccount(stored: StoredAccount): Account {
  return new Account(stored.nonce, stored.balance, stored.storageRoot, stored.codeHash)
}

function fromAccount(account: Account): StoredAccount {
  const { nonce, balance, storageRoot, codeHash } = account
  return { nonce, balance, storageRoot, codeHash }
}

/** The library's address of a key. */
export function addressOfKey(key: string): Address {
  return new Address(fromKey(key))
}
