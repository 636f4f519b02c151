// Ternary weights times activations of 8 bits, added in 32-bit integers: exact in any order.

import { loadSome } from './elementwise'

/**
 * Activations as integers from -127 to 127: with m the greatest absolute value, q = x * (127 / m), rounded to the
 * nearest integer, ties to even. An m below 1e-30 counts as 0 and gives q = 0. Writes q as i16, followed by zeros up
 * to a multiple of 16, and returns m / 127, by which sums are multiplied. All x are finite.
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
  for (let k = (depth + 3) >> 2; (k & 3) != 0; k += 1, q += 8) store<u64>(q, 0)
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
export function signAt(w: usize, depth: i32, columns: i32, k: i32, j: i32, half: f32): i32 {
  if (k >= depth || j >= columns) return 0
  const x = load<f32>(w + ((<usize>k * <usize>columns + <usize>j) << 2))
  return abs<f32>(x) > half ? (x < 0 ? -1 : 1) : 0
}

// 8 bits a weight, for speed (ternary-packed.ts has the form of 2 bits): an i16 holds s + 2^14 t of two outputs, so that one product serves both.
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
