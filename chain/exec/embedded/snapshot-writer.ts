import { AppError } from '#base/error.ts'
import { toKey } from '#store/key.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { type Preimages, createPreimages } from './preimages.ts'
import { keccakEmpty } from './roots.ts'
import type { SnapshotNode, SnapshotPart, SubtreePlace } from './snapshot-reader.ts'
import { statePlace, statePrefixes } from './state-store.ts'
import { decodeAccount } from './state-view.ts'
import { emptyRootBytes } from './trie-loader.ts'
import { type NodePlace, type OpenedNode, openNode, pathBytes } from './trie-walk.ts'

/** A subtree that is still to be fetched, and the hash that its first node must have. */
export type WantedPlace = SubtreePlace & NodePlace

/** What is asked for next: subtrees, or codes by their hashes. */
export interface Wanted {
  readonly places: readonly WantedPlace[]
  readonly codes: readonly Uint8Array[]
}

/**
 * Takes a state in from those who need not be trusted. Each node is compared with the hash in its parent, from
 * the state root down, so a wrong one is noticed where it arrives and nothing can be left out. What lies on the
 * disk already is not asked for: fetching goes on after a crash, and moves to a newer state, by beginning anew.
 */
export interface SnapshotWriter {
  /** The next things to ask for, taken off the list; none when the state is here or asked for elsewhere. */
  take(): Wanted
  /** Gives back what was taken and not fetched. */
  putBack(wanted: Wanted): void
  /**
   * Checks and keeps what a peer has for `wanted`; the rest of it goes back on the list. Throws SNAPSHOT_FORGED,
   * or SNAPSHOT_MISSING where a peer has nothing of it; then nothing is kept, and nothing put back.
   */
  accept(wanted: Wanted, part: SnapshotPart, codes: readonly Uint8Array[]): Promise<void>
  /** How many nodes and codes came. */
  counts(): { readonly nodes: number; readonly codes: number }
}

export interface SnapshotWriterOptions {
  readonly stateRoot: Uint8Array
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  /** Most places of one question, and most codes. */
  readonly placesMax: number
  readonly codesMax: number
}

/** Begins to fetch the state of a root into `store`. */
export function createSnapshotWriter(
  store: KeyValueStore,
  options: SnapshotWriterOptions,
): SnapshotWriter {
  const { keccak256 } = options
  const checks = { keccak256, preimages: createPreimages(store, keccak256) }
  const list = createList(store, options, checks)
  const { take, putBack } = list
  let nodes = 0
  let codeCount = 0

  async function accept(
    asked: Wanted,
    part: SnapshotPart,
    codes: readonly Uint8Array[],
  ): Promise<void> {
    const checked = checkPart(asked, { part, codes }, checks)
    await store.batch(checked.writes)
    putBack({ places: checked.rest, codes: asked.codes.slice(codes.length) })
    for (const { owner, leaves } of checked.opened) if (owner === '') list.followAccounts(leaves)
    nodes += checked.opened.length
    codeCount += codes.length
  }

  return { take, putBack, accept, counts: () => ({ nodes, codes: codeCount }) }
}

/** What is still to be fetched. */
function createList(store: KeyValueStore, options: SnapshotWriterOptions, checks: Checks) {
  const { stateRoot, keccak256, placesMax, codesMax } = options
  const wanted: WantedPlace[] = isSame(stateRoot, emptyRootBytes)
    ? []
    : [{ owner: '', path: '', hash: stateRoot }]
  const wantedCodes = new Map<string, Uint8Array>()

  /** What an opened node leads to. Storage tries and codes of accounts stand behind the accounts. */
  function follow({ owner }: SubtreePlace, { children, leaves }: OpenedNode): void {
    wanted.push(...children.map((child) => ({ owner, ...child })).toReversed())
    if (owner === '') followAccounts(leaves)
  }

  function followAccounts(leaves: OpenedNode['leaves']): void {
    for (const { path, value } of leaves) {
      const { storageRoot, codeHash } = decodeAccount(value)
      if (!isSame(storageRoot, emptyRootBytes)) {
        wanted.push({ owner: toKey(pathBytes(path)), path: '', hash: storageRoot })
      }
      const key = toKey(codeHash)
      const isKnown = key === keccakEmpty || store.get(statePlace(statePrefixes.code, key))
      if (isKnown === undefined) wantedCodes.set(key, codeHash)
    }
  }

  /** Follows nodes that are here already; the next one that is not is what to ask for. */
  function nextMissing(): WantedPlace | undefined {
    for (;;) {
      const place = wanted.pop()
      if (place === undefined) return undefined
      const rlp = store.get(statePlace(statePrefixes.node, place.owner + place.path))
      const opened = rlp && isSame(keccak256(rlp), place.hash) && openNode(rlp, place.path)
      if (!opened || !areKeysHere(opened, checks.preimages)) {
        return rlp === undefined ? place : { ...place, isAlone: true }
      }
      follow(place, opened)
    }
  }

  function take(): Wanted {
    const places: WantedPlace[] = []
    while (places.length < placesMax) {
      const place = nextMissing()
      if (place === undefined) break
      places.push(place)
    }
    const codes = [...wantedCodes.values()].slice(0, codesMax)
    for (const hash of codes) wantedCodes.delete(toKey(hash))
    return { places, codes }
  }

  function putBack({ places, codes }: Wanted): void {
    wanted.push(...places.toReversed())
    for (const hash of codes) wantedCodes.set(toKey(hash), hash)
  }

  return { take, putBack, followAccounts }
}

