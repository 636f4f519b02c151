import { assert } from '#base/assert.ts'
import { fromHex } from '#base/hex.ts'
import { emptyRoot } from '../../core/header.ts'
import {
  type Branch,
  type Child,
  type Extension,
  type Leaf,
  type TrieNode,
  decodeNode,
  encodeBranch,
  encodeExtension,
  encodeLeaf,
  toNibbles,
} from './trie-node.ts'

/** Stored nodes by their path: one character of code 0-15 for each nibble from the root. */
export type ReadNode = (path: string) => Uint8Array | undefined

/** What a commit changed: RLP by path, null where a node is gone. */
export type NodeChanges = Map<string, Uint8Array | null>

export interface Trie {
  get(key: Uint8Array): Uint8Array | undefined
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  /** Hashes what changed, each node once, and adds it to `changes`. Gives the root. */
  commit(changes: NodeChanges): Uint8Array
}

export const emptyRootBytes = fromHex(emptyRoot)

export interface TrieOptions {
  readonly root: Uint8Array
  readonly read: ReadNode
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
}

/**
 * A Merkle Patricia trie for a batch of changes: nodes load when touched and are hashed once, at commit.
 * Nodes are stored under their path, so a newer one overwrites an older one and nothing is left behind.
 * Keys have one length, so no key ends inside the trie and branches hold no value.
 */
