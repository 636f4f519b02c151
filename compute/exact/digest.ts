import { hashGroup, merkleGroupsOf, rootOfGroups } from '#base/crypto/merkle.ts'
import { sha256Bytes } from '#base/crypto/sha256.ts'
import { toHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Vector } from '../graph/graph.ts'

/** One flat vector in an engine's memory, and where the hashes of its groups go. */
interface Part {
  readonly bytes: Uint8Array
  readonly groups: number
  readonly digests: Uint8Array
}

export type PartRoots = Readonly<Record<Vector, Hex>>

/** Where `createDigests` finds the vectors; all in bytes. */
export interface DigestSpans {
  readonly vectors: Readonly<Record<Vector, number>>
  readonly sizes: Readonly<Record<Vector, number>>
  readonly digests: number
}

/** Bytes that the hashes of all groups take. */
export function digestBytesOf(sizes: DigestSpans['sizes']): number {
  return Object.values(sizes).reduce((sum, size) => sum + sha256Bytes * merkleGroupsOf(size), 0)
}

/**
 * Part roots (compute/train/commit.ts) of the vectors of an engine, hashed where they lie. Threads draw groups
 * of 128 KiB one after another, so that one that is held up delays nobody: a hash is the same from any thread.
 */
export function createDigests(
  memory: WebAssembly.Memory,
  { vectors, sizes, digests }: DigestSpans,
) {
  let end = digests
  const parts = {} as Record<Vector, Part>
  for (const vector of ['p', 'g', 'm', 'v'] as const) {
    const groups = merkleGroupsOf(sizes[vector])
    parts[vector] = {
      bytes: new Uint8Array(memory.buffer, vectors[vector], sizes[vector]),
      groups,
      digests: new Uint8Array(memory.buffer, end, sha256Bytes * groups),
    }
    end += sha256Bytes * groups
  }
  const jobs = Object.values(parts).flatMap((part) =>
    Array.from({ length: part.groups }, (_, group) => ({ part, group })),
  )

  return {
    /** Hashes the groups whose numbers `draw` gives, until it gives one behind the last. */
    hashGroups(draw: () => number): void {
      for (let job = jobs[draw()]; job; job = jobs[draw()]) {
        hashGroup(job.part.bytes, job.group, job.part.digests)
      }
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
