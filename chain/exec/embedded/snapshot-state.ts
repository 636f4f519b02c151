import { RLP } from '@ethereumjs/rlp'
import { AppError } from '#base/error.ts'
import { clearRange } from '#store/clear.ts'
import { toKey } from '#store/key.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { type Preimages, createPreimages } from './preimages.ts'
import { statePlace, statePrefixes } from './state-store.ts'
import { decodeAccount } from './state-view.ts'
import { emptyRootBytes } from './trie-loader.ts'
import { type NodePlace, type TrieLeaf, openNode, pathBytes } from './trie-walk.ts'

const batchWrites = 4_096

export interface FlatStateOptions {
  readonly stateRoot: Uint8Array
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  readonly signal: AbortSignal
}

/**
 * Writes accounts and words as the tries on the disk have them, in the place of all that stood there. Each
 * node's hash is compared once more. Throws SNAPSHOT_BROKEN where something is missing or wrong.
 */
export async function writeFlatState(
  store: KeyValueStore,
  { stateRoot, keccak256, signal }: FlatStateOptions,
): Promise<void> {
  const trie: Trie = { store, keccak256, preimages: createPreimages(store, keccak256) }
  for (const prefix of [statePrefixes.account, statePrefixes.slot, statePrefixes.undo]) {
    await clearRange(store, { gte: Uint8Array.of(prefix), lt: Uint8Array.of(prefix + 1) })
  }
  let writes: Write[] = []
  for (const write of flatWrites(trie, stateRoot)) {
    writes.push(write)
    if (writes.length < batchWrites) continue
    signal.throwIfAborted()
    await store.batch(writes)
    writes = []
  }
  await store.batch(writes)
}

interface Trie {
  readonly store: KeyValueStore
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  readonly preimages: Preimages
}

function* flatWrites(trie: Trie, stateRoot: Uint8Array): Iterable<Write> {
  for (const { path, value } of leavesOf(trie, '', stateRoot)) {
    const address = keyOf(trie, path)
    const { storageRoot } = decodeAccount(value)
    yield { key: statePlace(statePrefixes.account, address), value }
    for (const leaf of leavesOf(trie, toKey(pathBytes(path)), storageRoot)) {
      const word = RLP.decode(leaf.value) as Uint8Array
      yield { key: statePlace(statePrefixes.slot, address + keyOf(trie, leaf.path)), value: word }
    }
  }
}

function keyOf({ preimages }: Trie, path: string): string {
  const key = preimages.get(pathBytes(path))
  if (key === undefined) throw new AppError({ code: 'SNAPSHOT_BROKEN', reason: 'key missing' })
  return toKey(key)
}

function* leavesOf(
  { store, keccak256 }: Trie,
  owner: string,
  root: Uint8Array,
): Iterable<TrieLeaf> {
  const open: NodePlace[] =
    Buffer.compare(root, emptyRootBytes) === 0 ? [] : [{ path: '', hash: root }]
  for (;;) {
    const place = open.pop()
    if (place === undefined) return
    const rlp = store.get(statePlace(statePrefixes.node, owner + place.path))
    if (rlp === undefined || Buffer.compare(keccak256(rlp), place.hash) !== 0) {
      throw new AppError({ code: 'SNAPSHOT_BROKEN', reason: 'node missing' })
    }
    const { children, leaves } = openNode(rlp, place.path)
    yield* leaves
    open.push(...children.toReversed())
  }
}
