import { type StateChanges, type StateView, type StoredAccount, noBytes } from './state-view.ts'

/** Changes of one block so far, without nodes and roots: `roots.ts` adds them at the end. */
export type PendingChanges = Pick<StateChanges, 'accounts' | 'slots' | 'codes'>

/** Maps over a view with an undo log. Keys are as in `StateView`. */
export interface StateJournal {
  /** Starts anew on another view, with no changes. */
  reset(view: StateView): void
  view(): StateView
  pending(): PendingChanges
  account(address: string): StoredAccount | null
  setAccount(address: string, account: StoredAccount | null): void
  slot(address: string, slot: string): Uint8Array
  setSlot(address: string, slot: string, word: Uint8Array): void
  /** The word before the transaction. */
  original(address: string, slot: string): Uint8Array
  /** Ends a transaction: what stands now is original for the next. */
  forgetOriginals(): void
  /** Empties the words of an account made in the same transaction: all it stored is in our maps. */
  clearSlots(address: string): void
  code(hash: string): Uint8Array | undefined
  addCode(hash: string, code: Uint8Array): void
  checkpoint(): void
  commit(): void
  revert(): void
}

/** Creates a journal without changes. */
export function createStateJournal(initial: StateView): StateJournal {
  let view = initial
  let pending: PendingChanges = noChanges()
  let originals = new Map<string, Uint8Array>()
  const undos = createUndoLog()

  function reset(next: StateView): void {
    view = next
    pending = noChanges()
    originals = new Map()
    undos.reset()
  }

  function account(address: string): StoredAccount | null {
    const changed = pending.accounts.get(address)
    return changed === undefined ? view.account(address) : changed
  }

  function setAccount(address: string, next: StoredAccount | null): void {
    const { accounts } = pending
    const old = accounts.get(address)
    undos.push(() => (old === undefined ? accounts.delete(address) : accounts.set(address, old)))
    accounts.set(address, next)
  }

  function slot(address: string, place: string): Uint8Array {
    return pending.slots.get(address)?.get(place) ?? view.slot(address, place)
  }

  function setSlot(address: string, place: string, next: Uint8Array): void {
    const words = pending.slots.get(address) ?? new Map<string, Uint8Array>()
    pending.slots.set(address, words)
    const known = words.get(place)
    const key = address + place
    if (!originals.has(key)) originals.set(key, known ?? view.slot(address, place))
    undos.push(() => (known === undefined ? words.delete(place) : words.set(place, known)))
    words.set(place, next)
  }

  return {
    reset,
    view: () => view,
    pending: () => pending,
    account,
    setAccount,
    slot,
    setSlot,
    original: (address, place) => originals.get(address + place) ?? slot(address, place),
    forgetOriginals: () => originals.clear(),
    clearSlots(address) {
      for (const place of pending.slots.get(address)?.keys() ?? []) setSlot(address, place, noBytes)
    },
    code: (hash) => pending.codes.get(hash) ?? view.code(hash),
    addCode: (hash, code) => void pending.codes.set(hash, code),
    checkpoint: undos.mark,
    commit: undos.commit,
    revert: undos.revert,
  }
}

function noChanges(): PendingChanges {
  return { accounts: new Map(), slots: new Map(), codes: new Map() }
}

/** Steps back, kept only while a checkpoint is open. */
function createUndoLog() {
  const steps: (() => void)[] = []
  const marks: number[] = []

  function revert(): void {
    const mark = marks.pop() ?? 0
    while (steps.length > mark) steps.pop()?.()
  }

  function commit(): void {
    marks.pop()
    if (marks.length === 0) steps.length = 0
  }

  function push(step: () => void): void {
    if (marks.length > 0) steps.push(step)
  }

  function reset(): void {
    steps.length = 0
    marks.length = 0
  }

  return { push, mark: () => void marks.push(steps.length), commit, revert, reset }
}
