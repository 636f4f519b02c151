// Ternary weights: -scale, 0 or scale, where scale is the mean of the absolute values of the matrix.

import { loadSome, sumLanes } from './elementwise'

/** sums[i] = the 8-lane sum of |w(i, j)| over j, for rows `from` to `to`. */
export function absoluteSums(w: usize, columns: i32, sums: usize, from: i32, to: i32): void {
  for (let i = from; i < to; i += 1) {
    let at = w + ((<usize>i * <usize>columns) << 2)
    let low = f32x4.splat(0),
      high = low
    let j = 0
    for (; j + 8 <= columns; j += 8, at += 32) {
      low = f32x4.add(low, f32x4.abs(v128.load(at)))
      high = f32x4.add(high, f32x4.abs(v128.load(at, 16)))
    }
    if (j < columns) {
      low = f32x4.add(low, f32x4.abs(loadSome(at, columns - j)))
      if (j + 4 < columns) high = f32x4.add(high, f32x4.abs(loadSome(at + 16, columns - j - 4)))
    }
    store<f32>(sums + ((<usize>i) << 2), sumLanes(low, high))
  }
}

/** The mean of absolute values: (sum of the row sums ascending, from 0) / divisor. */
export function ternaryScale(sums: usize, rows: i32, divisor: f32): f32 {
  let sum: f32 = 0
  for (let i = 0; i < rows; i += 1, sums += 4) sum += load<f32>(sums)
  return sum / divisor
}

/** q = |w| > scale * 0.5 ? (w < 0 ? -scale : scale) : 0, for `count` values. */
export function quantizeTernary(w: usize, q: usize, count: i32, scale: f32): void {
  const half: f32 = scale * 0.5
  const sign = i32x4.splat(0x80000000)
  const scales = f32x4.splat(scale)
  const halves = f32x4.splat(half)
  let i = 0
  for (; i + 4 <= count; i += 4, w += 16, q += 16) {
    const x = v128.load(w)
    const signed = v128.or(v128.and(x, sign), scales)
    v128.store(q, v128.and(signed, f32x4.gt(f32x4.abs(x), halves)))
  }
  for (; i < count; i += 1, w += 4, q += 4) {
    const x = load<f32>(w)
    store<f32>(q, abs<f32>(x) > half ? (x < 0 ? -scale : scale) : 0)
  }
}
