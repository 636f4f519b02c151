import type { Preimages } from './preimages.ts'
import type { StateView } from './state-view.ts'
import { openNode, pathBytes } from './trie-walk.ts'

/** Where a subtree of a state begins: in the accounts' trie, or in the storage trie of `owner`. */
export interface SubtreePlace {
  /** Empty, or the 32 bytes of an account's hash, one character each. */
  readonly owner: string
  /** Nibbles from the trie's root, one character each. */
  readonly path: string
  /** Only the first node: who asks has an older state, and most of what is below it. */
  readonly isAlone?: boolean | undefined
}

/** A stored node, and the addresses or slots that its leaves are hashes of. */
export interface SnapshotNode {
  readonly rlp: Uint8Array
  readonly keys: readonly Uint8Array[]
}

/** For each place the first nodes of its subtree, parents first, in the order of their paths. */
export type SnapshotPart = readonly (readonly SnapshotNode[])[]

/**
 * Reads subtrees of the state that `view` shows, until about `sizeBytesMax` bytes are read; what is left is
 * asked for again. A place without a node gives an empty list.
 */
export function readSubtrees(
  { view, preimages }: { readonly view: StateView; readonly preimages: Preimages },
  places: readonly SubtreePlace[],
  sizeBytesMax: number,
): SnapshotPart {
  let leftBytes = sizeBytesMax
  return places.map(({ owner, path, isAlone = false }) => {
    const nodes: SnapshotNode[] = []
    const open = [path]
    while (leftBytes > 0) {
      const at = open.pop()
      const rlp = at === undefined ? undefined : view.node(owner + at)
      if (at === undefined || rlp === undefined) break
      const { children, leaves } = openNode(rlp, at)
      const keys = leaves.map((leaf) => preimages.get(pathBytes(leaf.path)) ?? new Uint8Array())
      nodes.push({ rlp, keys })
      leftBytes -= keys.reduce((sum, { length }) => sum + length, rlp.length)
      if (!isAlone) open.push(...children.map((child) => child.path).toReversed())
    }
    return nodes
  })
}
