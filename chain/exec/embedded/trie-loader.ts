import { assert } from '#base/assert.ts'
import { fromHex } from '#base/hex.ts'
import { emptyRoot } from '#chain/core/header.ts'
import { type TrieNode, decodeNode, textOf } from './trie-node.ts'

/** Stored nodes by their path: one character of code 0-15 for each nibble from the root. */
export type ReadNode = (path: string) => Uint8Array | undefined

/** What a commit changed: RLP by path, null where a node is gone. */
export type NodeChanges = Map<string, Uint8Array | null>

/** The stored nodes that a batch has touched. */
export interface Loader {
  /** The node in a child's place, at the path of the first `depth` nibbles. */
  at(child: Uint8Array | TrieNode, nibbles: Uint8Array, depth: number): TrieNode
  load(child: Uint8Array, path: string): TrieNode
  /** Paths where a stored node stood when the batch began. */
  readonly loaded: Set<string>
  /** Paths where no node of its own may stand any more. */
  readonly gone: Set<string>
}

export const emptyRootBytes = fromHex(emptyRoot)

/** Creates the door to the stored nodes for one batch. */
export function createLoader(read: ReadNode): Loader {
  const loaded = new Set<string>()

  function load(child: Uint8Array, path: string): TrieNode {
    const rlp = read(path)
    assert(rlp, 'a node that is referenced is stored')
    loaded.add(path)
    return decodeNode(rlp, child)
  }

  return {
    loaded,
    gone: new Set(),
    load,
    at: (child, nibbles, depth) =>
      child instanceof Uint8Array ? load(child, textOf(nibbles.subarray(0, depth))) : child,
  }
}
