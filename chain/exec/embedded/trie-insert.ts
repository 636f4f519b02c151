import type { Loader } from './trie-loader.ts'
import {
  type Branch,
  type Child,
  type Extension,
  type Leaf,
  type TrieNode,
  sharedLength,
} from './trie-node.ts'

/** Where in the key we are, and what is put there. */
interface Insertion {
  readonly depth: number
  readonly value: Uint8Array
}

export type Insert = (child: Child, nibbles: Uint8Array, insertion: Insertion) => TrieNode

/** Creates the step that puts a value under a key; every node on the way is changed. */
export function createInsert(loader: Loader): Insert {
  function insert(child: Child, nibbles: Uint8Array, { depth, value }: Insertion): TrieNode {
    if (child === null) return leafOf(nibbles.subarray(depth), value)
    const node = loader.at(child, nibbles, depth)
    node.ref = undefined
    if (node.kind === 'branch') {
      const slot = nibbles[depth] as number
      const below = node.children[slot] ?? null
      node.children[slot] = insert(below, nibbles, { depth: depth + 1, value })
      return node
    }
    const shared = sharedLength(node.key, nibbles, depth)
    if (shared === node.key.length) {
      if (node.kind === 'leaf') node.value = value
      else node.child = insert(node.child, nibbles, { depth: depth + shared, value })
      return node
    }
    return split(node, shared, leafOf(nibbles.subarray(depth), value))
  }

  return insert
}

function leafOf(key: Uint8Array, value: Uint8Array): Leaf {
  return { kind: 'leaf', key, value, ref: undefined }
}

/** A leaf or extension that parts from `newcomer` after `shared` nibbles of its key. */
function split(node: Leaf | Extension, shared: number, newcomer: Leaf): TrieNode {
  const children: Child[] = Array.from({ length: 16 }, () => null)
  const branch: Branch = { kind: 'branch', children, ref: undefined }
  const rest = node.key.subarray(shared + 1)
  children[node.key[shared] as number] =
    node.kind === 'extension' && rest.length === 0 ? node.child : { ...node, key: rest }
  const newRest = newcomer.key.subarray(shared + 1)
  children[newcomer.key[shared] as number] = leafOf(newRest, newcomer.value)
  if (shared === 0) return branch
  return { kind: 'extension', key: node.key.subarray(0, shared), child: branch, ref: undefined }
}
