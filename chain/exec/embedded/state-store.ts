import { assert } from '#base/assert.ts'
import { concatBytes, u64be } from '#base/bytes.ts'
import type { Hex } from '#base/hex.ts'
import { fromKey } from '#store/key.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { clearRange } from '#store/clear.ts'
import { createTable } from '#store/table.ts'
import type { Preimages } from './preimages.ts'
import { createRecent } from './recent.ts'
import { decodeUndo, encodeUndo, undoOf } from './state-undo.ts'
import {
  type StateChanges,
  type StateUndo,
  type StateView,
  type StoredAccount,
  decodeAccount,
  encodeAccount,
  layerView,
  noBytes,
} from './state-view.ts'

export interface StateBlock {
  readonly hash: Hex
  readonly number: number
  readonly parentHash: Hex
}

/**
 * The states of the chain: the newest finalised one flat on the disk with its trie, what unfinalised blocks
 * change above it in memory, and what finalised blocks replaced below it, so that recent states stay
 * readable.
 */
export interface StateStore {
  /** The state after a block that is kept above, or the finalised one of that number. */
  view(block: Pick<StateBlock, 'hash' | 'number'>): StateView | undefined
  /** Keeps what a block changed beside the chain. */
  add(block: StateBlock, changes: StateChanges): void
  /**
   * Makes the next block the finalised state: gives the writes, and what to call once they are on the
   * disk. Readers see no difference before, between and after.
   */
  finalise(hash: Hex): { readonly writes: Write[]; readonly done: () => void }
  /** Lets go of a kept block that will never be finalised. */
  drop(hash: Hex): void
}

export interface StateStoreOptions {
  /** The finalised block on the disk. */
  readonly finalised: number
  /** How many states below the finalised one stay readable. */
  readonly historyBlocks: number
  readonly preimages: Preimages
}

export const statePrefixes = {
  account: 0x61,
  slot: 0x73,
  node: 0x6e,
  code: 0x63,
  undo: 0x75,
} as const
const cachedUndosMax = 64

/** The states for a reader in a thread of its own: what is final, as another thread writes it. */
export interface StateReader {
  view(block: Pick<StateBlock, 'number'>): StateView | undefined
  /** Takes a newer block for the finalised one; what it and those before it replaced is on the disk. */
  follow(number: number): void
}

/** Opens the final states in a `store` that others write. */
export function createStateReader(
  store: KeyValueStore,
  { finalised, historyBlocks }: Pick<StateStoreOptions, 'finalised' | 'historyBlocks'>,
): StateReader {
  const disk = diskView(store, readerRecentCount)
  const history = createHistory(store, finalised)

  function follow(number: number): void {
    while (history.newest() < number) {
      const undo = history.follow()
      if (undo !== undefined) disk.forget(undo)
      else disk.forgetAll() // it fell behind what is kept
    }
  }

  return {
    view: ({ number }) =>
      isKept(history, number, historyBlocks) ? pastView(disk, history, number) : undefined,
    follow,
  }
}

/** Opens the states in `store`. */
export function createStateStore(store: KeyValueStore, options: StateStoreOptions): StateStore {
  const layers = new Map<Hex, { readonly block: StateBlock; readonly changes: StateChanges }>()
  const disk = diskView(store)
  const history = createHistory(store, options.finalised)

  function view(block: Pick<StateBlock, 'hash' | 'number'>): StateView | undefined {
    const layer = layers.get(block.hash)
    if (layer !== undefined) {
      const parent = view({ hash: layer.block.parentHash, number: layer.block.number - 1 })
      return parent === undefined ? undefined : layerView(parent, layer.changes)
    }
    if (!isKept(history, block.number, options.historyBlocks)) return undefined
    return pastView(disk, history, block.number)
  }

  function finalise(hash: Hex) {
    const layer = layers.get(hash)
    assert(layer, 'a block is run before it is finalised')
    const { block, changes } = layer
    assert(block.number === history.newest() + 1, 'blocks are finalised one after another')
    const base = view({ hash: block.parentHash, number: block.number - 1 })
    assert(base, 'the finalised state can be read')
    const undo = undoOf(base, changes)
    const added = options.preimages.added(changes, undo)
    const writes = [...changeWrites(changes), ...added, history.add(block.number, undo)]
    if (block.number > options.historyBlocks) {
      writes.push(history.delete(block.number - options.historyBlocks))
    }
    function done(): void {
      layers.delete(hash)
      disk.renew(changes)
    }

    return { writes, done }
  }

  return {
    view,
    add: (block, changes) => void layers.set(block.hash, { block, changes }),
    finalise,
    drop: (hash) => void layers.delete(hash),
  }
}

/** Forgets what blocks up to `number` replaced: a node that kept more until now frees its disk. */
export async function forgetUndos(store: KeyValueStore, number: number): Promise<void> {
  if (number <= 0) return
  const prefix = Uint8Array.of(statePrefixes.undo)
  const lt = concatBytes(prefix, u64be(number + 1))
  await clearRange(store, { gte: prefix, lt })
}

/** Whether the state after a finalised block can be shown. */
function isKept(history: History, number: number, historyBlocks: number): boolean {
  const depth = history.newest() - number
  return depth >= 0 && depth <= historyBlocks && history.reaches(number)
}

/** What each finalised block replaced. */
interface History {
  newest(): number
  /** Whether the state after a block can be shown: what the next ones replaced was kept. */
  reaches(number: number): boolean
  at(number: number): StateUndo
  /** Takes effect at once for readers; the write makes it last. */
  add(number: number, undo: StateUndo): Write
  delete(number: number): Write
  /** Takes over the next block from the disk: what it replaced, where that is still kept. */
  follow(): StateUndo | undefined
}

