// Convolution with stride 1, as a GEMM whose k runs over (depth, tap row, tap column) ascending.
// A zero-padded image is read in place: output position (oy, ox) becomes column oy * wide + ox, so that every
// tap is one contiguous shifted row. The columns between ox = width and `wide` are computed and dropped.

import { packTransposed4 } from './gemm'

const TILE_BYTES: i32 = 128

function up(value: i32, multiple: i32): i32 {
  return ((value + multiple - 1) / multiple) * multiple
}

function slabFloats(depth: i32, h: i32, w: i32, kw: i32, pad: i32): i32 {
  return up(depth * (h + 2 * pad) * (w + 2 * pad) + kw + 8, 4)
}

/** Bytes of scratch space of `convolve`; less than 0 when they pass 2 GiB. */
export function convolveScratchBytes(
  depth: i32,
  h: i32,
  w: i32,
  rows: i32,
  kh: i32,
  kw: i32,
  pad: i32,
): f64 {
  const taps = depth * kh * kw
  const columns = up((h + 2 * pad - kh + 1) * (w + 2 * pad), 8)
  const floats =
    f64(taps) +
    f64(up(rows, 4)) * f64(taps) +
    f64(slabFloats(depth, h, w, kw, pad)) +
    4.0 * f64(columns)
  return f64(TILE_BYTES) + 4.0 * floats + 64.0
}

/**
 * y[n, row] = sum over (d, ky, kx) of weights(row, d, ky, kx) * padded x[n, d, oy + ky, ox + kx], plus bias[row]
 * where bias is not 0, for images `from` to `to`. Forward: weights [rows, depth, kh, kw]. With `isGradient`
 * weights are [depth, rows, kh, kw] and turned by half a turn: the gradient by the input.
 */
export function convolve(
  x: usize,
  depth: i32,
  h: i32,
  w: i32,
  weights: usize,
  rows: i32,
  kh: i32,
  kw: i32,
  pad: i32,
  isGradient: i32,
  bias: usize,
  y: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const area = kh * kw
  const taps = depth * area
  const wide = w + 2 * pad
  const oh = h + 2 * pad - kh + 1
  const ow = wide - kw + 1
  const columns = up(oh * wide, 8)
  const offsets = scratch
  const panels = offsets + ((<usize>up(taps, 4)) << 2)
  const slab = panels + ((<usize>up(rows, 4) * <usize>taps) << 2)
  const strip = slab + ((<usize>slabFloats(depth, h, w, kw, pad)) << 2)
  fillOffsets(offsets, depth, h + 2 * pad, wide, kh, kw)
  if (isGradient) packTaps(panels, weights, rows, depth, area, area, rows * area, true)
  else packTaps(panels, weights, rows, depth, area, depth * area, area, false)
  memory.fill(slab, 0, (<usize>slabFloats(depth, h, w, kw, pad)) << 2)
  for (let n = from; n < to; n += 1) {
    padImage(slab, x + ((<usize>n * <usize>(depth * h * w)) << 2), depth, h, w, pad)
    const target = y + ((<usize>n * <usize>(rows * oh * ow)) << 2)
    for (let i = 0; i < rows; i += 4) {
      const panel = panels + ((<usize>i * <usize>taps) << 2)
      for (let j = 0; j < columns; j += 8) {
        tile4x8Taps(
          taps,
          panel,
          slab + ((<usize>j) << 2),
          offsets,
          strip + ((<usize>j) << 2),
          (<usize>columns) << 2,
        )
      }
      for (let r = 0; r < min(rows - i, 4); r += 1) {
        const b: f32 = bias == 0 ? 0 : load<f32>(bias + ((<usize>(i + r)) << 2))
        compact(
          strip + ((<usize>r * <usize>columns) << 2),
          wide,
          target + ((<usize>(i + r) * <usize>(oh * ow)) << 2),
          oh,
          ow,
          b,
          bias != 0,
        )
      }
    }
  }
}

function fillOffsets(to: usize, depth: i32, high: i32, wide: i32, kh: i32, kw: i32): void {
  for (let d = 0; d < depth; d += 1) {
    for (let ky = 0; ky < kh; ky += 1) {
      for (let kx = 0; kx < kw; kx += 1) {
        store<i32>(to, ((d * high + ky) * wide + kx) << 2)
        to += 4
      }
    }
  }
}

/** Panels of 4 rows: [k][4], zero beyond the last row. */
function packTaps(
  to: usize,
  weights: usize,
  rows: i32,
  depth: i32,
  area: i32,
  rowStride: i32,
  depthStride: i32,
  isTurned: bool,
): void {
  for (let i = 0; i < rows; i += 4) {
    for (let d = 0; d < depth; d += 1) {
      for (let tap = 0; tap < area; tap += 1) {
        const place = d * depthStride + (isTurned ? area - 1 - tap : tap)
        for (let r = i; r < i + 4; r += 1) {
          store<f32>(
            to,
            r < rows ? load<f32>(weights + ((<usize>(r * rowStride + place)) << 2)) : 0,
          )
          to += 4
        }
      }
    }
  }
}

