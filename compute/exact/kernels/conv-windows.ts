// Convolution with any strides, steps between taps, paddings and groups. What windows see of an image is laid out as
// a matrix of patches, [taps, places], a strip of places at a time, and multiplied with the weights: sums run over
// (depth, tap row, tap column) ascending, as in conv.ts.

import { gemm, gemmOnto } from './gemm'
import { gemv } from './gemv'

const STRIP_FLOATS: i64 = 65_536 // 256 KiB of patches stay in a processor's cache
const FEW_ROWS: i32 = 4

/** Images [channels, h, w], outputs [outs, oh, ow]; the window of (oy, ox) begins at (oy * down - top, …). */
@unmanaged
class Windows {
  channels: i32
  h: i32
  w: i32
  outs: i32
  kh: i32
  kw: i32
  down: i32
  across: i32
  top: i32
  left: i32
  /** Between taps. */
  stepDown: i32
  stepRight: i32
  oh: i32
  ow: i32
  groups: i32
}

/** Writes a description that the others read: 60 bytes. */
export function describeWindows(
  to: usize,
  channels: i32,
  h: i32,
  w: i32,
  outs: i32,
  kh: i32,
  kw: i32,
  down: i32,
  across: i32,
  top: i32,
  left: i32,
  stepDown: i32,
  stepRight: i32,
  oh: i32,
  ow: i32,
  groups: i32,
): void {
  const s = changetype<Windows>(to)
  s.channels = channels
  s.h = h
  s.w = w
  s.outs = outs
  s.kh = kh
  s.kw = kw
  s.down = down
  s.across = across
  s.top = top
  s.left = left
  s.stepDown = stepDown
  s.stepRight = stepRight
  s.oh = oh
  s.ow = ow
  s.groups = groups
}

/** Floats of a strip of rows with `width` places of `depth` values each. */
export function stripFloats(depth: i32, width: i32): f64 {
  return f64(max(STRIP_FLOATS, i64(depth) * i64(width)))
}

function stripRows(depth: i32, width: i32): i32 {
  return i32(max(STRIP_FLOATS / max(i64(depth) * i64(width), 1), 1))
}

function floatsOn(at: usize, count: i32): usize {
  return at + ((<usize>count) << 2)
}

/** y[n, o] = sum over (c, ky, kx) of weights(o, c, ky, kx) * x seen there, + bias[o], for images `from` to `to`. */
export function convolveWindows(
  windows: usize,
  x: usize,
  weights: usize,
  bias: usize,
  y: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const s = changetype<Windows>(windows)
  const depth = s.channels / s.groups
  const outs = s.outs / s.groups
  const taps = depth * s.kh * s.kw
  const places = s.oh * s.ow
  const strip = stripRows(taps, s.ow)
  const rest = scratch + ((<usize>stripFloats(taps, s.ow)) << 2)
  for (let n = from; n < to; n += 1) {
    for (let group = 0; group < s.groups; group += 1) {
      const image = floatsOn(x, (n * s.channels + group * depth) * s.h * s.w)
      const matrix = floatsOn(weights, group * outs * taps)
      const target = floatsOn(y, (n * s.outs + group * outs) * places)
      for (let row = 0; row < s.oh; row += strip) {
        const end = min(row + strip, s.oh)
        const columns = (end - row) * s.ow
        seePatches(windows, image, depth, row, end, scratch)
        multiply(outs, columns, taps, matrix, scratch, floatsOn(target, row * s.ow), places, rest)
      }
      if (bias == 0) continue
      for (let o = 0; o < outs; o += 1) {
        addTo(floatsOn(target, o * places), load<f32>(floatsOn(bias, group * outs + o)), places)
      }
    }
  }
}

/** C [m, n] = A [m, k] B [k, n], rows of C `row` floats apart. */
function multiply(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  b: usize,
  c: usize,
  row: i32,
  scratch: usize,
): void {
  if (m >= FEW_ROWS) return gemm(m, n, k, a, k, 1, b, n, 1, c, row, scratch)
  for (let i = 0; i < m; i += 1) gemv(floatsOn(a, i * k), k, b, n, floatsOn(c, i * row), 0, n)
}

function addTo(y: usize, bias: f32, count: i32): void {
  for (let i = 0; i < count; i += 1, y += 4) store<f32>(y, load<f32>(y) + bias)
}

