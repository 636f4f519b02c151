import { assert } from '#base/assert.ts'
import { type Loader, type NodeChanges, emptyRootBytes } from './trie-loader.ts'
import {
  type Child,
  type TrieNode,
  encodeBranch,
  encodeExtension,
  encodeLeaf,
  textOf,
} from './trie-node.ts'

export type Commit = (root: Child, changes: NodeChanges) => Uint8Array

interface Sink {
  readonly changes: NodeChanges
  readonly written: Set<string>
}

/** Creates the step that hashes changed nodes from below and says what changes on the disk. */
export function createCommit(
  { loaded, gone }: Loader,
  keccak256: (bytes: Uint8Array) => Uint8Array,
): Commit {
  function store(child: Uint8Array | TrieNode, path: string, sink: Sink): Uint8Array {
    if (child instanceof Uint8Array) return child
    if (child.ref !== undefined) return child.ref
    const rlp = Uint8Array.from(encode(child, path, sink))
    if (rlp.length < 32 && path !== '') {
      gone.add(path) // it stands inside its parent now
      child.ref = rlp
      return rlp
    }
    child.ref = keccak256(rlp)
    sink.changes.set(path, rlp)
    sink.written.add(path)
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

  return (root, changes) => {
    const written = new Set<string>()
    const ref = root === null ? emptyRootBytes : store(root, '', { changes, written })
    for (const path of gone) if (loaded.has(path) && !written.has(path)) changes.set(path, null)
    for (const path of written) loaded.add(path)
    gone.clear()
    return ref
  }
}