export function createTrie({ root: rootHash, read, keccak256 }: TrieOptions): Trie {
  const loaded = new Set<string>()
  const gone = new Set<string>()
  let root: Child = isEmptyRoot(rootHash) ? null : rootHash

  function at(child: Uint8Array | TrieNode, nibbles: Uint8Array, depth: number): TrieNode {
    return child instanceof Uint8Array ? load(child, textOf(nibbles.subarray(0, depth))) : child
  }

  function load(child: Uint8Array, path: string): TrieNode {
    const rlp = read(path)
    assert(rlp, 'a node that is referenced is stored')
    loaded.add(path)
    return decodeNode(rlp, child)
  }

  function get(key: Uint8Array): Uint8Array | undefined {
    const nibbles = toNibbles(key)
    let child = root
    for (let depth = 0; child !== null;) {
      const node = at(child, nibbles, depth)
      if (node.kind === 'branch') {
        child = node.children[nibbles[depth] as number] as Child
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

  function insert(child: Child, nibbles: Uint8Array, depth: number, value: Uint8Array): TrieNode {
    if (child === null) return leaf(nibbles.subarray(depth), value)
    const node = at(child, nibbles, depth)
    node.ref = undefined
    if (node.kind === 'branch') {
      const slot = nibbles[depth] as number
      node.children[slot] = insert(node.children[slot] as Child, nibbles, depth + 1, value)
      return node
    }
    const shared = sharedLength(node.key, nibbles, depth)
    if (shared === node.key.length) {
      if (node.kind === 'leaf') node.value = value
      else node.child = insert(node.child, nibbles, depth + shared, value)
      return node
    }
    return split(node, shared, leaf(nibbles.subarray(depth), value))
  }

  function remove(child: Child, nibbles: Uint8Array, depth: number): Child {
    if (child === null) return null
    const node = at(child, nibbles, depth)
    if (node.kind === 'branch') return removeFromBranch(node, nibbles, depth)
    if (sharedLength(node.key, nibbles, depth) < node.key.length) return node
    if (node.kind === 'leaf') {
      gone.add(textOf(nibbles.subarray(0, depth)))
      return null
    }
    const before = node.child
    const after = remove(before, nibbles, depth + node.key.length)
    if (after === before || (isClean(after) && isSame(before, after))) return withChild(node, after)
    assert(after, 'an extension leads to a branch, which never vanishes whole')
    return join(node.key, after, textOf(nibbles.subarray(0, depth + node.key.length)))
  }

  function removeFromBranch(node: Branch, nibbles: Uint8Array, depth: number): TrieNode {
    const slot = nibbles[depth] as number
    const before = node.children[slot] as Child
    const after = remove(before, nibbles, depth + 1)
    node.children[slot] = after
    if (after !== null && isClean(after) && isSame(before, after)) return node
    node.ref = undefined
    if (after !== null) return node
    const rest = node.children.flatMap((child, index) => (child === null ? [] : [index]))
    if (rest.length > 1) return node
    const only = rest[0] as number
    const path = textOf(nibbles.subarray(0, depth)) + String.fromCharCode(only)
    return join(Uint8Array.of(only), node.children[only] as Uint8Array | TrieNode, path)
  }

  /** `prefix` before what stands at `path`: two short nodes become one, a branch gets an extension. */
  function join(prefix: Uint8Array, child: Uint8Array | TrieNode, path: string): TrieNode {
    const node = child instanceof Uint8Array ? load(child, path) : child
    if (node.kind === 'branch')
      return { kind: 'extension', key: prefix, child: node, ref: undefined }
    gone.add(path)
    const key = new Uint8Array(prefix.length + node.key.length)
    key.set(prefix)
    key.set(node.key, prefix.length)
    return { ...node, key, ref: undefined }
  }

  function commit(changes: NodeChanges): Uint8Array {
    const written = new Set<string>()
    const ref = root === null ? emptyRootBytes : store(root, '', { changes, written })
    for (const path of gone) if (loaded.has(path) && !written.has(path)) changes.set(path, null)
    gone.clear()
    return ref
  }

  type Sink = { readonly changes: NodeChanges; readonly written: Set<string> }

  function store(child: Uint8Array | TrieNode, path: string, sink: Sink): Uint8Array {
    if (child instanceof Uint8Array) return child
    if (child.ref !== undefined) return child.ref
    const rlp = encode(child, path, sink)
    if (rlp.length < 32 && path !== '') {
      gone.add(path) // it stands inside its parent now
      return (child.ref = Uint8Array.from(rlp))
    }
    child.ref = Uint8Array.from(keccak256(rlp))
    sink.changes.set(path, Uint8Array.from(rlp))
    sink.written.add(path)
    loaded.add(path)
    return child.ref
  }

  function encode(node: TrieNode, path: string, sink: Sink): Uint8Array {
    if (node.kind === 'leaf') return encodeLeaf(node)
    if (node.kind === 'extension') {
      assert(node.child, 'an extension leads somewhere')
      return encodeExtension(node, store(node.child, path + textOf(node.key), sink))
    }
    const refs = node.children.map((child, index) =>
      child === null ? null : store(child, path + String.fromCharCode(index), sink),
    )
    return encodeBranch(refs)
  }

  return {
    get,
    put: (key, value) => void (root = insert(root, toNibbles(key), 0, value)),
    delete: (key) => void (root = remove(root, toNibbles(key), 0)),
    commit,
  }
}

function isEmptyRoot(root: Uint8Array): boolean {
  return Buffer.compare(root, emptyRootBytes) === 0
}

function leaf(key: Uint8Array, value: Uint8Array): Leaf {
  return { kind: 'leaf', key, value, ref: undefined }
}

function withChild(node: TrieNode & { kind: 'extension' }, child: Child): TrieNode {
  node.child = child
  return node
}

/** A leaf or extension that parts from `newcomer` after `shared` nibbles of its key. */
function split(node: Leaf | Extension, shared: number, newcomer: Leaf): TrieNode {
  const branch: Branch = { kind: 'branch', children: new Array(16).fill(null), ref: undefined }
  const rest = node.key.subarray(shared + 1)
  branch.children[node.key[shared] as number] =
    node.kind === 'extension' && rest.length === 0 ? node.child : { ...node, key: rest }
  branch.children[newcomer.key[shared] as number] = leaf(
    newcomer.key.subarray(shared + 1),
    newcomer.value,
  )
  if (shared === 0) return branch
  return { kind: 'extension', key: node.key.subarray(0, shared), child: branch, ref: undefined }
}

function isClean(child: Child): boolean {
  return child instanceof Uint8Array || child?.ref !== undefined
}

/** Whether a clean child still is what it was before it was loaded. */
function isSame(before: Child, after: Child): boolean {
  if (before === after) return true
  return before instanceof Uint8Array && !(after instanceof Uint8Array) && after?.ref === before
}

function sharedLength(key: Uint8Array, nibbles: Uint8Array, depth: number): number {
  let shared = 0
  while (shared < key.length && key[shared] === nibbles[depth + shared]) shared += 1
  return shared
}

function textOf(nibbles: Uint8Array): string {
  return String.fromCharCode(...nibbles)
}
