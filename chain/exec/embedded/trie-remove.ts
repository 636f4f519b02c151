import { assert } from '#base/assert.ts'
import type { Loader } from './trie-loader.ts'
import { type Branch, type Child, type TrieNode, sharedLength, textOf } from './trie-node.ts'

export type Remove = (child: Child, nibbles: Uint8Array, depth: number) => Child

/** Creates the step that takes a key out; a branch left with one child becomes a shorter node. */
export function createRemove(loader: Loader): Remove {
  function remove(child: Child, nibbles: Uint8Array, depth: number): Child {
    if (child === null) return null
    const node = loader.at(child, nibbles, depth)
    if (node.kind === 'branch') return removeFromBranch(node, nibbles, depth)
    if (sharedLength(node.key, nibbles, depth) < node.key.length) return node
    if (node.kind === 'leaf') {
      loader.gone.add(textOf(nibbles.subarray(0, depth)))
      return null
    }
    const before = node.child
    const after = remove(before, nibbles, depth + node.key.length)
    if (isSame(before, after)) {
      node.child = after
      return node
    }
    assert(after, 'an extension leads to a branch, which never vanishes whole')
    return join(node.key, after, textOf(nibbles.subarray(0, depth + node.key.length)))
  }

  function removeFromBranch(node: Branch, nibbles: Uint8Array, depth: number): TrieNode {
    const slot = nibbles[depth] as number
    const before = node.children[slot] ?? null
    const after = remove(before, nibbles, depth + 1)
    node.children[slot] = after
    if (isSame(before, after)) return node
    node.ref = undefined
    if (after !== null) return node
    const rest = node.children.flatMap((child, index) => (child === null ? [] : [index]))
    if (rest.length > 1) return node
    const only = rest[0] as number
    const last = node.children[only]
    assert(last, 'a branch has two children or more')
    const path = textOf(nibbles.subarray(0, depth)) + String.fromCharCode(only)
    return join(Uint8Array.of(only), last, path)
  }

  /** `prefix` before what stands at `path`: two short nodes become one, a branch gets an extension. */
  function join(prefix: Uint8Array, child: Uint8Array | TrieNode, path: string): TrieNode {
    const node = child instanceof Uint8Array ? loader.load(child, path) : child
    if (node.kind === 'branch') {
      return { kind: 'extension', key: prefix, child: node, ref: undefined }
    }
    loader.gone.add(path)
    const key = new Uint8Array(prefix.length + node.key.length)
    key.set(prefix)
    key.set(node.key, prefix.length)
    return { ...node, key, ref: undefined }
  }

  return remove
}

/** Whether a child still is what it was, be it that it was loaded meanwhile. */
function isSame(before: Child, after: Child): boolean {
  if (before === null || after === null) return before === after
  if (after instanceof Uint8Array || after.ref === undefined) return false
  return before === after || after.ref === before
}