/** Copies an image into the middle of the slab, whose border is zero already. */
function padImage(slab: usize, image: usize, depth: i32, h: i32, w: i32, pad: i32): void {
  const wide = w + 2 * pad
  const row = (<usize>w) << 2
  let to = slab + ((<usize>(pad * wide + pad)) << 2)
  for (let d = 0; d < depth; d += 1) {
    for (let i = 0; i < h; i += 1) {
      copyRow(to, image, w)
      image += row
      to += (<usize>wide) << 2
    }
    to += (<usize>(2 * pad * wide)) << 2
  }
}

function copyRow(to: usize, from: usize, count: i32): void {
  let i = 0
  for (; i + 4 <= count; i += 4) {
    v128.store(to, v128.load(from))
    to += 16
    from += 16
  }
  for (; i < count; i += 1) {
    store<f32>(to, load<f32>(from))
    to += 4
    from += 4
  }
}

function compact(
  strip: usize,
  wide: i32,
  to: usize,
  oh: i32,
  ow: i32,
  bias: f32,
  hasBias: bool,
): void {
  const b = f32x4.splat(bias)
  for (let oy = 0; oy < oh; oy += 1) {
    let from = strip + ((<usize>(oy * wide)) << 2)
    if (!hasBias) {
      copyRow(to, from, ow)
      to += (<usize>ow) << 2
      continue
    }
    let i = 0
    for (; i + 4 <= ow; i += 4) {
      v128.store(to, f32x4.add(v128.load(from), b))
      to += 16
      from += 16
    }
    for (; i < ow; i += 1) {
      store<f32>(to, load<f32>(from) + bias)
      to += 4
      from += 4
    }
  }
}

function tile4x8Taps(
  taps: i32,
  a: usize,
  image: usize,
  offsets: usize,
  c: usize,
  row: usize,
): void {
  let c00 = f32x4.splat(0),
    c01 = c00,
    c10 = c00,
    c11 = c00
  let c20 = c00,
    c21 = c00,
    c30 = c00,
    c31 = c00
  const end = a + ((<usize>taps) << 4)
  while (a < end) {
    const b = image + <usize>load<u32>(offsets)
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const a0 = v128.load32_splat(a)
    c00 = f32x4.add(c00, f32x4.mul(a0, b0))
    c01 = f32x4.add(c01, f32x4.mul(a0, b1))
    const a1 = v128.load32_splat(a, 4)
    c10 = f32x4.add(c10, f32x4.mul(a1, b0))
    c11 = f32x4.add(c11, f32x4.mul(a1, b1))
    const a2 = v128.load32_splat(a, 8)
    c20 = f32x4.add(c20, f32x4.mul(a2, b0))
    c21 = f32x4.add(c21, f32x4.mul(a2, b1))
    const a3 = v128.load32_splat(a, 12)
    c30 = f32x4.add(c30, f32x4.mul(a3, b0))
    c31 = f32x4.add(c31, f32x4.mul(a3, b1))
    a += 16
    offsets += 4
  }
  ;(v128.store(c, c00), v128.store(c, c01, 16), (c += row))
  ;(v128.store(c, c10), v128.store(c, c11, 16), (c += row))
  ;(v128.store(c, c20), v128.store(c, c21, 16), (c += row))
  ;(v128.store(c, c30), v128.store(c, c31, 16))
}

/** Bytes of scratch space of `convolveWeights`. */
export function convolveWeightsScratchBytes(
  channels: i32,
  h: i32,
  w: i32,
  outs: i32,
  kh: i32,
  kw: i32,
  pad: i32,
): f64 {
  const places = (h + 2 * pad - kh + 1) * (w + 2 * pad)
  const taps = up(channels * kh * kw, 4)
  const floats =
    f64(taps) +
    f64(slabFloats(channels, h, w, kw, pad)) +
    f64(up(outs, 8)) * (f64(places) + f64(taps))
  return f64(TILE_BYTES) + 4.0 * floats + 64.0
}

/**
 * dw[o, c, ky, kx] = sum over (n, oy, ox) ascending of dy[n, o, oy, ox] * padded x[n, c, oy + ky, ox + kx],
 * for outputs `from` to `to` (`from` a multiple of 8).
 */
