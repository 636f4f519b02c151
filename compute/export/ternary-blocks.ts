import { assert } from '#base/assert.ts'

/** ggml's TQ2_0: blocks of 256 weights of 2 bits each, then one binary16 factor; 66 bytes. */
export const ternaryBlock = { weights: 256, sizeBytes: 66 } as const

const one = 0x3c00 // 1 in binary16

/**
 * Packs weights of -1, 0 and 1 as TQ2_0 with the factor 1. Byte m of each half holds weights m, m + 32, m + 64 and
 * m + 96 of its 128, two bits each, as the weight plus one.
 */
export function packTernary(signs: Int8Array): Uint8Array<ArrayBuffer> {
  const { weights, sizeBytes } = ternaryBlock
  assert(signs.length % weights === 0, 'the caller packs whole blocks')
  const packed = new Uint8Array((signs.length / weights) * sizeBytes)
  const view = new DataView(packed.buffer)
  for (let block = 0; block * weights < signs.length; block += 1) {
    const [from, to] = [block * weights, block * sizeBytes]
    for (let byte = 0; byte < 64; byte += 1) {
      const start = from + (byte < 32 ? byte : 128 + byte - 32)
      let bits = 0
      for (let n = 0; n < 4; n += 1) bits |= ((signs[start + 32 * n] as number) + 1) << (2 * n)
      packed[to + byte] = bits
    }
    view.setUint16(to + 64, one, true)
  }
  return packed
}

/** The signs of such blocks; undefined where a factor is not 1 or two bits are no weight. */
export function unpackTernary(packed: Uint8Array): Int8Array | undefined {
  const { weights, sizeBytes } = ternaryBlock
  const blocks = Math.floor(packed.length / sizeBytes)
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const signs = new Int8Array(blocks * weights)
  for (let block = 0; block < blocks; block += 1) {
    const [to, from] = [block * weights, block * sizeBytes]
    if (view.getUint16(from + 64, true) !== one) return undefined
    for (let byte = 0; byte < 64; byte += 1) {
      const start = to + (byte < 32 ? byte : 128 + byte - 32)
      for (let n = 0; n < 4; n += 1) {
        const code = ((packed[from + byte] as number) >> (2 * n)) & 3
        if (code === 3) return undefined
        signs[start + 32 * n] = code - 1
      }
    }
  }
  return signs
}
