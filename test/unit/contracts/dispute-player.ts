import { assert } from '#base/assert.ts'
import { type MerkleProof, bytesRoot } from '#base/crypto/merkle.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import { leafHashOf, transcriptRootOf } from '#compute/train/commit.ts'
import type { Entry } from '#compute/transcript/program.ts'
import { type StepTensors, programProofOf, programRootOf } from '#compute/transcript/tensors.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf as StateLeaf } from '#wire/segment.ts'
import type { Call } from './compile.ts'
import {
  type Claim,
  type Position,
  listHash,
  pairHash,
  phases,
  stateHash,
  zero,
} from './dispute-moves.ts'
import { type World, asserter, challenger } from './dispute-world.ts'
import {
  type Leaf,
  type State,
  lengthOf,
  runSlice,
  startState,
  stepsMax,
  taskOf,
} from './verifier.ts'

const floatsPerLeaf = 2048
const pathOf = ({ path }: MerkleProof) => path.map((hash) => toHex(hash))

/** What an asserter says of one step: its tensors, of which some may be lies. */
export interface StepClaim {
  readonly tensors: StepTensors
  readonly start: StateLeaf
  readonly end: StateLeaf
  readonly lossBits: number
}

const emptyRoot = toHex(bytesRoot(new Uint8Array(0)))

/** The leaves that tensors stand for, whatever they hold. */
export function stepClaimOf(tensors: StepTensors, step: number): StepClaim {
  const rootOf = (name: string) => {
    const place = tensors.program.entries.findIndex((entry) => entry.name === name)
    return place < 0 ? emptyRoot : toHex(tensors.rootOf(place))
  }
  const lossPlace = lossEntryOf(tensors)
  const loss = new DataView(tensors.bytesOf(lossPlace).slice().buffer)
  const state = (after: string) => ({
    p: rootOf(`p${after}`),
    m: rootOf(`m${after}`),
    v: rootOf(`v${after}`),
  })
  return {
    tensors,
    start: { ...state(''), step, transcript: zero },
    end: {
      ...state(' after'),
      step: step + 1,
      transcript: transcriptRootOf(rootOf('folded'), loss.getFloat32(0, true)),
    },
    lossBits: loss.getUint32(0, true),
  }
}

export const leafHash = (leaf: StateLeaf) => leafHashOf(leaf)

export function lossEntryOf({ program }: StepTensors): number {
  return program.entries.findIndex(({ kind }) => kind === 17)
}

function entryArg(entry: Entry) {
  return {
    task: taskOf(entry),
    size: BigInt(entry.sizeElements),
    operands: entry.operands.map((operand) => BigInt(operand.entry)),
  }
}

