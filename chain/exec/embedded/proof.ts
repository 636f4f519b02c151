import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import { emptyRoot } from '#chain/core/header.ts'
import { type StateView, noBytes } from './state-view.ts'
import { type Child, type TrieNode, decodeNode, toNibbles } from './trie-node.ts'

type Keccak = (bytes: Uint8Array) => Uint8Array

export interface SlotProof {
  readonly slot: Hex
  readonly word: bigint
  readonly proof: readonly Hex[]
}

/** An account with the nodes that lead to it, and to some of its words (EIP-1186). */
export interface AccountProof {
  readonly address: Hex
  readonly balanceWei: bigint
  readonly nonce: bigint
  readonly codeHash: Hex
  readonly storageHash: Hex
  readonly accountProof: readonly Hex[]
  readonly storageProof: readonly SlotProof[]
}

const emptyCodeHash: Hex = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

/** Proves an account and words of it, or their absence, in the state that `view` shows. */
export function proveAccount(
  view: StateView,
  target: { readonly address: Hex; readonly slots: readonly Hex[] },
  keccak256: Keccak,
): AccountProof {
  const address = fromHex(target.address)
  const key = keccak256(address)
  const account = view.account(toKey(address))
  const owner = toKey(key)
  const storageProof = target.slots.map((slot) => ({
    slot,
    word: BigInt(toHex(Uint8Array.of(0, ...view.slot(toKey(address), toKey(fromHex(slot)))))),
    proof: provePath((path) => view.node(owner + path), keccak256(fromHex(slot))),
  }))
  return {
    address: target.address,
    balanceWei: account?.balance ?? 0n,
    nonce: account?.nonce ?? 0n,
    codeHash: account === null ? emptyCodeHash : toHex(account.codeHash),
    storageHash: account === null ? emptyRoot : toHex(account.storageRoot),
    accountProof: provePath((path) => view.node(path), key),
    storageProof: account === null ? storageProof.map(withoutProof) : storageProof,
  }
}

function withoutProof(proof: SlotProof): SlotProof {
  return { ...proof, proof: [] }
}

/** Stored nodes from the root towards a key, as far as they lead. */
function provePath(read: (path: string) => Uint8Array | undefined, key: Uint8Array): Hex[] {
  const nibbles = toNibbles(key)
  const proof: Hex[] = []
  let depth = 0
  let child: Child = read('') === undefined ? null : noBytes
  while (child !== null) {
    const stored: boolean = child instanceof Uint8Array
    const node: TrieNode | undefined = stored ? storedNode() : (child as TrieNode)
    if (node === undefined) break
    const step: { child: Child; depth: number } = next(node, nibbles, depth)
    child = step.child
    depth = step.depth
  }
  return proof

  function storedNode(): TrieNode | undefined {
    const rlp = read(String.fromCharCode(...nibbles.subarray(0, depth)))
    if (rlp === undefined) return undefined
    proof.push(toHex(rlp))
    return decodeNode(rlp, undefined)
  }
}

function next(node: TrieNode, nibbles: Uint8Array, depth: number): { child: Child; depth: number } {
  if (node.kind === 'branch') {
    return { child: node.children[nibbles[depth] as number] as Child, depth: depth + 1 }
  }
  const isOnPath = node.key.every((nibble, i) => nibble === nibbles[depth + i])
  if (node.kind === 'leaf' || !isOnPath) return { child: null, depth }
  return { child: node.child, depth: depth + node.key.length }
}
