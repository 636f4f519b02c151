import { bytesProof, bytesRoot, listProof, listRoot, merkleLeafBytes } from '#base/crypto/merkle.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'

const zero = new Uint8Array(32)

/** The tensors of somebody who lies about one element of one tensor, and keeps all others as they are. */
export function forged(honest: StepTensors, place: number, element: number): StepTensors {
  const bytes = honest.bytesOf(place).slice()
  bytes[4 * element] = (bytes[4 * element] ?? 0) ^ 1
  const bytesOf = (entry: number) => (entry === place ? bytes : honest.bytesOf(entry))
  const roots = honest.program.entries.map((_, entry) => bytesRoot(bytesOf(entry)))
  const prefix = (count: number) => roots.map((root, i) => (i < count ? root : zero))
  return {
    ...honest,
    bytesOf,
    rootOf: (entry) => roots[entry] ?? zero,
    prefixRoot: (count) => listRoot(prefix(count)),
    entryProof: (entry, count) => listProof(prefix(count), entry),
    leafOf(entry, at) {
      const index = Math.floor((4 * at) / merkleLeafBytes)
      const start = index * merkleLeafBytes
      const all = bytesOf(entry)
      return { words: all.subarray(start, start + merkleLeafBytes), proof: bytesProof(all, index) }
    },
  }
}
