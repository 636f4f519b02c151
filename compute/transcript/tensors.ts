import { assert } from '#base/assert.ts'
import { u64be } from '#base/bytes.ts'
import {
  type MerkleProof,
  bytesProof,
  bytesRoot,
  listProof,
  listRoot,
  merkleLeafBytes,
} from '#base/crypto/merkle.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type TrainSpec, momentsOf } from '#wire/spec.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Engine } from '../exact/engine.ts'
import type { Misbehaviour } from '../runner.ts'
import { lieOf } from '../train/misbehave.ts'
import { rateCount } from '../exact/lowering.ts'
import { createNoise } from '../exact/noise.ts'
import { createRates } from '../exact/rates.ts'
import type { Value } from '../graph/graph.ts'
import { type Entry, type Program, programOf } from './program.ts'
import { scoreGradientOf } from './score-gradient.ts'
import { scoreGradients } from './token-tasks.ts'

const zero = new Uint8Array(32)
const wordBytes = 32
const lossKind = 17
/** The kind of what no contract computes. */
export const givenKind = 255

/** Every tensor of one training step, and the tree over them that a dispute about the step is played on. */
export interface StepTensors {
  readonly program: Program
  readonly loss: number
  /** Little-endian bytes of a tensor. */
  readonly bytesOf: (entry: number) => Uint8Array
  /** Merkle root of a tensor over 2 KiB leaves. */
  readonly rootOf: (entry: number) => Uint8Array
  /** Root over the roots of the first `count` tensors; the others count as zeros, so that the shape stays. */
  readonly prefixRoot: (count: number) => Uint8Array
  /** Root over what the step is given beside its state, in the same shape. */
  readonly batchRoot: () => Uint8Array
  /** Proof of a part of the state in the tree that holds what is given beside the state, and the parts before it. */
  readonly stateProof: (entry: number) => MerkleProof
  /** Proof of a tensor's root under `prefixRoot(count)`. */
  readonly entryProof: (entry: number, count: number) => MerkleProof
  /** The 2 KiB of a tensor in which an element stands, and their proof under the tensor's root. */
  readonly leafOf: (
    entry: number,
    element: number,
  ) => { readonly words: Uint8Array; readonly proof: MerkleProof }
}

/**
 * Does one training step on the batch in x and y and keeps all of its tensors. The engine was created with
 * `keepsValues`; its state after the step is that of any other engine. Throws NON_FINITE.
 */
export function trainTensors(
  engine: Engine,
  spec: TrainSpec,
  segmentSeed?: Hex,
  misbehave?: Misbehaviour,
): StepTensors {
  const { model, valueOf } = engine.kept
  const program = programOf(model, spec)
  const byName = new Map<string, Uint8Array>()
  const keep = (name: string, bytes: Uint8Array) => byName.set(name, bytes.slice())
  const parts = ['p', ...momentsOf(spec)] as const
  for (const name of parts) keep(name, viewOf(engine[name]))
  keep('rates', viewOf(ratesOf(spec, engine.step)))
  const noise = program.entries.find(({ name }) => name === 'noise')
  if (noise) keep('noise', keysOf(segmentSeed, engine.step, noise.sizeElements))
  const lie = lieOf(misbehave, engine)
  lie.before()
  engine.train()
  lie.after()
  for (const name of parts) keep(`${name} after`, viewOf(engine[name]))
  keep('folded', fold(engine.g))
  const tensors = program.entries.map((entry) => bytesOfEntry(entry, { byName, valueOf }))
  return tensorsOf(program, (entry) => {
    const bytes = tensors[entry]
    assert(bytes, 'the program has the entry')
    return bytes
  })
}

interface Sources {
  readonly byName: ReadonlyMap<string, Uint8Array>
  readonly valueOf: (value: Value) => Uint8Array
}

function bytesOfEntry({ name, value }: Entry, { byName, valueOf }: Sources): Uint8Array {
  if (!value) {
    const bytes = byName.get(name)
    assert(bytes, `${name} is kept`)
    return bytes
  }
  const node = scoreGradients.get(value)
  return node
    ? viewOf(scoreGradientOf(node, (of) => floatsOf(valueOf(of))))
    : valueOf(value).slice()
}

