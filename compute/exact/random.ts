import { u32be, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { belowOf } from '#base/rng.ts'
import { fromHex } from '#base/hex.ts'
import type { Hex } from '#wire/primitives.ts'

const keyBytes = 16
const rounds = 10

/** The layers of streams that shuffle rows and that draw tokens; other layers number parameters. */
export const shuffleLayer = 0x7fffffff
export const tokenLayer = 0x7ffffffe

/** Key of the random stream of (seed, step, layer): the first 16 bytes of SHA256("quern/rng/1" | …). */
export function streamKeyOf(seed: Hex, step: number, layer: number): Uint8Array {
  return sha256(utf8('quern/rng/1'), fromHex(seed), u64be(step), u32be(layer)).slice(0, keyBytes)
}

/** The 32-bit words of a stream, block after block: Philox4x32-10, as the kernel `words` gives them. */
export function createWords(key: Uint8Array): () => number {
  const words = wordsOf(key)
  let counter = 0
  let block: number[] = []
  return () => {
    if (block.length === 0) {
      block = philox(counter, words).toReversed()
      counter += 1
    }
    return block.pop() as number
  }
}

/** Word 0 of block n of a stream. */
export function wordAt(key: Uint8Array, block: number): number {
  return philox(block, wordsOf(key))[0] as number
}

/** An unbiased shuffle (Fisher and Yates) of 0 to count - 1, driven by a stream. */
export function permutationOf(count: number, key: Uint8Array): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i)
  const next = createWords(key)
  for (let i = count - 1; i > 0; i -= 1) {
    const j = belowOf(next, i + 1)
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return order
}

function wordsOf(key: Uint8Array): readonly number[] {
  const view = new DataView(key.buffer, key.byteOffset, keyBytes)
  return [0, 4, 8, 12].map((at) => view.getUint32(at, true))
}

function philox(counter: number, [key0, key1, high0, high1]: readonly number[]): number[] {
  let [w0, w1, w2, w3] = [counter >>> 0, 0, high0 as number, high1 as number]
  let k0 = key0 as number
  let k1 = key1 as number
  for (let round = 0; round < rounds; round += 1) {
    const [upper0, lower0] = product(w0, 0xd2511f53)
    const [upper1, lower1] = product(w2, 0xcd9e8d57)
    w0 = (upper1 ^ w1 ^ k0) >>> 0
    w1 = lower1
    w2 = (upper0 ^ w3 ^ k1) >>> 0
    w3 = lower0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [w0, w1, w2, w3]
}

/** Upper and lower half of a 64-bit product of two 32-bit words. */
function product(a: number, b: number): [upper: number, lower: number] {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16) // at most 2^32 * 2^16: exact
  const cross = aLow * bHigh + (middle % 0x10000)
  const upper = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)
  return [upper >>> 0, Math.imul(a, b) >>> 0]
}
