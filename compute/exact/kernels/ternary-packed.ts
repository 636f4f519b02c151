// Ternary weights of 2 bits times activations of 8 bits, added in 32-bit integers: exact in any order.
// A lane of 16 bits holds codes of two outputs that are 2^12 apart, so that one product serves both: in chunks of 16
// inputs the lower sum stays below 2^11, where it is split off. No code is moved to be read, only masked: a code that
// stands 2 bits higher takes a factor 4 times smaller.

import { signAt } from './ternary-integer'

const CHUNK: i32 = 16
const FACTOR_BYTES: usize = 48 // of a chunk: 16 factors, then 4 times its start
const HEAD_BYTES: usize = 48 // both masks, then what is taken off the upper sums

/** Bytes of a packed matrix of `depth` inputs and `columns` outputs. */
export function packedTernaryBytes(depth: i32, columns: i32): i32 {
  return ((columns + 15) & ~15) * (chunksOf(depth) << 2) + 1
}

function chunksOf(depth: i32): i32 {
  return (depth + CHUNK - 1) / CHUNK
}

/**
 * Packs w [depth, columns]: blocks of 16 outputs; in each, for every 16 inputs, two halves of 8 outputs; in each half
 * 8 lanes for 8 inputs, then for the next 8. Lane 2a + b at byte p holds, for e = 0, 1, the inputs 2e + b; the lane at
 * byte p + 1 the inputs 4 + 2e + b. Codes of output a stand at bit 2e, s + 1; of output 4 + a at bit 12 + 2e, as t + 1
 * where e is 0 and as t, modulo 4, where it is 1.
 */
export function packTernary(w: usize, depth: i32, columns: i32, scale: f32, packed: usize): void {
  const half: f32 = scale * 0.5
  memory.fill(packed, 0, packedTernaryBytes(depth, columns))
  for (let block = 0; block < columns; block += 16) {
    for (let chunk = 0; chunk < depth; chunk += CHUNK) {
      for (let eight = 0; eight < 4; eight += 1, packed += 16) {
        const j = block + ((eight >> 1) << 3)
        const k = chunk + ((eight & 1) << 3)
        for (let lane = 0; lane < 8; lane += 1) {
          packLane(packed + (lane << 1), w, depth, columns, k + (lane & 1), j + (lane >> 1), half)
        }
      }
    }
  }
}

function packLane(at: usize, w: usize, depth: i32, columns: i32, k: i32, j: i32, half: f32): void {
  for (let i = 0; i < 4; i += 1) {
    const s = signAt(w, depth, columns, k + 2 * i, j, half)
    const t = signAt(w, depth, columns, k + 2 * i, j + 4, half)
    const bit = (i & 1) << 1
    const place = at + (i >> 1)
    const high = bit == 0 ? t + 1 : t & 3
    store<u8>(place, load<u8>(place) | (<u8>((s + 1) << bit)))
    store<u8>(place + 1, load<u8>(place + 1) | (<u8>(high << (bit + 4))))
  }
}

/** Bytes of the factors of `depth` activations. */
export function ternaryFactorsBytes(depth: i32): i32 {
  return <i32>HEAD_BYTES + chunksOf(depth) * <i32>FACTOR_BYTES
}

/**
 * What `ternarySums` multiplies with, of q with zeros up to a multiple of 16: q times 4 or 1, and for every chunk -4 times the sum of its q, which takes the
 * 1 of s + 1 off, plus 2^13, which rounds. Masks stand beside them, as the compiler would build a constant at each use.
 */
export function ternaryFactors(q: usize, depth: i32, factors: usize): void {
  v128.store(factors, i16x8.splat(0x3003))
  v128.store(factors, i16x8.splat(<i16>0xc00c), 16)
  const scales = i16x8(4, 4, 1, 1, 4, 4, 1, 1)
  const ones = i16x8.splat(1)
  let upper = i32x4.splat(0)
  let to = factors + HEAD_BYTES
  for (let k = 0; k < depth; k += CHUNK, q += 32, to += FACTOR_BYTES) {
    const x0 = v128.load(q)
    const x1 = v128.load(q, 16)
    v128.store(to, i16x8.mul(x0, scales))
    v128.store(to, i16x8.mul(x1, scales), 16)
    const sums = i32x4.add(i32x4.dot_i16x8_s(x0, ones), i32x4.dot_i16x8_s(x1, ones)) // by pairs
    const halves = i32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1))
    upper = i32x4.add(upper, v128.shuffle<i32>(halves, halves, 0, 0, 0, 0))
    const sum = i32x4.add(halves, v128.shuffle<i32>(halves, halves, 1, 0, 3, 2))
    v128.store(to, i32x4.sub(i32x4.splat(1 << 13), i32x4.shl(sum, 2)), 32)
  }
  v128.store(factors, upper, 32)
}

/** sums[j] = sum over k of q[k] * sign(k, j), for blocks `from` to `to` of 16 outputs; all 16 are written. */
export function ternarySums(
  packed: usize,
  factors: usize,
  depth: i32,
  sums: usize,
  from: i32,
  to: i32,
): void {
  const chunks = chunksOf(depth)
  const low = v128.load(factors)
  const high = v128.load(factors, 16)
  const upper = v128.load(factors, 32)
  const starts = i32x4.splat(chunks << 13)
  const end = factors + HEAD_BYTES + <usize>chunks * FACTOR_BYTES
  packed += (<usize>from * <usize>chunks) << 6
  sums += (<usize>from) << 6
  for (let block = from; block < to; block += 1, sums += 64) {
    let all0 = i32x4.splat(0),
      all1 = all0,
      tops0 = all0,
      tops1 = all0
    for (let x = factors + HEAD_BYTES; x < end; x += FACTOR_BYTES, packed += 64) {
      const start = v128.load(x, 32)
      const first = both(both(start, packed, x, low, high), packed + 16, x + 16, low, high)
      const second = both(both(start, packed + 32, x, low, high), packed + 48, x + 16, low, high)
      all0 = i32x4.add(all0, first)
      all1 = i32x4.add(all1, second)
      tops0 = i32x4.add(tops0, i32x4.shr_s(first, 14))
      tops1 = i32x4.add(tops1, i32x4.shr_s(second, 14))
    }
    split(sums, i32x4.sub(all0, starts), tops0, upper)
    split(sums + 32, i32x4.sub(all1, starts), tops1, upper)
  }
}

/** Adds 8 inputs of 8 outputs: 4 times the lower sums plus 2^14 times the upper ones. */
function both(sum: v128, p: usize, x: usize, low: v128, high: v128): v128 {
  const even = v128.load(p)
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.and(even, low), v128.load32_splat(x)))
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.and(even, high), v128.load32_splat(x, 4)))
  const odd = v128.load(p, 1)
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.and(odd, low), v128.load32_splat(x, 8)))
  return i32x4.add(sum, i32x4.dot_i16x8_s(v128.and(odd, high), v128.load32_splat(x, 12)))
}

function split(sums: usize, all: v128, tops: v128, upper: v128): void {
  v128.store(sums, i32x4.shr_s(i32x4.sub(all, i32x4.shl(tops, 14)), 2))
  v128.store(sums, i32x4.sub(tops, upper), 16)
}
