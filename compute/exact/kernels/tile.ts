// Tiles of a product in registers, and what happens to a sum before it is stored.

/** What `gemmThen` does with a sum: nothing; + other; relu; 0 < other ? sum : 0. */
export const THEN_NOTHING: i32 = 0
export const THEN_ADD: i32 = 1
export const THEN_RELU: i32 = 2
export const THEN_MASK: i32 = 3

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

/** The same with rows of B `step` bytes apart, and the sums go on as `gemmThen` says. */
export function tile4x8Then(
  kc: i32,
  a: usize,
  b: usize,
  step: usize,
  c: usize,
  row: usize,
  isFirst: bool,
  bias: usize,
  then: i32,
  other: usize,
): void {
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
    b += step
  }
  if (bias) {
    const left = v128.load(bias)
    const right = v128.load(bias, 16)
    ;((c00 = f32x4.add(c00, left)), (c01 = f32x4.add(c01, right)))
    ;((c10 = f32x4.add(c10, left)), (c11 = f32x4.add(c11, right)))
    ;((c20 = f32x4.add(c20, left)), (c21 = f32x4.add(c21, right)))
    ;((c30 = f32x4.add(c30, left)), (c31 = f32x4.add(c31, right)))
  }
  if (then != THEN_NOTHING) {
    ;((c00 = goOn(c00, then, other)), (c01 = goOn(c01, then, other + 16)), (other += row))
    ;((c10 = goOn(c10, then, other)), (c11 = goOn(c11, then, other + 16)), (other += row))
    ;((c20 = goOn(c20, then, other)), (c21 = goOn(c21, then, other + 16)), (other += row))
    ;((c30 = goOn(c30, then, other)), (c31 = goOn(c31, then, other + 16)))
  }
  ;(v128.store(c, c00), v128.store(c, c01, 16), (c += row))
  ;(v128.store(c, c10), v128.store(c, c11, 16), (c += row))
  ;(v128.store(c, c20), v128.store(c, c21, 16), (c += row))
  ;(v128.store(c, c30), v128.store(c, c31, 16))
}

function goOn(sum: v128, then: i32, other: usize): v128 {
  if (then == THEN_RELU) return f32x4.pmax(f32x4.splat(0), sum)
  const values = v128.load(other)
  if (then == THEN_ADD) return f32x4.add(sum, values)
  return v128.and(sum, f32x4.lt(f32x4.splat(0), values))
}

/** The left half of a 4 x 8 tile alone. */
export function tile4x4(
  kc: i32,
  a: usize,
  b: usize,
  step: usize,
  c: usize,
  row: usize,
  isFirst: bool,
): void {
  let c0 = f32x4.splat(0),
    c1 = c0,
    c2 = c0,
    c3 = c0
  if (!isFirst) {
    c0 = v128.load(c)
    c1 = v128.load(c + row)
    c2 = v128.load(c + 2 * row)
    c3 = v128.load(c + 3 * row)
  }
  const end = a + ((<usize>kc) << 4)
  while (a < end) {
    const b0 = v128.load(b)
    c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(a), b0))
    c1 = f32x4.add(c1, f32x4.mul(v128.load32_splat(a, 4), b0))
    c2 = f32x4.add(c2, f32x4.mul(v128.load32_splat(a, 8), b0))
    c3 = f32x4.add(c3, f32x4.mul(v128.load32_splat(a, 12), b0))
    a += 16
    b += step
  }
  v128.store(c, c0)
  v128.store(c + row, c1)
  v128.store(c + 2 * row, c2)
  v128.store(c + 3 * row, c3)
}
