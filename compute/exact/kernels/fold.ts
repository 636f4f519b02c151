// A short digest of many words, for what is hashed at every step.

const FACTOR: i32 = 0x9e3779b1
const LANES: i32 = 32
const ROWS: i32 = 64

/**
 * Each run of 2048 words becomes 32: word l is h after `h = h * 0x9e3779b1 + word 32 r + l` for rows r ascending,
 * from 0, modulo 2^32; words behind the end are 0.
 */
export function fold(x: usize, count: i32, to: usize): void {
  for (let start = 0; start < count; start += LANES * ROWS) {
    const words = min(count - start, LANES * ROWS)
    const rows = words / LANES
    for (let lane: usize = 0; lane < 4 * LANES; lane += 64) foldRows(x + lane, rows, to + lane)
    if (rows < ROWS) foldRest(x + <usize>rows * 4 * LANES, words - rows * LANES, ROWS - rows, to)
    x += 4 * LANES * ROWS
    to += 4 * LANES
  }
}

/** 16 lanes. */
function foldRows(x: usize, rows: i32, to: usize): void {
  const factor = i32x4.splat(FACTOR)
  let h0 = i32x4.splat(0),
    h1 = h0,
    h2 = h0,
    h3 = h0
  for (let r = 0; r < rows; r += 1, x += 4 * LANES) {
    h0 = i32x4.add(i32x4.mul(h0, factor), v128.load(x))
    h1 = i32x4.add(i32x4.mul(h1, factor), v128.load(x, 16))
    h2 = i32x4.add(i32x4.mul(h2, factor), v128.load(x, 32))
    h3 = i32x4.add(i32x4.mul(h3, factor), v128.load(x, 48))
  }
  v128.store(to, h0)
  v128.store(to, h1, 16)
  v128.store(to, h2, 32)
  v128.store(to, h3, 48)
}

/** The last rows: some words, then zeros. */
function foldRest(x: usize, words: i32, rows: i32, to: usize): void {
  for (let lane = 0; lane < LANES; lane += 1, x += 4, to += 4) {
    let h = load<i32>(to) * FACTOR
    if (lane < words) h += load<i32>(x)
    for (let r = 1; r < rows; r += 1) h *= FACTOR
    store<i32>(to, h)
  }
}