export function convolveWeights(
  x: usize,
  channels: i32,
  h: i32,
  w: i32,
  dy: usize,
  outs: i32,
  kh: i32,
  kw: i32,
  pad: i32,
  dw: usize,
  batch: i32,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  if (from >= to) return
  const taps = channels * kh * kw
  const wide = w + 2 * pad
  const oh = h + 2 * pad - kh + 1
  const ow = wide - kw + 1
  const places = oh * wide
  const panels = up(to - from, 8)
  const offsets = scratch + TILE_BYTES
  const slab = offsets + ((<usize>up(taps, 4)) << 2)
  const packed = slab + ((<usize>slabFloats(channels, h, w, kw, pad)) << 2)
  const sums = packed + ((<usize>panels * <usize>places) << 2) // [taps, panels]
  fillOffsets(offsets, channels, h + 2 * pad, wide, kh, kw)
  memory.fill(slab, 0, (<usize>slabFloats(channels, h, w, kw, pad)) << 2)
  memory.fill(sums, 0, (<usize>up(taps, 4) * <usize>panels) << 2)
  for (let n = 0; n < batch; n += 1) {
    padImage(slab, x + ((<usize>n * <usize>(channels * h * w)) << 2), channels, h, w, pad)
    const image = dy + ((<usize>(n * outs + from) * <usize>(oh * ow)) << 2)
    packOutputs(packed, image, to - from, oh, ow, wide)
    for (let j = 0; j < panels; j += 8) {
      const b = packed + ((<usize>j * <usize>places) << 2)
      for (let r = 0; r < taps; r += 4) {
        const c = sums + ((<usize>(r * panels + j)) << 2)
        tile4x8Rows(places, slab, offsets + ((<usize>r) << 2), taps - r, b, c, (<usize>panels) << 2)
      }
    }
  }
  for (let r = 0; r < taps; r += 1) {
    for (let o = from; o < to; o += 1) {
      const sum = load<f32>(sums + ((<usize>(r * panels + o - from)) << 2))
      store<f32>(dw + ((<usize>o * <usize>taps + <usize>r) << 2), sum)
    }
  }
}

/** dy of one image as panels of 8 outputs, [oy * wide + ox][8], zero between ow and wide and beyond the last. */
function packOutputs(to: usize, image: usize, outs: i32, oh: i32, ow: i32, wide: i32): void {
  const area = oh * ow
  for (let o = 0; o < outs; o += 8) {
    for (let oy = 0; oy < oh; oy += 1) {
      const row = image + ((<usize>(o * area + oy * ow)) << 2)
      if (outs - o >= 8) {
        packTransposed4(to, 32, row, area, ow)
        packTransposed4(to + 16, 32, row + ((<usize>(4 * area)) << 2), area, ow)
      } else {
        packSome(to, row, area, ow, outs - o)
      }
      to += (<usize>ow) << 5
      memory.fill(to, 0, (<usize>(wide - ow)) << 5)
      to += (<usize>(wide - ow)) << 5
    }
  }
}

function packSome(to: usize, row: usize, area: i32, ow: i32, lanes: i32): void {
  for (let ox = 0; ox < ow; ox += 1) {
    for (let lane = 0; lane < 8; lane += 1) {
      store<f32>(to, lane < lanes ? load<f32>(row + ((<usize>(lane * area + ox)) << 2)) : 0)
      to += 4
    }
  }
}

/** Four shifted rows of the slab times 8 outputs; rows beyond `rows` repeat the last and land in spare space. */
function tile4x8Rows(
  kc: i32,
  slab: usize,
  offsets: usize,
  rows: i32,
  b: usize,
  c: usize,
  row: usize,
): void {
  let p0 = slab + <usize>load<u32>(offsets)
  let p1 = rows > 1 ? slab + <usize>load<u32>(offsets, 4) : p0
  let p2 = rows > 2 ? slab + <usize>load<u32>(offsets, 8) : p0
  let p3 = rows > 3 ? slab + <usize>load<u32>(offsets, 12) : p0
  let from = c
  let c00 = v128.load(from),
    c01 = v128.load(from, 16)
  from += row
  let c10 = v128.load(from),
    c11 = v128.load(from, 16)
  from += row
  let c20 = v128.load(from),
    c21 = v128.load(from, 16)
  from += row
  let c30 = v128.load(from),
    c31 = v128.load(from, 16)
  const end = p0 + ((<usize>kc) << 2)
  while (p0 < end) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    const a0 = v128.load32_splat(p0)
    c00 = f32x4.add(c00, f32x4.mul(a0, b0))
    c01 = f32x4.add(c01, f32x4.mul(a0, b1))
    const a1 = v128.load32_splat(p1)
    c10 = f32x4.add(c10, f32x4.mul(a1, b0))
    c11 = f32x4.add(c11, f32x4.mul(a1, b1))
    const a2 = v128.load32_splat(p2)
    c20 = f32x4.add(c20, f32x4.mul(a2, b0))
    c21 = f32x4.add(c21, f32x4.mul(a2, b1))
    const a3 = v128.load32_splat(p3)
    c30 = f32x4.add(c30, f32x4.mul(a3, b0))
    c31 = f32x4.add(c31, f32x4.mul(a3, b1))
    p0 += 4
    p1 += 4
    p2 += 4
    p3 += 4
    b += 32
  }
  ;(v128.store(c, c00), v128.store(c, c01, 16), (c += row))
  ;(v128.store(c, c10), v128.store(c, c11, 16), (c += row))
  ;(v128.store(c, c20), v128.store(c, c21, 16), (c += row))
  ;(v128.store(c, c30), v128.store(c, c31, 16))
}
