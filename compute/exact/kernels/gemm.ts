// C = op(A) op(B) in strict order: acc = 0; for k ascending: acc = round(acc + round(a * b)).
// A is packed in panels of 4 rows, B in panels of 8 columns; blocks over k reload C, so that the order stays.

import { at, packA, packB } from './pack'
import {
  THEN_ADD,
  THEN_MASK,
  THEN_NOTHING,
  THEN_RELU,
  copyTile,
  tile4x4,
  tile4x8,
  tile4x8Then,
} from './tile'

export { packTransposed4 } from './pack'
export { copyTile, tile4x8 } from './tile'

export const KC: i32 = 256
const MC: i32 = 64
const NC: i32 = 1024
const DIRECT_ROWS: i32 = 8 // up to here packing B costs more than it saves, or half of it for long rows of B
const DIRECT_STRIDE: i32 = 512
const TILE_BYTES: usize = 128 // 4 x 8 floats

/** Bytes of scratch space that one call needs; for k and n of 0, what any call needs. */
export function gemmScratchBytes(k: i32, n: i32): i32 {
  const depth = k > 0 ? min(k, KC) : KC
  const width = n > 0 ? (min(n, NC) + 7) & ~7 : NC
  return <i32>TILE_BYTES + (MC + width) * depth * 4
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
  product(m, n, k, a, ars, acs, b, brs, bcs, c, ldc, scratch, 0, THEN_NOTHING, 0, false)
}

/** The same sums, going on from those that C holds. */
export function gemmOnto(
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
  product(m, n, k, a, ars, acs, b, brs, bcs, c, ldc, scratch, 0, THEN_NOTHING, 0, true)
}

/**
 * As `gemm`, and while a sum is in a register: + bias[j] where bias is not 0, then what `then` says. `other` lies
 * like C, and is C only where k is at most KC.
 */
export function gemmThen(
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
  bias: usize,
  then: i32,
  other: usize,
): void {
  product(m, n, k, a, ars, acs, b, brs, bcs, c, ldc, scratch, bias, then, other, false)
}

function product(
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
  bias: usize,
  then: i32,
  other: usize,
  isOnto: bool,
): void {
  const ap = scratch + TILE_BYTES
  const bp = ap + ((<usize>MC * <usize>min(k, KC)) << 2)
  const isDirect = bcs == 1 && m <= (brs > DIRECT_STRIDE ? DIRECT_ROWS >> 1 : DIRECT_ROWS)
  if (k == 0 && !isOnto) zero(m, n, c, ldc)
  for (let jc = 0; jc < n; jc += NC) {
    const nc = min(n - jc, NC)
    const biasHere = bias ? at(bias, jc, 1) : 0
    for (let pc = 0; pc < max(k, 1); pc += KC) {
      const kc = min(k - pc, KC)
      const bHere = at(at(b, pc, brs), jc, bcs)
      if (!isDirect) packB(bp, bHere, brs, bcs, kc, nc)
      const isLast = pc + kc >= k
      const isPlain = !isDirect && (!isLast || (bias == 0 && then == THEN_NOTHING))
      for (let ic = 0; ic < m; ic += MC) {
        const mc = min(m - ic, MC)
        packA(ap, at(at(a, ic, ars), pc, acs), ars, acs, mc, kc)
        const place = (<usize>ic * <usize>ldc + <usize>jc) << 2
        const isFirst = pc == 0 && k > 0 && !isOnto
        if (isPlain) block(mc, nc, kc, ap, bp, c + place, ldc, isFirst, scratch)
        else {
          blockThen(
            mc,
            nc,
            kc,
            ap,
            isDirect ? bHere : bp,
            isDirect ? 32 : (<usize>kc) << 5,
            isDirect ? (<usize>brs) << 2 : 32,
            c + place,
            ldc,
            isFirst,
            scratch,
            isLast ? biasHere : 0,
            isLast ? then : THEN_NOTHING,
            other + place,
          )
        }
      }
    }
  }
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
  const row = (<usize>ldc) << 2
  for (let j = 0; j < nc; j += 8) {
    for (let i = 0; i < mc; i += 4) {
      const target = at(at(c, i, ldc), j, 1)
      const a = ap + ((<usize>i * <usize>kc) << 2)
      const b = bp + ((<usize>j * <usize>kc) << 2)
      const rows = min(mc - i, 4)
      const columns = min(nc - j, 8)
      if (rows == 4 && columns == 8) tile4x8(kc, a, b, target, row, isFirst)
      else {
        edgeTile(kc, a, b, 32, target, row, rows, columns, isFirst, tile)
        copyTile(rows, columns, tile, 32, target, row)
      }
    }
  }
}

/** With B in panels of 8 columns that stand `panel` bytes apart, its rows in a panel `step` bytes. */
function blockThen(
  mc: i32,
  nc: i32,
  kc: i32,
  ap: usize,
  bp: usize,
  panel: usize,
  step: usize,
  c: usize,
  ldc: i32,
  isFirst: bool,
  tile: usize,
  bias: usize,
  then: i32,
  other: usize,
): void {
  const row = (<usize>ldc) << 2
  for (let j = 0; j < nc; j += 8) {
    const biasHere = bias ? at(bias, j, 1) : 0
    for (let i = 0; i < mc; i += 4) {
      const place = (<usize>i * <usize>ldc + <usize>j) << 2
      const a = ap + ((<usize>i * <usize>kc) << 2)
      const rows = min(mc - i, 4)
      const columns = min(nc - j, 8)
      if (rows == 4 && columns == 8) {
        tile4x8Then(kc, a, bp, step, c + place, row, isFirst, biasHere, then, other + place)
      } else {
        edgeTile(kc, a, bp, step, c + place, row, rows, columns, isFirst, tile)
        finishEdge(rows, columns, tile, c + place, row, biasHere, then, other + place)
      }
    }
    bp += panel
  }
}

/** A tile at the edge, computed in the whole 4 x 8 `tile`, whose other values are of no use. */
function edgeTile(
  kc: i32,
  a: usize,
  b: usize,
  step: usize,
  c: usize,
  row: usize,
  rows: i32,
  columns: i32,
  isFirst: bool,
  tile: usize,
): void {
  if (!isFirst) copyTile(rows, columns, c, row, tile, 32)
  if (columns > 4) tile4x8Then(kc, a, b, step, tile, 32, isFirst, 0, THEN_NOTHING, 0)
  else tile4x4(kc, a, b, step, tile, 32, isFirst)
}

function finishEdge(
  rows: i32,
  columns: i32,
  tile: usize,
  c: usize,
  row: usize,
  bias: usize,
  then: i32,
  other: usize,
): void {
  for (let i = 0; i < rows; i += 1) {
    for (let j: usize = 0; j < (<usize>columns) << 2; j += 4) {
      let value = load<f32>(tile + j)
      if (bias) value = value + load<f32>(bias + j)
      if (then == THEN_ADD) value = value + load<f32>(other + j)
      else if (then == THEN_RELU) value = 0 < value ? value : 0
      else if (then == THEN_MASK) value = 0 < load<f32>(other + j) ? value : 0
      store<f32>(c + j, value)
    }
    tile += 32
    c += row
    other += row
  }
}
