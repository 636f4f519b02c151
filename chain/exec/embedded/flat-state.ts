import type { AccountFields, StateManagerInterface } from '@ethereumjs/common'
import { Account, type Address } from '@ethereumjs/util'
import { toKey } from '#store/key.ts'
import { keccakEmpty } from './roots.ts'
import { type PendingChanges, type StateJournal, createStateJournal } from './state-journal.ts'
import { type StateView, type StoredAccount, layerView, noBytes, trimZeros } from './state-view.ts'

/** The state a block is run on, in the form that the interpreter asks for: promises that never wait. */
export interface FlatState extends StateManagerInterface {
  /** Starts anew on another view, with no changes. */
  reset(view: StateView): void
  pending(): PendingChanges
  /** The state as it stands at each reading. */
  current(): ReadableState
  /** The state as it stands now, whatever comes later. */
  frozen(): ReadableState
}

/** A state to be read at once, with keys as in `StateView`. */
export type ReadableState = Pick<StateView, 'account' | 'slot' | 'code'>

type Keccak = (bytes: Uint8Array) => Uint8Array

/** Creates a state without changes. `keccak256` names codes. */
export function createFlatState(initial: StateView, keccak256: Keccak): FlatState {
  const journal = createStateJournal(initial)
  return {
    reset: (view) => journal.reset(view),
    pending: () => journal.pending(),
    current: () => journal,
    frozen: () => frozen(journal),
    ...accountMethods(journal, keccak256),
    ...storageMethods(journal),
    checkpoint: async () => journal.checkpoint(),
    commit: async () => journal.commit(),
    revert: async () => journal.revert(),
    getStateRoot: () => Promise.reject(new Error('roots are computed at the end of a block')),
    setStateRoot: () => Promise.reject(new Error('a state is chosen by its view')),
    hasStateRoot: async () => false,
    clearCaches: () => undefined,
    shallowCopy: () => createFlatState(journal.view(), keccak256),
    getAppliedKey: (address) => keccak256(address),
  }
}

function accountMethods(journal: StateJournal, keccak256: Keccak) {
  async function getAccount(address: Address): Promise<Account | undefined> {
    const stored = journal.account(toKey(address.bytes))
    if (stored === null) return undefined
    return new Account(stored.nonce, stored.balance, stored.storageRoot, stored.codeHash)
  }

  async function putAccount(address: Address, account?: Account): Promise<void> {
    journal.setAccount(toKey(address.bytes), account === undefined ? null : storedOf(account))
  }

  async function deleteAccount(address: Address): Promise<void> {
    const key = toKey(address.bytes)
    if (journal.account(key) === null) return
    journal.setAccount(key, null)
    journal.clearSlots(key)
  }

  async function modifyAccountFields(address: Address, fields: AccountFields): Promise<void> {
    await putAccount(address, Object.assign((await getAccount(address)) ?? new Account(), fields))
  }

  async function putCode(address: Address, code: Uint8Array): Promise<void> {
    const codeHash = keccak256(code)
    journal.addCode(toKey(codeHash), code)
    await modifyAccountFields(address, { codeHash })
  }

  async function getCode(address: Address): Promise<Uint8Array> {
    const stored = journal.account(toKey(address.bytes))
    if (stored === null) return noBytes
    const hash = toKey(stored.codeHash)
    return hash === keccakEmpty ? noBytes : (journal.code(hash) ?? noBytes)
  }

  const getCodeSize = async (address: Address) => (await getCode(address)).length

  return {
    getAccount,
    putAccount,
    deleteAccount,
    modifyAccountFields,
    putCode,
    getCode,
    getCodeSize,
  }
}

function storageMethods(journal: StateJournal) {
  return {
    getStorage: async (address: Address, slot: Uint8Array) =>
      journal.slot(toKey(address.bytes), toKey(slot)),
    putStorage: async (address: Address, slot: Uint8Array, word: Uint8Array) =>
      journal.setSlot(toKey(address.bytes), toKey(slot), trimZeros(word)),
    clearStorage: async (address: Address) => journal.clearSlots(toKey(address.bytes)),
    originalStorageCache: {
      get: async (address: Address, slot: Uint8Array) =>
        journal.original(toKey(address.bytes), toKey(slot)),
      clear: () => journal.forgetOriginals(),
    },
  }
}

function frozen(journal: StateJournal): ReadableState {
  const { accounts, slots, codes } = journal.pending()
  return layerView(journal.view(), {
    accounts: new Map(accounts),
    slots: new Map([...slots].map(([address, words]) => [address, new Map(words)])),
    nodes: new Map(),
    codes,
  })
}

function storedOf({ nonce, balance, storageRoot, codeHash }: Account): StoredAccount {
  return { nonce, balance, storageRoot, codeHash }
}