function createHistory(store: KeyValueStore, finalised: number): History {
  const undos = createTable<number, StateUndo>(store, {
    prefix: statePrefixes.undo,
    key: u64be,
    encode: encodeUndo,
    decode: decodeUndo,
  })
  const recent = new Map<number, StateUndo>()
  let newest = finalised

  function remember(number: number, undo: StateUndo | undefined): void {
    if (undo !== undefined) recent.set(number, undo)
    recent.delete(number - cachedUndosMax)
    newest = number
  }

  return {
    newest: () => newest,
    reaches: (number) =>
      number === newest || recent.has(number + 1) || undos.get(number + 1) !== undefined,
    at(number) {
      const undo = recent.get(number) ?? undos.get(number)
      assert(undo, 'an undo record inside the history is stored')
      return undo
    },
    add(number, undo) {
      remember(number, undo)
      return undos.put(number, undo)
    },
    delete: (number) => undos.delete(number),
    follow() {
      const undo = undos.get(newest + 1)
      remember(newest + 1, undo)
      return undo
    },
  }
}

/** The state after a finalised block, which later blocks have overwritten or are still to overwrite. */
function pastView(disk: StateView, history: History, number: number): StateView {
  const known: StateUndo[] = []

  function newer(): readonly StateUndo[] {
    while (number + known.length < history.newest()) {
      known.push(history.at(number + known.length + 1))
    }
    return known
  }

  return {
    account(address) {
      for (const { accounts } of newer()) {
        const old = accounts.get(address)
        if (old !== undefined) return old
      }
      return disk.account(address)
    },
    slot(address, slot) {
      for (const { slots } of newer()) {
        const old = slots.get(address)?.get(slot)
        if (old !== undefined) return old
      }
      return disk.slot(address, slot)
    },
    node(path) {
      for (const { nodes } of newer()) {
        const old = nodes.get(path)
        if (old !== undefined) return old ?? undefined
      }
      return disk.node(path)
    },
    code: (hash) => disk.code(hash),
  }
}

/** Where a part of the state stands on the disk. */
export function statePlace(prefix: number, key: string): Uint8Array {
  return fromKey(String.fromCharCode(prefix) + key)
}

/** The state on the disk, with what was read or written last in memory. */
interface DiskView extends StateView {
  /** Takes over changes that are on the disk now. */
  renew(changes: StateChanges): void
  /** Reads again, when asked for, what a block changed on the disk. */
  forget(changed: StateUndo): void
  forgetAll(): void
}

const recentCount = 32_768
const readerRecentCount = 8_192
const recentCodeBytes = 4_194_304

function diskView(store: KeyValueStore, count = recentCount): DiskView {
  let accounts = createRecent<StoredAccount | null>(count)
  let slots = createRecent<Uint8Array>(count)
  let nodes = createRecent<Uint8Array>(count)
  const codes = createRecent<Uint8Array>(recentCodeBytes, (code) => code.length)

  function account(address: string): StoredAccount | null {
    const known = accounts.get(address)
    if (known !== undefined) return known
    const rlp = store.get(statePlace(statePrefixes.account, address))
    const stored = rlp === undefined ? null : decodeAccount(rlp)
    accounts.set(address, stored)
    return stored
  }

  function slot(address: string, name: string): Uint8Array {
    const known = slots.get(address + name)
    if (known !== undefined) return known
    const word = store.get(statePlace(statePrefixes.slot, address + name)) ?? noBytes
    slots.set(address + name, word)
    return word
  }

  function node(path: string): Uint8Array | undefined {
    const known = nodes.get(path) ?? store.get(statePlace(statePrefixes.node, path))
    if (known !== undefined) nodes.set(path, known)
    return known?.length === 0 ? undefined : known
  }

  /** The same array each time: what is known of a code goes with it. */
  function code(hash: string): Uint8Array | undefined {
    const known = codes.get(hash) ?? store.get(statePlace(statePrefixes.code, hash))
    if (known !== undefined) codes.set(hash, known)
    return known
  }

  function renew(changes: StateChanges): void {
    for (const [address, changed] of changes.accounts) accounts.set(address, changed)
    for (const [address, words] of changes.slots) {
      for (const [name, word] of words) slots.set(address + name, word)
    }
    for (const [path, rlp] of changes.nodes) nodes.set(path, rlp ?? noBytes)
  }

  function forget(changed: StateUndo): void {
    for (const address of changed.accounts.keys()) accounts.delete(address)
    for (const [address, words] of changed.slots) {
      for (const name of words.keys()) slots.delete(address + name)
    }
    for (const path of changed.nodes.keys()) nodes.delete(path)
  }

  function forgetAll(): void {
    accounts = createRecent(count)
    slots = createRecent(count)
    nodes = createRecent(count)
  }

  return { account, slot, node, code, renew, forget, forgetAll }
}

/** The writes that put changes into the flat state and the trie on the disk. */
export function changeWrites({ accounts, slots, nodes, codes }: StateChanges): Write[] {
  const writes: Write[] = []
  for (const [address, account] of accounts) {
    const value = account === null ? undefined : encodeAccount(account)
    writes.push({ key: statePlace(statePrefixes.account, address), value })
  }
  for (const [address, words] of slots) {
    for (const [slot, word] of words) {
      const value = word.length === 0 ? undefined : word
      writes.push({ key: statePlace(statePrefixes.slot, address + slot), value })
    }
  }
  for (const [path, rlp] of nodes) {
    writes.push({ key: statePlace(statePrefixes.node, path), value: rlp ?? undefined })
  }
  for (const [hash, code] of codes)
    writes.push({ key: statePlace(statePrefixes.code, hash), value: code })
  return writes
}
