// Normalisation of rows, and its gradients. Sums along a row are lanes(8), sums over rows ascend.

import { loadSome, sumLanes } from './elementwise'

/** Lanes below `count` are all ones, the others zero. */
function maskOf(count: i32): v128 {
  return i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3))
}

/** lanes(8) over the values of a row. */
function sumOf(x: usize, count: i32): f32 {
  let low = f32x4.splat(0),
    high = low
  let i = 0
  for (; i + 8 <= count; i += 8, x += 32) {
    low = f32x4.add(low, v128.load(x))
    high = f32x4.add(high, v128.load(x, 16))
  }
  if (i < count) {
    low = f32x4.add(low, loadSome(x, count - i))
    if (i + 4 < count) high = f32x4.add(high, loadSome(x + 16, count - i - 4))
  }
  return sumLanes(low, high)
}

/** lanes(8) over (x - mean) * (x - mean). */
function squaresOf(x: usize, mean: f32, count: i32): f32 {
  const shift = f32x4.splat(mean)
  let low = f32x4.splat(0),
    high = low
  let i = 0
  for (; i + 8 <= count; i += 8, x += 32) {
    const a = f32x4.sub(v128.load(x), shift)
    const b = f32x4.sub(v128.load(x, 16), shift)
    low = f32x4.add(low, f32x4.mul(a, a))
    high = f32x4.add(high, f32x4.mul(b, b))
  }
  if (i < count) {
    const a = v128.and(f32x4.sub(loadSome(x, count - i), shift), maskOf(count - i))
    low = f32x4.add(low, f32x4.mul(a, a))
    if (i + 4 < count) {
      const rest = count - i - 4
      const b = v128.and(f32x4.sub(loadSome(x + 16, rest), shift), maskOf(rest))
      high = f32x4.add(high, f32x4.mul(b, b))
    }
  }
  return sumLanes(low, high)
}

/**
 * Row by row: y = ((x - mean) * scale) * gain + bias, with scale = 1 / sqrt(squares / columns + epsilon).
 * Without `means` (0) the mean is 0, as in RMS norm; without `bias` (0) nothing is added.
 */
export function normalize(
  x: usize,
  gain: usize,
  bias: usize,
  rows: i32,
  columns: i32,
  epsilon: f32,
  y: usize,
  means: usize,
  scales: usize,
): void {
  const row = (<usize>columns) << 2
  for (let i = 0; i < rows; i += 1) {
    let mean: f32 = 0
    if (means) {
      mean = sumOf(x, columns) / f32(columns)
      store<f32>(means + ((<usize>i) << 2), mean)
    }
    const scale: f32 = 1 / sqrt<f32>(squaresOf(x, mean, columns) / f32(columns) + epsilon)
    store<f32>(scales + ((<usize>i) << 2), scale)
    if (bias) scaleRow(x, mean, scale, gain, bias, y, columns)
    else scaleRowPlain(x, mean, scale, gain, y, columns)
    x += row
    y += row
  }
}

function scaleRow(
  x: usize,
  mean: f32,
  scale: f32,
  gain: usize,
  bias: usize,
  y: usize,
  columns: i32,
): void {
  const shift = f32x4.splat(mean)
  const by = f32x4.splat(scale)
  let j = 0
  for (; j + 4 <= columns; j += 4, x += 16, gain += 16, bias += 16, y += 16) {
    const unit = f32x4.mul(f32x4.sub(v128.load(x), shift), by)
    v128.store(y, f32x4.add(f32x4.mul(unit, v128.load(gain)), v128.load(bias)))
  }
  for (; j < columns; j += 1, x += 4, gain += 4, bias += 4, y += 4) {
    store<f32>(y, (load<f32>(x) - mean) * scale * load<f32>(gain) + load<f32>(bias))
  }
}

function scaleRowPlain(x: usize, mean: f32, scale: f32, gain: usize, y: usize, columns: i32): void {
  const shift = f32x4.splat(mean)
  const by = f32x4.splat(scale)
  let j = 0
  for (; j + 4 <= columns; j += 4, x += 16, gain += 16, y += 16) {
    const unit = f32x4.mul(f32x4.sub(v128.load(x), shift), by)
    v128.store(y, f32x4.mul(unit, v128.load(gain)))
  }
  for (; j < columns; j += 1, x += 4, gain += 4, y += 4) {
    store<f32>(y, (load<f32>(x) - mean) * scale * load<f32>(gain))
  }
}

/**
 * With u = (x - mean) * scale and w = dy * gain: dx = ((w - a) - u * b) * scale, where a = lanes(8)(w) / columns
 * and b = lanes(8)(w * u) / columns. Without `means` (0) mean and a are 0.
 */
export function normalizeGradient(
  dy: usize,
  x: usize,
  gain: usize,
  means: usize,
  scales: usize,
  rows: i32,
  columns: i32,
  dx: usize,
): void {
  const row = (<usize>columns) << 2
  for (let i = 0; i < rows; i += 1) {
    const at = (<usize>i) << 2
    const mean: f32 = means ? load<f32>(means + at) : 0
    rowGradient(dy, x, gain, mean, load<f32>(scales + at), columns, dx, means != 0)
    dy += row
    x += row
    dx += row
  }
}

