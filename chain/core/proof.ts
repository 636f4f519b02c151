import { RLP } from '@ethereumjs/rlp'
import { keccak256 } from '#base/crypto/keys.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { emptyRoot, quantity } from './header.ts'

/** A decoded node: a branch of 17 items, or a path and what lies there. Small nodes stand inside others. */
type Node = readonly (Uint8Array | Node)[]

const nodesMax = 65 // a path has 64 nibbles

/**
 * The value that a Merkle Patricia proof (EIP-1186) shows at a key under a root; undefined where it shows that
 * there is none. `nodes` are the RLP of the stored nodes from the root on. Throws PROOF_INVALID.
 */
export function provenValue(
  root: Hex,
  key: Uint8Array,
  nodes: readonly Uint8Array[],
): Uint8Array | undefined {
  if (nodes.length > nodesMax) throw invalid('it is too long')
  const walk = { root, nodes, used: 0 }
  const value = nodes.length === 0 ? emptyTrie(root) : descend(walk, nibblesOf(toHex(key)))
  if (walk.used < nodes.length) throw invalid('it goes on behind its end')
  return value
}

/** An account as its proof shows it. */
export interface ProvenAccount {
  readonly nonce: bigint
  readonly balanceWei: bigint
  readonly storageRoot: Hex
  readonly codeHash: Hex
}

/** The account at an address under a state root; undefined where there is none. Throws PROOF_INVALID. */
export function provenAccount(
  stateRoot: Hex,
  address: Hex,
  nodes: readonly Uint8Array[],
): ProvenAccount | undefined {
  const rlp = provenValue(stateRoot, keccak256(fromHex(address)), nodes)
  if (rlp === undefined) return undefined
  const fields = decode(rlp)
  const [nonce, balance, storageRoot, codeHash] = fields
  if (fields.length !== 4 || !isBytes(storageRoot, 32) || !isBytes(codeHash, 32)) {
    throw invalid('the account has another form')
  }
  return {
    nonce: integerOf(nonce),
    balanceWei: integerOf(balance),
    storageRoot: toHex(storageRoot),
    codeHash: toHex(codeHash),
  }
}

/** The word in a storage slot under a storage root; 0 where nothing is stored. Throws PROOF_INVALID. */
export function provenWord(storageRoot: Hex, slot: Hex, nodes: readonly Uint8Array[]): bigint {
  const rlp = provenValue(storageRoot, keccak256(fromHex(slot)), nodes)
  if (rlp === undefined) return 0n
  const word = attempt(() => RLP.decode(rlp))
  if (!(word instanceof Uint8Array) || word.length > 32) throw invalid('the word has another form')
  return quantity(word)
}

function emptyTrie(root: Hex): undefined {
  if (root !== emptyRoot) throw invalid('it is empty')
}

interface Walk {
  readonly root: Hex
  readonly nodes: readonly Uint8Array[]
  used: number
}

function descend(walk: Walk, path: readonly number[]): Uint8Array | undefined {
  let node = stored(walk, walk.root)
  let depth = 0
  for (;;) {
    const step =
      node.length === 17 ? branchStep(node, path[depth]) : pathStep(node, path.slice(depth))
    if (step === undefined || step.kind === 'value') return step?.value
    depth += step.length
    node = step.child instanceof Uint8Array ? stored(walk, toHex(step.child)) : step.child
  }
}

type Step =
  | { readonly kind: 'child'; readonly child: Uint8Array | Node; readonly length: number }
  | { readonly kind: 'value'; readonly value: Uint8Array }

/** Where a branch leads; undefined where it ends. */
function branchStep(node: Node, nibble: number | undefined): Step | undefined {
  if (nibble === undefined) throw invalid('a path is too long')
  return childStep(node[nibble], 1)
}

function pathStep(node: Node, rest: readonly number[]): Step | undefined {
  const [encoded, target] = node
  if (node.length !== 2 || !(encoded instanceof Uint8Array) || encoded.length === 0) {
    throw invalid('a node has another form')
  }
  const nibbles = nibblesOf(toHex(encoded))
  const [flag = 0] = nibbles
  const own = nibbles.slice(flag % 2 === 1 ? 1 : 2)
  if (flag > 3 || (flag < 2 && own.length === 0)) throw invalid('a node has another form')
  const isOnPath = own.every((nibble, i) => nibble === rest[i])
  if (flag < 2) return isOnPath ? childStep(target, own.length) : undefined
  if (!isOnPath || own.length !== rest.length) return undefined
  if (!(target instanceof Uint8Array)) throw invalid('a leaf has another form')
  return { kind: 'value', value: target }
}

function childStep(child: Uint8Array | Node | undefined, length: number): Step | undefined {
  if (child === undefined) throw invalid('a node has another form')
  if (!(child instanceof Uint8Array)) return { kind: 'child', child, length }
  if (child.length === 0) return undefined
  if (child.length !== 32) throw invalid('a hash has another length')
  return { kind: 'child', child, length }
}

/** The next node of the proof, which must have this hash. */
function stored(walk: Walk, hash: Hex): Node {
  const rlp = walk.nodes[walk.used]
  if (rlp === undefined) throw invalid('it ends too early')
  if (toHex(keccak256(rlp)) !== hash) throw invalid('a hash does not match')
  walk.used += 1
  return decode(rlp)
}

function decode(rlp: Uint8Array): Node {
  const node = attempt(() => RLP.decode(rlp))
  if (!Array.isArray(node)) throw invalid('a node has another form')
  return node
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw invalid('it is not RLP', error)
  }
}

function isBytes(value: Uint8Array | Node | undefined, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length
}

function integerOf(value: Uint8Array | Node | undefined): bigint {
  if (!(value instanceof Uint8Array) || value.length > 32) throw invalid('an integer is none')
  return quantity(value)
}

function nibblesOf(hex: Hex): readonly number[] {
  return Array.from(hex.slice(2), (digit) => Number.parseInt(digit, 16))
}

function invalid(reason: string, cause?: unknown): AppError {
  return new AppError({ code: 'PROOF_INVALID', reason }, { cause })
}
