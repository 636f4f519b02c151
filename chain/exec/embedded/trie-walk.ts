import { type Child, type TrieNode, decodeNode, textOf } from './trie-node.ts'

/** A stored node as its parent names it. */
export interface NodePlace {
  readonly path: string
  readonly hash: Uint8Array
}

export interface TrieLeaf {
  /** All nibbles of the key, one character each. */
  readonly path: string
  readonly value: Uint8Array
}

/** What a stored node leads to, nodes that stand inside it included; both in the order of their paths. */
export interface OpenedNode {
  readonly children: readonly NodePlace[]
  readonly leaves: readonly TrieLeaf[]
}

/** Opens the stored node of a path. The RLP must be trusted: its hash was compared. */
export function openNode(rlp: Uint8Array, path: string): OpenedNode {
  const children: NodePlace[] = []
  const leaves: TrieLeaf[] = []

  function visit(child: Child, at: string): void {
    if (child === null) return
    if (child instanceof Uint8Array) children.push({ path: at, hash: child })
    else visitNode(child, at)
  }

  function visitNode(node: TrieNode, at: string): void {
    if (node.kind === 'leaf') leaves.push({ path: at + textOf(node.key), value: node.value })
    else if (node.kind === 'extension') visit(node.child, at + textOf(node.key))
    else node.children.forEach((child, nibble) => visit(child, at + String.fromCharCode(nibble)))
  }

  visitNode(decodeNode(rlp, undefined), path)
  return { children, leaves }
}

/** The bytes of a whole key's path: two nibbles each. */
export function pathBytes(path: string): Uint8Array {
  const bytes = new Uint8Array(path.length / 2)
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = (path.charCodeAt(2 * i) << 4) | path.charCodeAt(2 * i + 1)
  }
  return bytes
}
