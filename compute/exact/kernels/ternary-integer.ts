// Ternary weights times activations of 8 bits, added in 32-bit integers: exact in any order.

import { loadSome } from './elementwise'

/**
 * Activations as integers from -127 to 127: with m the greatest absolute value, q = x * (127 / m), rounded to the
 * nearest integer, ties to even. An m below 1e-30 counts as 0 and gives q = 0. Writes q as i16, followed by zeros up
 * to a multiple of 4, and returns m / 127, by which sums are multiplied. All x are finite.
 */
export function quantizeActivations(x: usize, depth: i32, q: usize): f32 {
  const most = greatest(x, depth)
  const isZero = most < 1e-30
  const by = f32x4.splat(isZero ? 0 : 127 / most)
  const magic = f32x4.splat(12582912.0) // 1.5 * 2^23: adding it rounds, and the low bits are the integer
  for (let k = 0; k < depth; k += 4, x += 16, q += 8) {
    const values = f32x4.mul(loadSome(x, depth - k), by)
    const words = i32x4.sub(f32x4.add(values, magic), magic)
    v128.store64_lane(q, i16x8.narrow_i32x4_s(words, words), 0)
  }
  return isZero ? 0 : most / 127
}

function greatest(x: usize, depth: i32): f32 {
  let most4 = f32x4.splat(0)
  for (let k = 0; k < depth; k += 4, x += 16) {
    most4 = f32x4.pmax(most4, f32x4.abs(loadSome(x, depth - k)))
  }
  let most = f32x4.extract_lane(most4, 0)
  most = max<f32>(most, f32x4.extract_lane(most4, 1))
  most = max<f32>(most, f32x4.extract_lane(most4, 2))
  return max<f32>(most, f32x4.extract_lane(most4, 3))
}

/** 1, 0 or -1 for |w| > half; 0 beyond the matrix. */
function signAt(w: usize, depth: i32, columns: i32, k: i32, j: i32, half: f32): i32 {
  if (k >= depth || j >= columns) return 0
  const x = load<f32>(w + ((<usize>k * <usize>columns + <usize>j) << 2))
  return abs<f32>(x) > half ? (x < 0 ? -1 : 1) : 0
}

// Form 1, 2 bits a weight: two weights s, t of one output make a digit 3 (s + 1) + (t + 1), a byte holds two digits.
// For each pair of activations a table of their 16-bit sums, split into low and high bytes, is looked up by digit.

const TABLE_PAIRS: i32 = 128 // sums of so many pairs, each at most 254, stay below 2^15

/** Bytes of a packed matrix of `depth` inputs and `columns` outputs. */
export function packedTernaryBytes(depth: i32, columns: i32): i32 {
  return ((columns + 15) & ~15) * ((depth + 3) >> 2)
}

/** Packs w [depth, columns]: blocks of 16 outputs, in each a vector of 16 bytes for every 4 inputs. */
export function packTernary(w: usize, depth: i32, columns: i32, scale: f32, packed: usize): void {
  const half: f32 = scale * 0.5
  for (let block = 0; block < columns; block += 16) {
    for (let k = 0; k < depth; k += 4) {
      for (let j = block; j < block + 16; j += 1, packed += 1) {
        const low = digit(w, depth, columns, k, j, half)
        const high = digit(w, depth, columns, k + 2, j, half)
        store<u8>(packed, <u8>(low | (high << 4)))
      }
    }
  }
}

function digit(w: usize, depth: i32, columns: i32, k: i32, j: i32, half: f32): i32 {
  const first = signAt(w, depth, columns, k, j, half)
  return 3 * first + signAt(w, depth, columns, k + 1, j, half) + 4
}

/** Bytes of the table of `depth` activations. */
export function ternaryTableBytes(depth: i32): i32 {
  return ((depth + 3) >> 2) << 6
}

