// C = op(A) op(B) in strict order: acc = 0; for k ascending: acc = round(acc + round(a * b)).
// A is packed in panels of 4 rows, B in panels of 8 columns; blocks over k reload C, so that the order stays.

export const KC: i32 = 256
const MC: i32 = 64
const NC: i32 = 1024
const TILE_BYTES: usize = 128 // 4 x 8 floats
const A_BYTES: usize = 65536 // MC * KC floats

/** Bytes of scratch space that one call needs. */
export function gemmScratchBytes(): i32 {
  return <i32>(TILE_BYTES + A_BYTES) + KC * NC * 4
}

/** A(i, k) at a + 4 (i ars + k acs), B(k, j) at b + 4 (k brs + j bcs), C row-major with row length ldc. */
export function gemm(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  ars: i32,
  acs: i32,
  b: usize,
  brs: i32,
  bcs: i32,
  c: usize,
  ldc: i32,
  scratch: usize,
): void {
  const ap = scratch + TILE_BYTES
  const bp = ap + A_BYTES
  if (k == 0) zero(m, n, c, ldc)
  for (let jc = 0; jc < n; jc += NC) {
    const nc = min(n - jc, NC)
    for (let pc = 0; pc < k; pc += KC) {
      const kc = min(k - pc, KC)
      packB(bp, at(at(b, pc, brs), jc, bcs), brs, bcs, kc, nc)
      for (let ic = 0; ic < m; ic += MC) {
        const mc = min(m - ic, MC)
        packA(ap, at(at(a, ic, ars), pc, acs), ars, acs, mc, kc)
        block(mc, nc, kc, ap, bp, at(at(c, ic, ldc), jc, 1), ldc, pc == 0, scratch)
      }
    }
  }
}

function at(base: usize, index: i32, stride: i32): usize {
  return base + ((<usize>index * <usize>stride) << 2)
}

function zero(m: i32, n: i32, c: usize, ldc: i32): void {
  for (let i = 0; i < m; i += 1) memory.fill(at(c, i, ldc), 0, (<usize>n) << 2)
}

function block(
  mc: i32,
  nc: i32,
  kc: i32,
  ap: usize,
  bp: usize,
  c: usize,
  ldc: i32,
  isFirst: bool,
  tile: usize,
): void {
  for (let j = 0; j < nc; j += 8) {
    for (let i = 0; i < mc; i += 4) {
      const isWhole = mc - i >= 4 && nc - j >= 8
      const target = at(at(c, i, ldc), j, 1)
      const a = ap + ((<usize>i * <usize>kc) << 2)
      const b = bp + ((<usize>j * <usize>kc) << 2)
      if (isWhole) {
        tile4x8(kc, a, b, target, (<usize>ldc) << 2, isFirst)
      } else {
        const rows = min(mc - i, 4)
        const columns = min(nc - j, 8)
        if (!isFirst) copyTile(rows, columns, target, (<usize>ldc) << 2, tile, 32)
        tile4x8(kc, a, b, tile, 32, isFirst)
        copyTile(rows, columns, tile, 32, target, (<usize>ldc) << 2)
      }
    }
  }
}

/** Copies rows x columns floats; `from` and `to` have rows of that many bytes. */
export function copyTile(
  rows: i32,
  columns: i32,
  from: usize,
  fromRow: usize,
  to: usize,
  toRow: usize,
): void {
  for (let i = 0; i < rows; i += 1) {
    for (let j: usize = 0; j < <usize>columns; j += 1)
      store<f32>(to + (j << 2), load<f32>(from + (j << 2)))
    from += fromRow
    to += toRow
  }
}