/** The tree over tensors of a step, wherever they are kept; each is read once for its root. */
export function tensorsOf(program: Program, bytesOf: (entry: number) => Uint8Array): StepTensors {
  const roots = program.entries.map((_, entry) => bytesRoot(bytesOf(entry)))
  const prefix = (count: number) => roots.map((root, i) => (i < count ? root : zero))
  const given = (parts: number) =>
    prefix(program.givenCount).map((root, i) => (i < parts || isBatch(program, i) ? root : zero))
  const lossBytes = bytesOf(lossEntryOf(program))
  return {
    program,
    loss: new DataView(lossBytes.buffer, lossBytes.byteOffset).getFloat32(0, true),
    bytesOf,
    rootOf: (entry) => roots[entry] ?? zero,
    prefixRoot: (count) => listRoot(prefix(count)),
    batchRoot: () => listRoot(given(0)),
    stateProof: (entry) => listProof(given(entry), entry),
    entryProof: (entry, count) => listProof(prefix(count), entry),
    leafOf(entry, element) {
      const bytes = bytesOf(entry)
      const index = Math.floor((element * 4) / merkleLeafBytes)
      const start = index * merkleLeafBytes
      return {
        words: bytes.subarray(start, start + merkleLeafBytes),
        proof: bytesProof(bytes, index),
      }
    },
  }
}

/** Whether a tensor is given beside the state: rates, keys of random streams, rows, constants. */
export function isBatch({ stateCount, givenCount }: Program, entry: number): boolean {
  return entry >= stateCount && entry < givenCount
}

/** The tensor that is the loss. */
export function lossEntryOf({ entries }: Program): number {
  const entry = entries.findIndex(({ kind }) => kind === lossKind)
  assert(entry >= 0, 'a step has a loss')
  return entry
}

/** SHA-256 of the words that say how a tensor is computed; the leaves of `programRoot`. */
export function entryHashOf({
  kind = givenKind,
  sizeElements,
  sides,
  operands,
}: Entry): Uint8Array {
  const words = [
    kind,
    sizeElements,
    sides.length,
    ...sides,
    operands.length,
    ...operands.map(({ base }) => base),
    ...operands.map(({ entry }) => entry),
  ]
  return sha256(...words.map(wordOf))
}

/** Root over how each tensor is computed, 32 bytes: one for all steps of a specification. */
export function programRootOf({ entries }: Program): Uint8Array {
  return listRoot(entries.map(entryHashOf))
}

/** Proof of how one tensor is computed. */
export function programProofOf({ entries }: Program, entry: number): MerkleProof {
  return listProof(entries.map(entryHashOf), entry)
}

function wordOf(value: number | bigint): Uint8Array {
  const word = new Uint8Array(wordBytes)
  const mask = 2n ** 64n - 1n
  for (let i = 0, rest = BigInt(value); rest > 0n; i += 1, rest >>= 64n) {
    word.set(u64be(rest & mask), wordBytes - 8 * (i + 1))
  }
  return word
}

/** Scalars of the optimizer in the step after `step`. */
export function ratesOf(spec: TrainSpec, step: number, rates = createRates(spec)): Float32Array {
  const slots = new Float32Array(rateCount)
  rates.setStep(step)
  rates.advance(slots)
  return slots
}

/** Keys of the random streams of the step after `step`. */
export function keysOf(seed: Hex | undefined, step: number, words: number): Uint8Array {
  const keys = new Uint8Array(4 * words)
  const noise = createNoise(keys)
  assert(seed, 'a model with dropout has a seed of its noise')
  noise.setSeed(seed)
  noise.write(step)
  return keys
}

const runWords = 2048
const lanes = 32

/** What SPEC.md calls folding. */
function fold(gradients: Float32Array): Uint8Array {
  const words = new Uint32Array(gradients.buffer, gradients.byteOffset, gradients.length)
  const folded = new Uint32Array(Math.ceil(words.length / runWords) * lanes)
  for (let start = 0; start < words.length; start += runWords) {
    for (let i = start; i < start + runWords; i += 1) {
      const at = (start / runWords) * lanes + (i % lanes)
      folded[at] = Math.imul(folded[at] as number, 0x9e3779b1) + (words[i] ?? 0)
    }
  }
  return new Uint8Array(folded.buffer)
}

/** The bytes that a vector views. */
export function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function floatsOf({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  return new Float32Array(buffer, byteOffset, byteLength / 4)
}