/** For each pair of q, 16 low bytes and 16 high bytes of (s - 1) q0 + (t - 1) q1 by digit 3 s + t. */
export function ternaryTable(q: usize, depth: i32, table: usize): void {
  const firsts = i16x8(-1, -1, -1, 0, 0, 0, 1, 1),
    seconds = i16x8(-1, 0, 1, -1, 0, 1, -1, 0)
  for (let k = 0; k < (depth + 3) >> 2; k += 1) {
    for (let pair = 0; pair < 2; pair += 1, q += 4, table += 32) {
      const a = v128.load16_splat(q),
        b = v128.load16_splat(q, 2)
      const sums = i16x8.add(i16x8.mul(a, firsts), i16x8.mul(b, seconds))
      const last = i16x8.add(a, b)
      v128.store(
        table,
        v128.shuffle<i8>(sums, last, 0, 2, 4, 6, 8, 10, 12, 14, 16, 16, 16, 16, 16, 16, 16, 16),
      )
      v128.store(
        table,
        v128.shuffle<i8>(sums, last, 1, 3, 5, 7, 9, 11, 13, 15, 17, 17, 17, 17, 17, 17, 17, 17),
        16,
      )
    }
  }
}

/** sums[j] = sum over k of q[k] * sign(k, j), for blocks `from` to `to` of 16 outputs; all 16 are written. */
export function ternarySums(
  packed: usize,
  table: usize,
  depth: i32,
  sums: usize,
  from: i32,
  to: i32,
): void {
  const fours = (depth + 3) >> 2
  packed += (<usize>from * <usize>fours) << 4
  sums += (<usize>from) << 6
  for (let block = from; block < to; block += 1, sums += 64) {
    let s0 = i32x4.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0
    let lookup = table
    for (let four = 0; four < fours; four += TABLE_PAIRS >> 1) {
      let a = i16x8.splat(0),
        b = a
      const end = packed + ((<usize>min(fours - four, TABLE_PAIRS >> 1)) << 4)
      for (; packed < end; packed += 16, lookup += 64) {
        const digits = v128.load(packed)
        const first = v128.and(digits, i8x16.splat(15))
        const second = i8x16.shr_u(digits, 4)
        const low0 = i8x16.swizzle(v128.load(lookup), first)
        const high0 = i8x16.swizzle(v128.load(lookup, 16), first)
        const low1 = i8x16.swizzle(v128.load(lookup, 32), second)
        const high1 = i8x16.swizzle(v128.load(lookup, 48), second)
        a = i16x8.add(a, firstHalves(low0, high0))
        b = i16x8.add(b, lastHalves(low0, high0))
        a = i16x8.add(a, firstHalves(low1, high1))
        b = i16x8.add(b, lastHalves(low1, high1))
      }
      s0 = i32x4.add(s0, i32x4.extend_low_i16x8_s(a))
      s1 = i32x4.add(s1, i32x4.extend_high_i16x8_s(a))
      s2 = i32x4.add(s2, i32x4.extend_low_i16x8_s(b))
      s3 = i32x4.add(s3, i32x4.extend_high_i16x8_s(b))
    }
    ;(v128.store(sums, s0), v128.store(sums, s1, 16))
    ;(v128.store(sums, s2, 32), v128.store(sums, s3, 48))
  }
}