interface Checks {
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  readonly preimages: Preimages
}

interface Checked {
  readonly opened: readonly { readonly owner: string; readonly leaves: OpenedNode['leaves'] }[]
  readonly writes: readonly Write[]
  /** What of the asked places did not come. */
  readonly rest: readonly WantedPlace[]
}

function checkPart(
  { places, codes: hashes }: Wanted,
  { part, codes }: { readonly part: SnapshotPart; readonly codes: readonly Uint8Array[] },
  checks: Checks,
): Checked {
  if (part.length > places.length || codes.length > hashes.length) throw forged('too much')
  const [first] = part
  const isEmpty = first === undefined || first.length === 0
  if (isEmpty && codes.length === 0) throw new AppError({ code: 'SNAPSHOT_MISSING' })
  const writes = codes.map((code, i) => codeWrite(code, hashes[i] as Uint8Array, checks))
  const checked = places.map((place, i) => checkSubtree(place, part[i] ?? [], checks))
  return {
    opened: checked.flatMap(({ opened }) => opened),
    writes: [...writes, ...checked.flatMap((subtree) => subtree.writes)],
    rest: checked.flatMap(({ rest }) => rest),
  }
}

function codeWrite(code: Uint8Array, hash: Uint8Array, { keccak256 }: Checks): Write {
  if (!isSame(keccak256(code), hash)) throw forged('a code has another hash')
  return { key: statePlace(statePrefixes.code, toKey(hash)), value: code }
}

/** Follows one subtree in the order in which it is sent. */
function checkSubtree(place: WantedPlace, nodes: readonly SnapshotNode[], checks: Checks) {
  const { owner } = place
  const open: WantedPlace[] = [place]
  const opened: Checked['opened'][number][] = []
  const writes: Write[] = []
  for (const { rlp, keys } of nodes) {
    const at = open.pop()
    if (at === undefined) throw forged('more nodes than there are')
    if (!isSame(checks.keccak256(rlp), at.hash)) throw forged('a node has another hash')
    const { children, leaves } = openNode(rlp, at.path)
    writes.push({ key: statePlace(statePrefixes.node, owner + at.path), value: rlp })
    writes.push(...keyWrites(leaves, keys, checks))
    opened.push({ owner, leaves })
    open.push(...children.map((child) => ({ owner, ...child })).toReversed())
  }
  return { opened, writes, rest: open.toReversed() }
}

function keyWrites(
  leaves: OpenedNode['leaves'],
  keys: readonly Uint8Array[],
  { keccak256, preimages }: Checks,
): Write[] {
  if (keys.length !== leaves.length) throw forged('keys are missing')
  return leaves.map(({ path }, i) => {
    const key = keys[i] as Uint8Array
    const hash = pathBytes(path)
    if (!isSame(keccak256(key), hash)) throw forged('a key has another hash')
    return preimages.put(hash, key)
  })
}

function areKeysHere({ leaves }: OpenedNode, preimages: Preimages): boolean {
  return leaves.every(({ path }) => preimages.get(pathBytes(path)) !== undefined)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function forged(reason: string): AppError {
  return new AppError({ code: 'SNAPSHOT_FORGED', reason })
}
