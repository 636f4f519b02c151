// Causal attention, head by head. Products are strict sums, in tiles of 4 x 8; whole tiles above the diagonal
// are left out, and in tiles on it the values above it are zero.

import { storeSome } from './activation'
import { loadSome, sumLanes } from './elementwise'
import { copyTile, packTransposed4, tile4x8 } from './gemm'
import { exp4 } from './math'

const TILE_BYTES: usize = 128 // 4 x 8 floats

function up8(count: i32): i32 {
  return (count + 7) & ~7
}

/** Bytes of scratch space of `attend` and `attendGradient`. A real number: sides may ask for more than a memory has. */
export function attentionScratchBytes(context: i32, size: i32): f64 {
  const strip = 16 * f64(max(context, size))
  const byPlace = 4 * f64(up8(context)) * f64(size)
  const byColumn = 4 * f64(up8(size)) * f64(context)
  return f64(TILE_BYTES) + strip + byPlace + 3 * byColumn + 4 * f64(context) * f64(context)
}

/** Panels of 8 rows of x, each as `size` groups of 8: B of a product over the columns of x. */
function packPlaces(to: usize, x: usize, row: usize, rows: i32, size: i32): void {
  const stride = <i32>(row >> 2)
  for (let j = 0; j < rows; j += 8) {
    const from = x + <usize>j * row
    if (rows - j >= 8) {
      packTransposed4(to, 32, from, stride, size)
      packTransposed4(to + 16, 32, from + 4 * row, stride, size)
    } else packSome(to, from, row, rows - j, size, 8)
    to += (<usize>size) << 5
  }
}

/** `size` groups of `lanes` values, one of each row; zeros beyond `rows`. */
function packSome(to: usize, x: usize, row: usize, rows: i32, size: i32, lanes: i32): void {
  for (let k = 0; k < size; k += 1, x += 4) {
    for (let lane = 0; lane < lanes; lane += 1, to += 4) {
      store<f32>(to, lane < rows ? load<f32>(x + <usize>lane * row) : 0)
    }
  }
}

/** Panels of 8 columns of x, each as `rows` groups of 8: B of a product over the rows of x. */
function packColumns(to: usize, x: usize, row: usize, rows: i32, size: i32): void {
  for (let j = 0; j < size; j += 8) {
    let from = x + ((<usize>j) << 2)
    if (size - j >= 8) {
      for (let i = 0; i < rows; i += 1, from += row, to += 32) {
        v128.store(to, v128.load(from))
        v128.store(to, v128.load(from, 16), 16)
      }
    } else {
      for (let i = 0; i < rows; i += 1, from += row, to += 32) {
        for (let lane: usize = 0; lane < 8; lane += 1) {
          store<f32>(to + (lane << 2), <i32>lane < size - j ? load<f32>(from + (lane << 2)) : 0)
        }
      }
    }
  }
}

/** `size` groups of 4, one value of each of `rows` (1 to 4) rows: A of a product over columns. */
function packStrip(to: usize, x: usize, row: usize, rows: i32, size: i32): void {
  if (rows == 4) packTransposed4(to, 16, x, <i32>(row >> 2), size)
  else packSome(to, x, row, rows, size, 4)
}

/** `rows` groups of 4, the columns of one row each: A of a product over rows. */
function packTurned(to: usize, x: usize, row: usize, rows: i32, columns: i32): void {
  for (let i = 0; i < rows; i += 1, x += row, to += 16) v128.store(to, loadSome(x, columns))
}

/** Rows of C (1 to 4) = strip times panels: `columns` columns, over `depth` groups that begin at group `first`. */
function strip(
  a: usize,
  panels: usize,
  panelDepth: i32,
  first: i32,
  depth: i32,
  c: usize,
  row: usize,
  rows: i32,
  columns: i32,
  tile: usize,
): void {
  let b = panels + ((<usize>first) << 5)
  for (let j = 0; j < columns; j += 8, c += 32, b += (<usize>panelDepth) << 5) {
    const some = min(columns - j, 8)
    if (rows == 4 && some == 8) tile4x8(depth, a, b, c, row, true)
    else {
      tile4x8(depth, a, b, tile, 32, true)
      copyTile(rows, some, tile, 32, c, row)
    }
  }
}