/** The asserter's moves behind its steps, each from what it has. */
export function createAsserter(
  world: World,
  id: Hex,
  { claim, step }: { claim: Claim; step: StepClaim },
) {
  const { tensors } = step
  const { program } = tensors
  const total = program.entries.length
  const given = program.givenCount
  const entryAt = (place: number): Entry => {
    const entry = program.entries[place]
    assert(entry, 'the program has the entry')
    return entry
  }
  const programPath = (place: number) => pathOf(programProofOf(program, place))

  return {
    async openStep(position: Position) {
      const placeOf = (name: string) => program.entries.findIndex((entry) => entry.name === name)
      const path = (name: string, count: number) => {
        const place = placeOf(name)
        return place < 0 ? [] : pathOf(tensors.entryProof(place, count))
      }
      const lossEntry = lossEntryOf(tensors)
      const paths = [
        ...['p', 'm', 'v'].map((name) => path(name, given)),
        ...['p after', 'm after', 'v after', 'folded'].map((name) => path(name, total)),
        pathOf(tensors.entryProof(lossEntry, total)),
        programPath(given - 1),
        programPath(lossEntry),
      ]
      const [before, result] = [toHex(tensors.prefixRoot(given)), toHex(tensors.prefixRoot(total))]
      const leafArg = ({ p, m, v, step: count }: StateLeaf) => ({ p, m, v, step: BigInt(count) })
      const opening = {
        start: { ...leafArg(step.start), folded: zero, lossBits: 0 },
        transcript: step.start.transcript,
        end: {
          ...leafArg(step.end),
          folded: toHex(tensors.rootOf(placeOf('folded'))),
          lossBits: step.lossBits,
        },
        given: BigInt(given),
        total: BigInt(total),
        lossEntry: BigInt(lossEntry),
        before,
        result,
        lastGivenSize: BigInt(entryAt(given - 1).sizeElements),
        loss: entryArg(entryAt(lossEntry)),
        paths,
      }
      const { gas } = await world.play(asserter, 'openStep', id, position, claim, opening)
      const next: Position = {
        ...position,
        phase: phases.splitTensors,
        low: BigInt(given),
        high: BigInt(total),
        claims: pairHash(before, result),
      }
      return { gas, position: next, opening }
    },

    async openTensor(position: Position) {
      const place = Number(position.low)
      const entry = entryAt(place)
      const sizeBytes = 4 * entry.sizeElements
      const levels = levelsOf(tensors.bytesOf(place))
      const claims = [place, place + 1].map((count) => toHex(tensors.prefixRoot(count))) as [
        Hex,
        Hex,
      ]
      const opening = {
        claims,
        top: levels.at(-1)?.[0] ?? zero,
        total: BigInt(total),
        entry: entryArg(entry),
        path: pathOf(tensors.entryProof(place, place + 1)),
        programPath: programPath(place),
      }
      const { gas } = await world.play(asserter, 'openTensor', id, position, claim, opening)
      const height = levels.length - 1
      const next: Position = {
        ...position,
        prefix: claims[0],
        entry: BigInt(place),
        sizeBytes: BigInt(sizeBytes),
        node: opening.top,
        height: BigInt(height),
        phase: height === 0 ? phases.openLeaf : phases.openNode,
      }
      return { gas, position: next, opening }
    },

    /** Children of the node, with the challenger's answer: those of its own tensor. */
    async openNode(position: Position, right: StepTensors) {
      const place = Number(position.entry)
      const height = Number(position.height) - 1
      const first = Number(position.place) * 4
      const children = levelsOf(tensors.bytesOf(place))[height]!.slice(first, first + 4)
      const known = levelsOf(right.bytesOf(place))[height]!.slice(first, first + 4)
      const open = await world.play(asserter, 'openNode', id, position, children)
      const between: Position = { ...position, phase: phases.pickNode, claims: listHash(children) }
      const child = Math.max(
        0,
        children.findIndex((hash, i) => hash !== known[i]),
      )
      const pick = await world.play(challenger, 'pickNode', id, between, children, BigInt(child))
      const next: Position = {
        ...between,
        node: children[child]!,
        height: BigInt(height),
        place: BigInt(first + child),
        phase: height === 0 ? phases.openLeaf : phases.openNode,
      }
      return { gas: open.gas + pick.gas, position: next }
    },

    /** The leaf, and the challenger's pick of an element; without a difference its first. */
    async openLeaf(position: Position, right: StepTensors) {
      const place = Number(position.entry)
      const start = Number(position.place) * floatsPerLeaf * 4
      const cut = (bytes: Uint8Array) => bytes.slice(start, start + floatsPerLeaf * 4)
      const [words, known] = [cut(tensors.bytesOf(place)), cut(right.bytesOf(place))]
      const open = await world.play(asserter, 'openLeaf', id, position, toHex(words))
      const between: Position = { ...position, phase: phases.pickElement }
      const element = Math.max(0, words.findIndex((byte, i) => byte !== known[i]) >> 2)
      const args = [id, between, toHex(words), BigInt(element)]
      const pick = await world.play(challenger, 'pickElement', ...args)
      const next: Position = {
        ...between,
        value: new DataView(words.buffer).getUint32(4 * element, true),
        place: BigInt(Number(position.place) * floatsPerLeaf + element),
        phase: phases.openElement,
      }
      return { gas: open.gas + pick.gas, position: next }
    },

    async openElement(position: Position, result: State, length: number) {
      const place = Number(position.entry)
      const opening = {
        result,
        total: BigInt(total),
        entry: entryArg(entryAt(place)),
        programPath: programPath(place),
      }
      const { gas } = await world.play(asserter, 'openElement', id, position, claim, opening)
      const next: Position = {
        ...position,
        low: 0n,
        high: BigInt(length),
        claims: pairHash(stateHash(startState), stateHash(result)),
        phase: phases.splitSlice,
      }
      return { gas, position: next }
    },

    /** Proves the terms with the asserter's own tensors, from and to the states it said. */
    async prove(call: Call, position: Position, states: { before: State; result: State }) {
      const entry = entryAt(Number(position.entry))
      const leaves: Leaf[] = []
      const [from, to] = [Number(position.low), Number(position.high)]
      const slice = { element: Number(position.place), from, to, state: states.before }
      await runSlice(call, { tensors, entry, leaves }, slice)
      const openings = leaves.map(({ operand, index, words }) => {
        const source = entry.operands[Number(operand)]!.entry
        const { proof } = tensors.leafOf(source, Number(index) * floatsPerLeaf)
        return {
          operand,
          index,
          words,
          root: toHex(tensors.rootOf(source)),
          sizeBytes: BigInt(tensors.bytesOf(source).length),
          entryPath: pathOf(tensors.entryProof(source, Number(position.entry))),
          path: pathOf(proof),
        }
      })
      const argument = {
        entry: entryArg(entry),
        programPath: programPath(Number(position.entry)),
        total: BigInt(total),
        ...states,
        openings,
      }
      return world.play(asserter, 'prove', id, position, claim, argument)
    },
  }
}

/** The states of an element's computation after every 64 steps, by place. */
export async function statesOf(call: Call, tensors: StepTensors, place: number, element: number) {
  const entry = tensors.program.entries[place]!
  const length = await lengthOf(call, entry, element)
  const leaves: Leaf[] = []
  const known = new Map<number, State>([[0, startState]])
  const at = async (to: number): Promise<State> => {
    let from = Math.max(...[...known.keys()].filter((place) => place <= to))
    while (from < to) {
      const end = Math.min(to, from + stepsMax)
      const slice = { element, from, to: end, state: known.get(from) ?? startState }
      known.set(end, (await runSlice(call, { tensors, entry, leaves }, slice)).state)
      from = end
    }
    return known.get(to) ?? startState
  }
  return { length, at }
}

export const programRoot = (tensors: StepTensors) => toHex(programRootOf(tensors.program))

/** Hashes of every level of a tensor's tree, leaves first. */
function levelsOf(bytes: Uint8Array): Hex[][] {
  let level: Hex[] = []
  for (let start = 0; start < bytes.length; start += floatsPerLeaf * 4) {
    level.push(sha(bytes.subarray(start, start + floatsPerLeaf * 4)))
  }
  const levels = [level]
  while (level.length > 1) {
    const above: Hex[] = []
    for (let i = 0; i < level.length; i += 4) {
      const children = level.slice(i, i + 4)
      above.push(
        children.length === 1
          ? children[0]!
          : sha(Buffer.concat(children.map((one) => Buffer.from(one.slice(2), 'hex')))),
      )
    }
    levels.push(above)
    level = above
  }
  return levels
}

function sha(bytes: Uint8Array): Hex {
  return toHex(sha256(bytes))
}
