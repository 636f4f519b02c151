import { assert } from '#base/assert.ts'
import { type MerkleProof, bytesRoot, merkleLeafBytes } from '#base/crypto/merkle.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { type Position, type State, zeroWord } from '#chain/client/dispute/position.ts'
import type { Leaf as OperandLeaf } from '#chain/client/dispute/verifier.ts'
import type { Entry, Program } from '#compute/transcript/program.ts'
import { type StepTensors, lossEntryOf, programProofOf } from '#compute/transcript/tensors.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import { taskOf } from './verifier.ts'

/** What the asserter shows, in the forms of IDisputeGame. */

export const floatsPerLeaf = merkleLeafBytes / 4
const childrenMax = 4
const emptyRoot = toHex(bytesRoot(new Uint8Array(0)))
const pathOf = ({ path }: MerkleProof) => path.map((hash) => toHex(hash))

/** An entry of the program, which has it. */
export function entryAt({ entries }: Program, place: number): Entry {
  const entry = entries[place]
  assert(entry, 'the program has the entry')
  return entry
}

function entryArg(entry: Entry) {
  return {
    task: taskOf(entry),
    size: BigInt(entry.sizeElements),
    operands: entry.operands.map((operand) => BigInt(operand.entry)),
  }
}

function programPath(program: Program, place: number): Hex[] {
  return pathOf(programProofOf(program, place))
}

/** Bits of the loss. */
export function lossBitsOf(tensors: StepTensors): number {
  const bytes = tensors.bytesOf(lossEntryOf(tensors.program))
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
}

/** Roots of p, m and v before (`''`) or after (`' after'`) the step. */
export function stateRootsOf(tensors: StepTensors, when: '' | ' after') {
  const rootOf = (name: string) => {
    const place = placeOf(tensors.program, `${name}${when}`)
    return place < 0 ? emptyRoot : toHex(tensors.rootOf(place))
  }
  return { p: rootOf('p'), m: rootOf('m'), v: rootOf('v') }
}

function placeOf({ entries }: Program, name: string): number {
  return entries.findIndex((entry) => entry.name === name)
}

/** StepOpening: the two leaves of the step, and two trees that match them. */
export function stepOpening(start: Leaf, tensors: StepTensors, batchPath: readonly Hex[]) {
  const { program } = tensors
  const total = program.entries.length
  const given = program.givenCount
  const lossEntry = lossEntryOf(program)
  const pathTo = (name: string, proofOf: (place: number) => MerkleProof) => {
    const place = placeOf(program, name)
    return place < 0 ? [] : pathOf(proofOf(place))
  }
  const { p, m, v } = start
  return {
    start: { p, m, v, step: BigInt(start.step), folded: zeroWord, lossBits: 0 },
    transcript: start.transcript,
    end: {
      ...stateRootsOf(tensors, ' after'),
      step: BigInt(start.step + 1),
      folded: toHex(tensors.rootOf(placeOf(program, 'folded'))),
      lossBits: lossBitsOf(tensors),
    },
    given: BigInt(given),
    total: BigInt(total),
    lossEntry: BigInt(lossEntry),
    before: toHex(tensors.prefixRoot(given)),
    result: toHex(tensors.prefixRoot(total)),
    lastGivenSize: BigInt(entryAt(program, given - 1).sizeElements),
    batch: toHex(tensors.batchRoot()),
    loss: entryArg(entryAt(program, lossEntry)),
    paths: [
      ...['p', 'm', 'v'].map((name) => pathTo(name, tensors.stateProof)),
      ...['p after', 'm after', 'v after', 'folded'].map((name) =>
        pathTo(name, (place) => tensors.entryProof(place, total)),
      ),
      pathOf(tensors.entryProof(lossEntry, total)),
      programPath(program, given - 1),
      programPath(program, lossEntry),
      batchPath,
    ],
  }
}

/** TensorOpening: the root of a tensor in the tree of tensors, and how it is computed. */
export function tensorOpening(tensors: StepTensors, place: number) {
  const { program } = tensors
  return {
    claims: [place, place + 1].map((count) => toHex(tensors.prefixRoot(count))),
    top: levelsOf(tensors.bytesOf(place)).at(-1)?.[0] ?? zeroWord,
    total: BigInt(program.entries.length),
    entry: entryArg(entryAt(program, place)),
    path: pathOf(tensors.entryProof(place, place + 1)),
    programPath: programPath(program, place),
  }
}

/** The children of the node at which a position stands. */
export function childrenOf(tensors: StepTensors, position: Position): readonly Hex[] {
  const { entry, height, place } = position
  const first = Number(place) * childrenMax
  const below = levelsOf(tensors.bytesOf(Number(entry)))[Number(height) - 1] ?? []
  return below.slice(first, first + childrenMax)
}

/** The 2 KiB of the leaf at which a position stands. */
export function wordsOf(tensors: StepTensors, { entry, place }: Position): Uint8Array {
  return tensors.leafOf(Number(entry), Number(place) * floatsPerLeaf).words
}

/** ElementOpening: the state in which the computation of the element ends. */
export function elementOpening({ program }: StepTensors, place: number, result: State) {
  return {
    result,
    total: BigInt(program.entries.length),
    entry: entryArg(entryAt(program, place)),
    programPath: programPath(program, place),
  }
}

/** Slice: the terms' states, and the leaves of operands under what both sides agree on. */
export function sliceOf(
  tensors: StepTensors,
  place: number,
  slice: { before: State; result: Hex; leaves: readonly OperandLeaf[] },
) {
  const { program } = tensors
  const entry = entryAt(program, place)
  const { before, result, leaves } = slice
  return {
    entry: entryArg(entry),
    programPath: programPath(program, place),
    total: BigInt(program.entries.length),
    before,
    result,
    openings: leaves.map(({ operand, index, words }) => {
      const source = entry.operands[Number(operand)]?.entry ?? 0
      const { proof } = tensors.leafOf(source, Number(index) * floatsPerLeaf)
      return {
        operand,
        index,
        words,
        root: toHex(tensors.rootOf(source)),
        sizeBytes: BigInt(4 * entryAt(program, source).sizeElements),
        entryPath: pathOf(tensors.entryProof(source, place)),
        path: pathOf(proof),
      }
    }),
  }
}

/** Hashes of every level of a tensor's tree, leaves first. */
function levelsOf(bytes: Uint8Array): Hex[][] {
  let level: Uint8Array[] = []
  for (let start = 0; start < bytes.length; start += merkleLeafBytes) {
    level.push(sha256(bytes.subarray(start, start + merkleLeafBytes)))
  }
  const levels = [level]
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += childrenMax) {
      const children = level.slice(i, i + childrenMax)
      above.push(children.length === 1 ? (children[0] as Uint8Array) : sha256(...children))
    }
    levels.push(above)
    level = above
  }
  return levels.map((one) => one.map((hash) => toHex(hash)))
}