/** One 4 x 8 tile of C in registers, over kc packed values of k. `row` is C's row length in bytes. */
export function tile4x8(kc: i32, a: usize, b: usize, c: usize, row: usize, isFirst: bool): void {
  let c00 = f32x4.splat(0),
    c01 = c00,
    c10 = c00,
    c11 = c00
  let c20 = c00,
    c21 = c00,
    c30 = c00,
    c31 = c00
  if (!isFirst) {
    let from = c
    ;((c00 = v128.load(from)), (c01 = v128.load(from, 16)), (from += row))
    ;((c10 = v128.load(from)), (c11 = v128.load(from, 16)), (from += row))
    ;((c20 = v128.load(from)), (c21 = v128.load(from, 16)), (from += row))
    ;((c30 = v128.load(from)), (c31 = v128.load(from, 16)))
  }
  const end = a + ((<usize>kc) << 4)
  while (a < end) {
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
    b += 32
  }
  ;(v128.store(c, c00), v128.store(c, c01, 16), (c += row))
  ;(v128.store(c, c10), v128.store(c, c11, 16), (c += row))
  ;(v128.store(c, c20), v128.store(c, c21, 16), (c += row))
  ;(v128.store(c, c30), v128.store(c, c31, 16))
}

function packA(ap: usize, a: usize, ars: i32, acs: i32, mc: i32, kc: i32): void {
  for (let i = 0; i < mc; i += 4) {
    const from = at(a, i, ars)
    const rows = min(mc - i, 4)
    if (rows < 4) packStrided(ap, from, acs, ars, kc, rows, 4)
    else if (ars == 1) packRows4(ap, from, acs, kc)
    else if (acs == 1) packTransposed4(ap, 16, from, ars, kc)
    else packStrided(ap, from, acs, ars, kc, 4, 4)
    ap += (<usize>kc) << 4
  }
}

function packB(bp: usize, b: usize, brs: i32, bcs: i32, kc: i32, nc: i32): void {
  for (let j = 0; j < nc; j += 8) {
    const from = at(b, j, bcs)
    const columns = min(nc - j, 8)
    if (columns < 8) packStrided(bp, from, brs, bcs, kc, columns, 8)
    else if (bcs == 1) packRows8(bp, from, brs, kc)
    else if (brs == 1) {
      packTransposed4(bp, 32, from, bcs, kc)
      packTransposed4(bp + 16, 32, at(from, 4, bcs), bcs, kc)
    } else packStrided(bp, from, brs, bcs, kc, 8, 8)
    bp += (<usize>kc) << 5
  }
}

function packRows4(to: usize, from: usize, stride: i32, kc: i32): void {
  const row = (<usize>stride) << 2
  for (let k = 0; k < kc; k += 1) {
    v128.store(to, v128.load(from))
    to += 16
    from += row
  }
}

function packRows8(to: usize, from: usize, stride: i32, kc: i32): void {
  const row = (<usize>stride) << 2
  for (let k = 0; k < kc; k += 1) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    to += 32
    from += row
  }
}

/** Four rows, contiguous in k, become kc groups of four that stand `group` bytes apart. */
export function packTransposed4(to: usize, group: usize, from: usize, stride: i32, kc: i32): void {
  const row = (<usize>stride) << 2
  let k = 0
  for (; k + 4 <= kc; k += 4) {
    const r0 = v128.load(from)
    const r1 = v128.load(from + row)
    const r2 = v128.load(from + 2 * row)
    const r3 = v128.load(from + 3 * row)
    const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5)
    const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5)
    const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7)
    const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7)
    v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5))
    v128.store(to + group, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7))
    v128.store(to + 2 * group, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5))
    v128.store(to + 3 * group, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7))
    to += 4 * group
    from += 16
  }
  for (; k < kc; k += 1) {
    store<f32>(to, load<f32>(from))
    store<f32>(to, load<f32>(from + row), 4)
    store<f32>(to, load<f32>(from + 2 * row), 8)
    store<f32>(to, load<f32>(from + 3 * row), 12)
    to += group
    from += 4
  }
}

/** Any strides; lanes from `lanes` to `width` are zero, and what they give is dropped. */
function packStrided(
  to: usize,
  from: usize,
  kStride: i32,
  laneStride: i32,
  kc: i32,
  lanes: i32,
  width: i32,
): void {
  for (let k = 0; k < kc; k += 1) {
    let source = from
    for (let lane = 0; lane < width; lane += 1) {
      store<f32>(to, lane < lanes ? load<f32>(source) : 0)
      to += 4
      source += (<usize>laneStride) << 2
    }
    from += (<usize>kStride) << 2
  }
}