function firstHalves(low: v128, high: v128): v128 {
  return v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

function lastHalves(low: v128, high: v128): v128 {
  return v128.shuffle<i8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

// Form 2, 8 bits a weight, for speed: an i16 holds s + 2^14 t of two outputs, so that one product serves both.
// Of 64 products q * (s + 2^14 t) the part of s stays below 2^13 and is split off again.

const WIDE_PAIRS: i32 = 32

/** Bytes of a matrix in the wide form. */
export function wideTernaryBytes(depth: i32, columns: i32): i32 {
  return ((columns + 63) & ~63) * ((depth + 1) & ~1)
}

/** Blocks of 64 outputs; for every 2 inputs 8 vectors of 4 pairs of outputs, each with both inputs side by side. */
export function widenTernary(w: usize, depth: i32, columns: i32, scale: f32, wide: usize): void {
  const half: f32 = scale * 0.5
  for (let block = 0; block < columns; block += 64) {
    for (let k = 0; k < depth; k += 2) {
      for (let j = block; j < block + 64; j += 2) {
        for (let i = k; i < k + 2; i += 1, wide += 2) {
          const s = signAt(w, depth, columns, i, j, half)
          const t = signAt(w, depth, columns, i, j + 1, half)
          store<i16>(wide, <i16>(s + (t << 14)))
        }
      }
    }
  }
}

/** sums[j] = sum over k of q[k] * sign(k, j), for blocks `from` to `to` of 64 outputs; all 64 are written. */
export function ternarySumsWide(
  wide: usize,
  q: usize,
  depth: i32,
  sums: usize,
  from: i32,
  to: i32,
): void {
  const pairs = (depth + 1) >> 1
  wide += (<usize>from * <usize>pairs) << 7
  sums += (<usize>from) << 8
  memory.fill(sums, 0, (<usize>(to - from)) << 8)
  for (let block = from; block < to; block += 1, sums += 256) {
    for (let pair = 0; pair < pairs; pair += WIDE_PAIRS) {
      const count = min(pairs - pair, WIDE_PAIRS)
      addWide(wide, q + ((<usize>pair) << 2), count, sums)
      wide += (<usize>count) << 7
    }
  }
}

function addWide(wide: usize, q: usize, count: i32, sums: usize): void {
  let a = i32x4.splat(0),
    b = a,
    c = a,
    d = a
  let e = a,
    f = a,
    g = a,
    h = a
  const end = wide + ((<usize>count) << 7)
  for (; wide < end; wide += 128, q += 4) {
    const x = v128.load32_splat(q)
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(wide), x))
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(wide, 16), x))
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(wide, 32), x))
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(wide, 48), x))
    e = i32x4.add(e, i32x4.dot_i16x8_s(v128.load(wide, 64), x))
    f = i32x4.add(f, i32x4.dot_i16x8_s(v128.load(wide, 80), x))
    g = i32x4.add(g, i32x4.dot_i16x8_s(v128.load(wide, 96), x))
    h = i32x4.add(h, i32x4.dot_i16x8_s(v128.load(wide, 112), x))
  }
  ;(addBoth(sums, a), addBoth(sums + 32, b), addBoth(sums + 64, c), addBoth(sums + 96, d))
  ;(addBoth(sums + 128, e), addBoth(sums + 160, f), addBoth(sums + 192, g), addBoth(sums + 224, h))
}

/** Splits s + 2^14 t, s from -2^13 to 2^13 - 1, and adds s and t to their sums. */
function addBoth(sums: usize, both: v128): void {
  const s = i32x4.shr_s(i32x4.shl(both, 18), 18)
  const t = i32x4.shr_s(i32x4.sub(both, s), 14)
  v128.store(sums, i32x4.add(v128.load(sums), v128.shuffle<i32>(s, t, 0, 4, 1, 5)))
  v128.store(sums, i32x4.add(v128.load(sums, 16), v128.shuffle<i32>(s, t, 2, 6, 3, 7)), 16)
}

/** y[j] = sums[j] * factor, plus bias[j] where bias is not 0. Sums below 2^24 are exact as binary32. */
export function scaleSums(sums: usize, factor: f32, bias: usize, y: usize, count: i32): void {
  const by = f32x4.splat(factor)
  let j = 0
  for (; j + 4 <= count; j += 4, sums += 16, y += 16) {
    let value = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), by)
    if (bias != 0) {
      value = f32x4.add(value, v128.load(bias))
      bias += 16
    }
    v128.store(y, value)
  }
  for (; j < count; j += 1, sums += 4, y += 4) {
    let value: f32 = <f32>load<i32>(sums) * factor
    if (bias != 0) {
      value += load<f32>(bias)
      bias += 4
    }
    store<f32>(y, value)
  }
}