/** Zeros from value `from` to value `to` of a row. */
function clear(row: usize, from: i32, to: i32): void {
  let at = row + ((<usize>from) << 2)
  for (; from + 4 <= to; from += 4, at += 16) v128.store(at, i32x4.splat(0))
  for (; from < to; from += 1, at += 4) store<f32>(at, 0)
}

/** The greatest of the first `count` values, times `scale`. */
function greatest(x: usize, count: i32, scale: f32): f32 {
  let m: f32 = load<f32>(x) * scale
  let j = 0
  if (count >= 4) {
    const by = f32x4.splat(scale)
    let best = f32x4.mul(v128.load(x), by)
    for (j = 4, x += 16; j + 4 <= count; j += 4, x += 16) {
      best = f32x4.pmax(best, f32x4.mul(v128.load(x), by))
    }
    const two = f32x4.pmax(best, v128.shuffle<f32>(best, best, 2, 3, 0, 1))
    m = f32x4.extract_lane(f32x4.pmax(two, v128.shuffle<f32>(two, two, 1, 0, 3, 2)), 0)
  }
  for (; j < count; j += 1, x += 4) {
    const value = load<f32>(x) * scale
    if (m < value) m = value
  }
  return m
}

/**
 * For j < count: m = greatest x_j * scale; e_j = exp(x_j * scale - m); s = lanes(8) of e; x_j = e_j * (1 / s).
 * Values from `count` to `columns` become 0.
 */
export function softmaxRow(x: usize, count: i32, columns: i32, scale: f32): void {
  const m = greatest(x, count, scale)
  const shift = f32x4.splat(m)
  const scales = f32x4.splat(scale)
  let low = f32x4.splat(0),
    high = low
  let j = 0
  let at = x
  for (; j + 8 <= count; j += 8, at += 32) {
    const e0 = exp4(f32x4.sub(f32x4.mul(v128.load(at), scales), shift))
    const e1 = exp4(f32x4.sub(f32x4.mul(v128.load(at, 16), scales), shift))
    v128.store(at, e0)
    v128.store(at, e1, 16)
    low = f32x4.add(low, e0)
    high = f32x4.add(high, e1)
  }
  const rest = count - j
  if (rest > 0) {
    const e0 = exp4(f32x4.sub(f32x4.mul(loadSome(at, rest), scales), shift))
    storeSome(at, e0, rest)
    low = f32x4.add(low, loadSome(at, rest))
    if (rest > 4) {
      const e1 = exp4(f32x4.sub(f32x4.mul(loadSome(at + 16, rest - 4), scales), shift))
      storeSome(at + 16, e1, rest - 4)
      high = f32x4.add(high, loadSome(at + 16, rest - 4))
    }
  }
  const inverse: f32 = 1 / sumLanes(low, high)
  const by = f32x4.splat(inverse)
  for (j = 0, at = x; j + 4 <= count; j += 4, at += 16) {
    v128.store(at, f32x4.mul(v128.load(at), by))
  }
  for (; j < count; j += 1, at += 4) store<f32>(at, load<f32>(at) * inverse)
  clear(x, count, columns)
}

/** c = lanes(8) of p_j * d_j for j < count; d_j = (p_j * (d_j - c)) * scale; d_j = 0 up to `columns`. */
function softmaxRowGradient(p: usize, d: usize, count: i32, columns: i32, scale: f32): void {
  let low = f32x4.splat(0),
    high = low
  let j = 0
  let at: usize = 0
  for (; j + 8 <= count; j += 8, at += 32) {
    low = f32x4.add(low, f32x4.mul(v128.load(p + at), v128.load(d + at)))
    high = f32x4.add(high, f32x4.mul(v128.load(p + at, 16), v128.load(d + at, 16)))
  }
  if (j < count) {
    const rest = count - j
    low = f32x4.add(low, f32x4.mul(loadSome(p + at, rest), loadSome(d + at, rest)))
    if (rest > 4) {
      const end = at + 16
      high = f32x4.add(high, f32x4.mul(loadSome(p + end, rest - 4), loadSome(d + end, rest - 4)))
    }
  }
  const c = sumLanes(low, high)
  const shift = f32x4.splat(c)
  const by = f32x4.splat(scale)
  for (j = 0, at = 0; j + 4 <= count; j += 4, at += 16) {
    const value = f32x4.mul(v128.load(p + at), f32x4.sub(v128.load(d + at), shift))
    v128.store(d + at, f32x4.mul(value, by))
  }
  for (; j < count; j += 1, at += 4) {
    store<f32>(d + at, load<f32>(p + at) * (load<f32>(d + at) - c) * scale)
  }
  clear(d, count, columns)
}

