// Rows of a table by their numbers, and rotary positions.

import { add } from './elementwise'

/** Row i of y is row indices[i] of the table. Indices are checked by the caller. */
export function gather(table: usize, indices: usize, rows: i32, columns: i32, y: usize): void {
  const row = (<usize>columns) << 2
  for (let i = 0; i < rows; i += 1, indices += 4, y += row) {
    memory.copy(y, table + <usize>load<u32>(indices) * row, row)
  }
}

/**
 * gradient[r, j] = sum over i ascending with indices[i] = r of dy[i, j], from 0, for columns `from` to `to`.
 */
export function gatherGradient(
  dy: usize,
  indices: usize,
  rows: i32,
  columns: i32,
  tableRows: i32,
  gradient: usize,
  from: i32,
  to: i32,
): void {
  const row = (<usize>columns) << 2
  const start = (<usize>from) << 2
  const count = to - from
  for (let r = 0; r < tableRows; r += 1) {
    memory.fill(gradient + <usize>r * row + start, 0, (<usize>count) << 2)
  }
  for (let i = 0; i < rows; i += 1, indices += 4, dy += row) {
    const target = gradient + <usize>load<u32>(indices) * row + start
    add(target, dy + start, target, count)
  }
}

const LN_BASE: f64 = 9.210340371976184 // ln 10000
const INVERSE_LN2: f64 = 1.4426950408889634
const LN2_HIGH: f64 = 0.6931471803691238
const LN2_LOW: f64 = 1.9082149292705877e-10
const INVERSE_HALF_PI: f64 = 0.6366197723675814
const HALF_PI_HIGH: f64 = 1.5707963267341256
const HALF_PI_LOW: f64 = 6.077100506506192e-11
const MAGIC: f64 = 6755399441055744.0 // 1.5 * 2^52: adding it rounds to the nearest integer

/** exp of a value from -20 to 0 in binary64: 2^k times the Taylor sum of degree 13. */
function expSmall(x: f64): f64 {
  const k = x * INVERSE_LN2 + MAGIC - MAGIC
  const r = x - k * LN2_HIGH - k * LN2_LOW
  let sum: f64 = 1
  for (let n: f64 = 13; n > 0; n -= 1) sum = (sum * r) / n + 1
  return sum * reinterpret<f64>((<i64>k + 1023) << 52)
}

/** Taylor sums of degree 16 and 17 on -pi/4 to pi/4. */
function cosSmall(r: f64): f64 {
  const square = r * r
  let sum: f64 = 1
  for (let n: f64 = 16; n > 0; n -= 2) sum = 1 - (sum * square) / (n * (n - 1))
  return sum
}

function sinSmall(r: f64): f64 {
  const square = r * r
  let sum: f64 = 1
  for (let n: f64 = 17; n > 1; n -= 2) sum = 1 - (sum * square) / (n * (n - 1))
  return sum * r
}

/**
 * Row t holds, for each pair i of a head of `size` values, cos, cos of t * 10000^(-2 i / size); then, after all
 * pairs, -sin, sin of it. In binary64, rounded once.
 */
export function rotaryTable(to: usize, positions: i32, size: i32, from: i32): void {
  const sines = (<usize>size) << 2
  for (let t = 0; t < positions; t += 1) {
    for (let i = 0; i < size; i += 2) {
      const angle = f64(t + from) * expSmall((-f64(i) / f64(size)) * LN_BASE)
      const k = angle * INVERSE_HALF_PI + MAGIC - MAGIC
      const r = angle - k * HALF_PI_HIGH - k * HALF_PI_LOW
      const quarter = (<i32>k) & 3
      const c = cosSmall(r)
      const s = sinSmall(r)
      const isTurned = (quarter & 1) == 1
      let cosine = isTurned ? s : c
      let sine = isTurned ? c : s
      if (quarter == 1 || quarter == 2) cosine = -cosine
      if (quarter >= 2) sine = -sine
      const at = to + ((<usize>i) << 2)
      store<f32>(at, f32(cosine))
      store<f32>(at, f32(cosine), 4)
      store<f32>(at + sines, f32(-sine))
      store<f32>(at + sines, f32(sine), 4)
    }
    to += sines * 2
  }
}

/**
 * Turns neighbouring values of every head: y0 = x0 * cos - x1 * sin, y1 = x1 * cos + x0 * sin; backwards with
 * `isInverse`. Row i of x is at position i modulo `positions`. x [rows, heads * size].
 */
export function rotate(
  x: usize,
  table: usize,
  y: usize,
  rows: i32,
  first: i32,
  positions: i32,
  heads: i32,
  size: i32,
  isInverse: i32,
): void {
  const half = (<usize>size) << 2
  for (let i = 0; i < rows; i += 1) {
    const cosines = table + <usize>((first + i) % positions) * half * 2
    for (let head = 0; head < heads; head += 1, x += half, y += half) {
      rotateHead(x, cosines, cosines + half, y, size, isInverse)
    }
  }
}

function rotateHead(
  x: usize,
  cosines: usize,
  sines: usize,
  y: usize,
  size: i32,
  isInverse: i32,
): void {
  const flip = i32x4.splat(isInverse ? 0x80000000 : 0)
  let j = 0
  let at: usize = 0
  for (; j + 4 <= size; j += 4, at += 16) {
    const value = v128.load(x + at)
    const swapped = v128.shuffle<f32>(value, value, 1, 0, 3, 2)
    const sine = v128.xor(v128.load(sines + at), flip)
    v128.store(
      y + at,
      f32x4.add(f32x4.mul(value, v128.load(cosines + at)), f32x4.mul(swapped, sine)),
    )
  }
  if (j < size) {
    const a = load<f32>(x + at)
    const b = load<f32>(x + at, 4)
    const c = load<f32>(cosines + at)
    const s: f32 = isInverse ? -load<f32>(sines + at, 4) : load<f32>(sines + at, 4)
    store<f32>(y + at, a * c + b * -s)
    store<f32>(y + at, b * c + a * s, 4)
  }
}