/** Patches [depth, kh, kw][row to end, ow] of an image; places in the padding are 0. */
function seePatches(
  windows: usize,
  image: usize,
  depth: i32,
  row: i32,
  end: i32,
  patches: usize,
): void {
  const s = changetype<Windows>(windows)
  for (let c = 0; c < depth; c += 1, image += (<usize>(s.h * s.w)) << 2) {
    for (let ky = 0; ky < s.kh; ky += 1) {
      for (let kx = 0; kx < s.kw; kx += 1) {
        const start = kx * s.stepRight - s.left
        for (let oy = row; oy < end; oy += 1, patches += (<usize>s.ow) << 2) {
          const iy = oy * s.down - s.top + ky * s.stepDown
          if (iy < 0 || iy >= s.h) memory.fill(patches, 0, (<usize>s.ow) << 2)
          else seeRow(patches, s.ow, floatsOn(image, iy * s.w), s.w, start, s.across)
        }
      }
    }
  }
}

/** to[i] = from[start + i * stride], 0 outside `length`, for i below `count`. */
function seeRow(to: usize, count: i32, from: usize, length: i32, start: i32, stride: i32): void {
  let i = 0
  for (; i < count && start + i * stride < 0; i += 1) store<f32>(floatsOn(to, i), 0)
  const inside = start >= length ? 0 : (length - start + stride - 1) / stride
  const end = min(count, inside)
  let at = floatsOn(from, start + i * stride)
  if (stride == 1) {
    for (; i + 4 <= end; i += 4, at += 16) v128.store(floatsOn(to, i), v128.load(at))
  } else if (stride == 2) {
    for (; i + 5 <= end; i += 4, at += 32) {
      const values = v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6)
      v128.store(floatsOn(to, i), values)
    }
  }
  for (; i < end; i += 1, at += (<usize>stride) << 2) store<f32>(floatsOn(to, i), load<f32>(at))
  for (; i < count; i += 1) store<f32>(floatsOn(to, i), 0)
}

/**
 * dw[o, c, ky, kx] = sum over (n, oy, ox) ascending of dy[n, o, oy, ox] * x seen there, for outputs `from` to `to`:
 * whole groups where there are several.
 */
export function convolveWindowsWeights(
  windows: usize,
  x: usize,
  dy: usize,
  dw: usize,
  batch: i32,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const s = changetype<Windows>(windows)
  const depth = s.channels / s.groups
  const outs = s.outs / s.groups
  const taps = depth * s.kh * s.kw
  const places = s.oh * s.ow
  const strip = stripRows(taps, s.ow)
  const rest = scratch + ((<usize>stripFloats(taps, s.ow)) << 2)
  memory.fill(floatsOn(dw, from * taps), 0, (<usize>((to - from) * taps)) << 2)
  for (let first = from; first < to; first += outs) {
    const group = first / outs
    const count = min(to - first, outs)
    const target = floatsOn(dw, first * taps)
    for (let n = 0; n < batch; n += 1) {
      const image = floatsOn(x, (n * s.channels + group * depth) * s.h * s.w)
      for (let row = 0; row < s.oh; row += strip) {
        const end = min(row + strip, s.oh)
        const columns = (end - row) * s.ow
        const factor = floatsOn(dy, (n * s.outs + first) * places + row * s.ow)
        seePatches(windows, image, depth, row, end, scratch)
        gemmOnto(count, taps, columns, factor, places, 1, scratch, 1, columns, target, taps, rest)
      }
    }
  }
}

/**
 * dx[n, c, iy, ix] = sum over o ascending, ky descending, kx descending of weights(o, c, ky, kx) * dy at the window
 * whose tap lies there, for images `from` to `to`. Places whose distance from the first window is the same modulo
 * the strides have the same taps: each such class is a product of its own.
 */
export function convolveWindowsInputs(
  windows: usize,
  dy: usize,
  weights: usize,
  dx: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const s = changetype<Windows>(windows)
  for (let y = 0; y < min(s.down, s.h); y += 1) {
    for (let x = 0; x < min(s.across, s.w); x += 1) {
      inputsOfClass(windows, dy, weights, dx, from, to, y, x, scratch)
    }
  }
}

