// Dropout by a stream of random words: Philox4x32-10, four blocks at a time.

import { words } from './rng'

const LOW_FIRST: u32 = 0xd2511f53
const LOW_THIRD: u32 = 0xcd9e8d57

let r0: v128 = i32x4.splat(0)
let r1: v128 = i32x4.splat(0)
let r2: v128 = i32x4.splat(0)
let r3: v128 = i32x4.splat(0)

/** Words 0 to 3 of blocks `counter` to `counter` + 3, one block in each lane of r0 to r3. */
function philox4(counter: i32, key: usize): void {
  let k0 = v128.load32_splat(key)
  let k1 = v128.load32_splat(key, 4)
  let w0 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3))
  let w1 = i32x4.splat(0)
  let w2 = v128.load32_splat(key, 8)
  let w3 = v128.load32_splat(key, 12)
  const m0 = i32x4.splat(LOW_FIRST)
  const m1 = i32x4.splat(LOW_THIRD)
  for (let round = 0; round < 10; round += 1) {
    const a0 = i64x2.extmul_low_i32x4_u(w0, m0)
    const a1 = i64x2.extmul_high_i32x4_u(w0, m0)
    const b0 = i64x2.extmul_low_i32x4_u(w2, m1)
    const b1 = i64x2.extmul_high_i32x4_u(w2, m1)
    w0 = v128.xor(v128.xor(v128.shuffle<i32>(b0, b1, 1, 3, 5, 7), w1), k0)
    w1 = v128.shuffle<i32>(b0, b1, 0, 2, 4, 6)
    w2 = v128.xor(v128.xor(v128.shuffle<i32>(a0, a1, 1, 3, 5, 7), w3), k1)
    w3 = v128.shuffle<i32>(a0, a1, 0, 2, 4, 6)
    k0 = i32x4.add(k0, i32x4.splat(0x9e3779b9))
    k1 = i32x4.add(k1, i32x4.splat(0xbb67ae85))
  }
  r0 = w0
  r1 = w1
  r2 = w2
  r3 = w3
}

/** Eight values, kept where their 16 bits are not below the limit. */
function keepEight(x: usize, y: usize, bits: v128, limits: v128, by: v128): void {
  const kept = i16x8.ge_u(bits, limits)
  const low = f32x4.mul(v128.load(x), by)
  const high = f32x4.mul(v128.load(x, 16), by)
  v128.store(y, v128.and(low, i32x4.extend_low_i16x8_s(kept)))
  v128.store(y, v128.and(high, i32x4.extend_high_i16x8_s(kept)), 16)
}

/**
 * y = x * scale, or 0 where 16 bits of the stream are below `limit`. Value i takes word (i modulo 8) / 2 of
 * block i / 8: its lower half for an even i, the upper for an odd one. For values `from` (a multiple of 32) to
 * `to`; x and y are the whole tensors. `key` holds 16 bytes; `scratch` 16 more.
 */
export function dropout(
  x: usize,
  y: usize,
  from: i32,
  to: i32,
  key: usize,
  limit: i32,
  scale: f32,
  scratch: usize,
): void {
  const limits = i16x8.splat(<i16>limit)
  const by = f32x4.splat(scale)
  let i = from
  x += (<usize>from) << 2
  y += (<usize>from) << 2
  for (; i + 32 <= to; i += 32, x += 128, y += 128) {
    philox4(i >> 3, key)
    const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5)
    const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5)
    const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7)
    const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7)
    keepEight(x, y, v128.shuffle<i32>(low01, low23, 0, 1, 4, 5), limits, by)
    keepEight(x + 32, y + 32, v128.shuffle<i32>(low01, low23, 2, 3, 6, 7), limits, by)
    keepEight(x + 64, y + 64, v128.shuffle<i32>(high01, high23, 0, 1, 4, 5), limits, by)
    keepEight(x + 96, y + 96, v128.shuffle<i32>(high01, high23, 2, 3, 6, 7), limits, by)
  }
  for (; i < to; i += 1, x += 4, y += 4) {
    if ((i & 7) == 0) words(scratch, i >> 3, 1, key)
    const bits = <i32>load<u16>(scratch + ((<usize>(i & 7)) << 1))
    store<f32>(y, bits < limit ? 0 : load<f32>(x) * scale)
  }
}