/**
 * Units (sequence, head) `from` to `to` of q, k, v, y [sequences * context, heads * size]:
 * probabilities [sequences, heads, context, context] and y.
 */
export function attend(
  q: usize,
  k: usize,
  v: usize,
  y: usize,
  probabilities: usize,
  heads: i32,
  context: i32,
  size: i32,
  scale: f32,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const row = (<usize>(heads * size)) << 2
  const square = (<usize>context) << 2
  const a = scratch + TILE_BYTES
  const keys = a + 16 * <usize>max(context, size)
  const values = keys + ((<usize>up8(context) * <usize>size) << 2)
  for (let unit = from; unit < to; unit += 1) {
    const start =
      <usize>(unit / heads) * <usize>context * row + ((<usize>(unit % heads) * <usize>size) << 2)
    packPlaces(keys, k + start, row, context, size)
    packColumns(values, v + start, row, context, size)
    const p = probabilities + <usize>unit * <usize>context * square
    for (let i = 0; i < context; i += 4) {
      const rows = min(context - i, 4)
      const place = start + <usize>i * row
      const p0 = p + <usize>i * square
      packStrip(a, q + place, row, rows, size)
      strip(a, keys, size, 0, size, p0, square, rows, min(up8(i + rows), context), scratch)
      for (let r = 0; r < rows; r += 1) {
        softmaxRow(p0 + <usize>r * square, i + r + 1, context, scale)
      }
      packStrip(a, p0, square, rows, i + rows)
      strip(a, values, context, 0, i + rows, y + place, row, rows, size, scratch)
    }
  }
}

/** Gradients of `attend` by q, k and v for units `from` to `to`. */
export function attendGradient(
  q: usize,
  k: usize,
  v: usize,
  probabilities: usize,
  dy: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  heads: i32,
  context: i32,
  size: i32,
  scale: f32,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const row = (<usize>(heads * size)) << 2
  const square = (<usize>context) << 2
  const a = scratch + TILE_BYTES
  const values = a + 16 * <usize>max(context, size)
  const keys = values + ((<usize>up8(context) * <usize>size) << 2)
  const byColumn = (<usize>up8(size) * <usize>context) << 2
  const queries = keys + byColumn
  const outs = queries + byColumn
  const ds = outs + byColumn
  for (let unit = from; unit < to; unit += 1) {
    const start =
      <usize>(unit / heads) * <usize>context * row + ((<usize>(unit % heads) * <usize>size) << 2)
    packPlaces(values, v + start, row, context, size)
    packColumns(keys, k + start, row, context, size)
    packColumns(queries, q + start, row, context, size)
    packColumns(outs, dy + start, row, context, size)
    const p = probabilities + <usize>unit * <usize>context * square
    for (let i = 0; i < context; i += 4) {
      const rows = min(context - i, 4)
      const place = start + <usize>i * row
      const d0 = ds + <usize>i * square
      packStrip(a, dy + place, row, rows, size)
      strip(a, values, size, 0, size, d0, square, rows, min(up8(i + rows), context), scratch)
      for (let r = 0; r < rows; r += 1) {
        const shift = <usize>r * square
        softmaxRowGradient(p + <usize>i * square + shift, d0 + shift, i + r + 1, i + rows, scale)
      }
      packStrip(a, d0, square, rows, i + rows)
      strip(a, keys, context, 0, i + rows, dq + place, row, rows, size, scratch)
    }
    for (let j = 0; j < context; j += 4) {
      const columns = min(context - j, 4)
      const place = start + <usize>j * row
      const corner = <usize>j * square + ((<usize>j) << 2)
      packTurned(a, p + corner, square, context - j, columns)
      strip(a, outs, context, j, context - j, dv + place, row, columns, size, scratch)
      packTurned(a, ds + corner, square, context - j, columns)
      strip(a, queries, context, j, context - j, dk + place, row, columns, size, scratch)
    }
  }
}
