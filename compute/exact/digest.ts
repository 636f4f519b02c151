import { hashGroup, merkleGroupBytes, merkleGroupsOf, rootOfGroups } from '#base/crypto/merkle.ts'
import { sha256Bytes } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Vector } from '../graph/graph.ts'
import type { Kernels } from './kernels.ts'
import { floatBytes } from './lowering.ts'

export type PartRoots = Readonly<Record<Vector, Hex>>

/** Where `createDigests` finds the vectors, and the space of `digestBytesOf` for itself; all in bytes. */
export interface DigestSpans {
  readonly vectors: Readonly<Record<Vector, number>>
  readonly sizes: Readonly<Record<Vector, number>>
  readonly digests: number
}

/** One flat vector, or what it is folded to, and where the hashes of its groups go. */
interface Part {
  readonly bytes: Uint8Array
  readonly groups: number
  readonly digests: Uint8Array
}

/** The next number, from 0; no two threads get the same. */
export type Draw = () => number

const foldFactor = 64
const foldedRun = 128 // bytes that 2048 words are folded to
const vectorNames = ['g', 'p', 'm', 'v'] as const

/** Bytes that `createDigests` needs: hashes of all groups, and the folded gradients. */
export function digestBytesOf(sizes: DigestSpans['sizes']): number {
  const groups = vectorNames.map((name) => merkleGroupsOf(hashedBytes(name, sizes)))
  return foldedBytes(sizes.g) + groups.reduce((sum, count) => sum + sha256Bytes * count, 0)
}

/**
 * Part roots (compute/train/commit.ts) of the vectors of an engine, hashed where they lie; of the gradients what
 * the kernel `fold` leaves of them. Threads draw groups of 32 KiB one after another, so that one that is held
 * up delays nobody: a hash is the same from any thread. The gradients come first.
 */
export function createDigests(memory: WebAssembly.Memory, kernels: Kernels, spans: DigestSpans) {
  const { vectors, sizes, digests } = spans
  const folded = digests
  let end = digests + foldedBytes(sizes.g)
  const parts = {} as Record<Vector, Part>
  for (const name of vectorNames) {
    const sizeBytes = hashedBytes(name, sizes)
    const groups = merkleGroupsOf(sizeBytes)
    parts[name] = {
      bytes: new Uint8Array(memory.buffer, name === 'g' ? folded : vectors[name], sizeBytes),
      groups,
      digests: new Uint8Array(memory.buffer, end, sha256Bytes * groups),
    }
    end += sha256Bytes * groups
  }
  const jobs = vectorNames.flatMap((name) =>
    Array.from({ length: parts[name].groups }, (_, group) => ({ name, group })),
  )

  /** Folds the gradients that give group `group` of the folded bytes. */
  function foldGroup(group: number): void {
    const start = group * merkleGroupBytes
    const from = start * foldFactor
    const count = Math.min(merkleGroupBytes * foldFactor, sizes.g - from) / floatBytes
    kernels.fold(vectors.g + from, count, folded + start)
  }

  return {
    /** Hashes the next group, and says of which vector it was; nothing when none is left. */
    hashNext(draw: Draw): Vector | undefined {
      const job = jobs[draw()]
      if (!job) return undefined
      if (job.name === 'g') foldGroup(job.group)
      hashGroup(parts[job.name].bytes, job.group, parts[job.name].digests)
      return job.name
    },
    /** The roots, once all groups are hashed. */
    roots(): PartRoots {
      const rootOf = ({ bytes, digests: tops }: Part): Hex => {
        const level = new Uint8Array(Math.max(sha256Bytes, tops.length))
        level.set(tops)
        return toHex(rootOfGroups(bytes.length, level))
      }
      return { p: rootOf(parts.p), g: rootOf(parts.g), m: rootOf(parts.m), v: rootOf(parts.v) }
    },
  }
}

export type Digests = ReturnType<typeof createDigests>

function foldedBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / (foldFactor * foldedRun)) * foldedRun
}

function hashedBytes(name: Vector, sizes: DigestSpans['sizes']): number {
  return name === 'g' ? foldedBytes(sizes.g) : sizes[name]
}