/** The class of the places (y + i * down, x + j * right). */
function inputsOfClass(
  windows: usize,
  dy: usize,
  weights: usize,
  dx: usize,
  from: i32,
  to: i32,
  y: i32,
  x: i32,
  scratch: usize,
): void {
  const s = changetype<Windows>(windows)
  const depth = s.channels / s.groups
  const outs = s.outs / s.groups
  const taps =
    outs *
    tapsOf(s.kh, s.stepDown, s.down, y + s.top) *
    tapsOf(s.kw, s.stepRight, s.across, x + s.left)
  const high = (s.h - y + s.down - 1) / s.down
  const wide = (s.w - x + s.across - 1) / s.across
  const strip = min(stripRows(taps, wide), stripRows(depth, wide))
  const matrix = scratch
  const patches = floatsOn(matrix, depth * outs * s.kh * s.kw)
  const sums = patches + ((<usize>stripFloats(outs * s.kh * s.kw, wide)) << 2)
  const rest = sums + ((<usize>stripFloats(depth, wide)) << 2)
  for (let group = 0; group < s.groups; group += 1) {
    turnTaps(windows, floatsOn(weights, group * outs * depth * s.kh * s.kw), y, x, matrix)
    for (let n = from; n < to; n += 1) {
      const image = floatsOn(dy, (n * s.outs + group * outs) * s.oh * s.ow)
      const target = floatsOn(dx, (n * s.channels + group * depth) * s.h * s.w)
      for (let row = 0; row < high; row += strip) {
        const end = min(row + strip, high)
        const columns = (end - row) * wide
        if (taps == 0) memory.fill(sums, 0, (<usize>(depth * columns)) << 2)
        else {
          seeOutputs(windows, image, row, end, wide, y, x, patches)
          multiply(depth, columns, taps, matrix, patches, sums, columns, rest)
        }
        spread(windows, sums, depth, row, end, wide, y, x, target)
      }
    }
  }
}

/** How many of `count` taps, `step` apart, lie at `place` modulo `stride`. */
function tapsOf(count: i32, step: i32, stride: i32, place: i32): i32 {
  let found = 0
  for (let k = 0; k < count; k += 1) if ((place - k * step) % stride == 0) found += 1
  return found
}

/** Weights [outs, depth, kh, kw] of a group as [depth][outs, ky descending, kx descending], the class's taps alone. */
function turnTaps(windows: usize, weights: usize, y: i32, x: i32, to: usize): void {
  const s = changetype<Windows>(windows)
  const depth = s.channels / s.groups
  const outs = s.outs / s.groups
  for (let c = 0; c < depth; c += 1) {
    for (let o = 0; o < outs; o += 1) {
      for (let ky = s.kh - 1; ky >= 0; ky -= 1) {
        if ((y + s.top - ky * s.stepDown) % s.down != 0) continue
        for (let kx = s.kw - 1; kx >= 0; kx -= 1) {
          if ((x + s.left - kx * s.stepRight) % s.across != 0) continue
          store<f32>(to, load<f32>(floatsOn(weights, ((o * depth + c) * s.kh + ky) * s.kw + kx)))
          to += 4
        }
      }
    }
  }
}

/** Patches [outs, ky descending, kx descending][row to end, wide] of dy as the class's places see it. */
function seeOutputs(
  windows: usize,
  image: usize,
  row: i32,
  end: i32,
  wide: i32,
  y: i32,
  x: i32,
  patches: usize,
): void {
  const s = changetype<Windows>(windows)
  for (let o = s.outs / s.groups; o > 0; o -= 1, image += (<usize>(s.oh * s.ow)) << 2) {
    for (let ky = s.kh - 1; ky >= 0; ky -= 1) {
      const below = y + s.top - ky * s.stepDown
      if (below % s.down != 0) continue
      for (let kx = s.kw - 1; kx >= 0; kx -= 1) {
        const beside = x + s.left - kx * s.stepRight
        if (beside % s.across != 0) continue
        for (let i = row; i < end; i += 1, patches += (<usize>wide) << 2) {
          const oy = below / s.down + i
          if (oy < 0 || oy >= s.oh) memory.fill(patches, 0, (<usize>wide) << 2)
          else seeRow(patches, wide, floatsOn(image, oy * s.ow), s.ow, beside / s.across, 1)
        }
      }
    }
  }
}

/** Puts sums [depth][row to end, wide] at the places of the class. */
function spread(
  windows: usize,
  sums: usize,
  depth: i32,
  row: i32,
  end: i32,
  wide: i32,
  y: i32,
  x: i32,
  image: usize,
): void {
  const s = changetype<Windows>(windows)
  const step = (<usize>s.across) << 2
  for (let c = 0; c < depth; c += 1, image += (<usize>(s.h * s.w)) << 2) {
    for (let i = row; i < end; i += 1) {
      let to = floatsOn(image, (y + i * s.down) * s.w + x)
      for (let j = 0; j < wide; j += 1, sums += 4, to += step) store<f32>(to, load<f32>(sums))
    }
  }
}
