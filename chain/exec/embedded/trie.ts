import { createCommit } from './trie-commit.ts'
import { createInsert } from './trie-insert.ts'
import { type NodeChanges, type ReadNode, createLoader, emptyRootBytes } from './trie-loader.ts'
import { type Child, sharedLength, toNibbles } from './trie-node.ts'
import { createRemove } from './trie-remove.ts'

export interface Trie {
  get(key: Uint8Array): Uint8Array | undefined
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  /** Hashes what changed, each node once, and adds it to `changes`. Gives the root. */
  commit(changes: NodeChanges): Uint8Array
}

export interface TrieOptions {
  readonly root: Uint8Array
  readonly read: ReadNode
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
}

/**
 * A Merkle Patricia trie for a batch of changes: nodes load when touched and are hashed once, at commit.
 * Nodes are stored under their path, so a newer one overwrites an older one and nothing is left behind.
 * No key may be the beginning of another, so branches hold no value.
 */
export function createTrie(options: TrieOptions): Trie {
  const loader = createLoader(options.read)
  const insert = createInsert(loader)
  const remove = createRemove(loader)
  const store = createCommit(loader, options.keccak256)
  const isEmpty = Buffer.compare(options.root, emptyRootBytes) === 0
  let root: Child = isEmpty ? null : options.root

  function get(key: Uint8Array): Uint8Array | undefined {
    const nibbles = toNibbles(key)
    let child = root
    for (let depth = 0; child !== null;) {
      const node = loader.at(child, nibbles, depth)
      if (node.kind === 'branch') {
        child = node.children[nibbles[depth] as number] ?? null
        depth += 1
        continue
      }
      if (sharedLength(node.key, nibbles, depth) < node.key.length) return undefined
      if (node.kind === 'leaf') return node.value
      depth += node.key.length
      child = node.child
    }
    return undefined
  }

  return {
    get,
    put: (key, value) => void (root = insert(root, toNibbles(key), { depth: 0, value })),
    delete: (key) => void (root = remove(root, toNibbles(key), 0)),
    commit: (changes) => store(root, changes),
  }
}