function rowGradient(
  dy: usize,
  x: usize,
  gain: usize,
  mean: f32,
  scale: f32,
  columns: i32,
  dx: usize,
  isCentred: bool,
): void {
  const shift = f32x4.splat(mean)
  const by = f32x4.splat(scale)
  let a0 = f32x4.splat(0),
    a1 = a0,
    b0 = a0,
    b1 = a0
  let i = 0
  let at: usize = 0
  for (; i + 8 <= columns; i += 8, at += 32) {
    const w0 = f32x4.mul(v128.load(dy + at), v128.load(gain + at))
    const w1 = f32x4.mul(v128.load(dy + at, 16), v128.load(gain + at, 16))
    a0 = f32x4.add(a0, w0)
    a1 = f32x4.add(a1, w1)
    const u0 = f32x4.mul(f32x4.sub(v128.load(x + at), shift), by)
    const u1 = f32x4.mul(f32x4.sub(v128.load(x + at, 16), shift), by)
    b0 = f32x4.add(b0, f32x4.mul(w0, u0))
    b1 = f32x4.add(b1, f32x4.mul(w1, u1))
  }
  if (i < columns) {
    const rest = columns - i
    const w = f32x4.mul(loadSome(dy + at, rest), loadSome(gain + at, rest))
    a0 = f32x4.add(a0, w)
    b0 = f32x4.add(b0, f32x4.mul(w, f32x4.mul(f32x4.sub(loadSome(x + at, rest), shift), by)))
    if (rest > 4) {
      const end = at + 16
      const v = f32x4.mul(loadSome(dy + end, rest - 4), loadSome(gain + end, rest - 4))
      a1 = f32x4.add(a1, v)
      const u = f32x4.mul(f32x4.sub(loadSome(x + end, rest - 4), shift), by)
      b1 = f32x4.add(b1, f32x4.mul(v, u))
    }
  }
  const a: f32 = isCentred ? sumLanes(a0, a1) / f32(columns) : 0
  const b: f32 = sumLanes(b0, b1) / f32(columns)
  const as = f32x4.splat(a)
  const bs = f32x4.splat(b)
  for (i = 0; i + 4 <= columns; i += 4, dy += 16, x += 16, gain += 16, dx += 16) {
    const w = f32x4.mul(v128.load(dy), v128.load(gain))
    const u = f32x4.mul(f32x4.sub(v128.load(x), shift), by)
    v128.store(dx, f32x4.mul(f32x4.sub(f32x4.sub(w, as), f32x4.mul(u, bs)), by))
  }
  for (; i < columns; i += 1, dy += 4, x += 4, gain += 4, dx += 4) {
    const w = load<f32>(dy) * load<f32>(gain)
    const u = (load<f32>(x) - mean) * scale
    store<f32>(dx, (w - a - u * b) * scale)
  }
}

/**
 * gainGradient[j] = sum over rows ascending of dy * ((x - mean) * scale), biasGradient[j] = that of dy, for
 * columns `from` to `to`. Without `means` (0) the mean is 0; without `biasGradient` (0) the first sum alone.
 */
export function normalizeScaleGradient(
  dy: usize,
  x: usize,
  means: usize,
  scales: usize,
  rows: i32,
  columns: i32,
  gainGradient: usize,
  biasGradient: usize,
  from: i32,
  to: i32,
): void {
  const row = (<usize>columns) << 2
  let j = from
  for (; j + 8 <= to; j += 8) {
    let g0 = f32x4.splat(0),
      g1 = g0,
      b0 = g0,
      b1 = g0
    const start = (<usize>j) << 2
    let at = start
    for (let i = 0; i < rows; i += 1, at += row) {
      const shift = means ? v128.load32_splat(means + ((<usize>i) << 2)) : f32x4.splat(0)
      const by = v128.load32_splat(scales + ((<usize>i) << 2))
      const d0 = v128.load(dy + at)
      const d1 = v128.load(dy + at, 16)
      const u0 = f32x4.mul(f32x4.sub(v128.load(x + at), shift), by)
      const u1 = f32x4.mul(f32x4.sub(v128.load(x + at, 16), shift), by)
      b0 = f32x4.add(b0, d0)
      b1 = f32x4.add(b1, d1)
      g0 = f32x4.add(g0, f32x4.mul(d0, u0))
      g1 = f32x4.add(g1, f32x4.mul(d1, u1))
    }
    ;(v128.store(gainGradient + start, g0), v128.store(gainGradient + start, g1, 16))
    if (biasGradient) {
      ;(v128.store(biasGradient + start, b0), v128.store(biasGradient + start, b1, 16))
    }
  }
  for (; j < to; j += 1) {
    const start = (<usize>j) << 2
    let g: f32 = 0,
      b: f32 = 0
    let at = start
    for (let i = 0; i < rows; i += 1, at += row) {
      const mean: f32 = means ? load<f32>(means + ((<usize>i) << 2)) : 0
      const u = (load<f32>(x + at) - mean) * load<f32>(scales + ((<usize>i) << 2))
      b += load<f32>(dy + at)
      g += load<f32>(dy + at) * u
    }
    store<f32>(gainGradient + start, g)
    if (biasGradient) store<f32>(biasGradient + start, b)
  }
}
