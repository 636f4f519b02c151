// Philox4x32-10 (Salmon et al. 2011): word block n of a stream is a function of the key and n alone.

let w0: u32 = 0
let w1: u32 = 0
let w2: u32 = 0
let w3: u32 = 0

function philox(counter: u32, key: usize): void {
  let k0 = load<u32>(key),
    k1 = load<u32>(key, 4)
  w0 = counter
  w1 = 0
  w2 = load<u32>(key, 8)
  w3 = load<u32>(key, 12)
  for (let round = 0; round < 10; round += 1) {
    const p0 = u64(w0) * 0xd2511f53
    const p1 = u64(w2) * 0xcd9e8d57
    w0 = u32(p1 >> 32) ^ w1 ^ k0
    w1 = u32(p1)
    w2 = u32(p0 >> 32) ^ w3 ^ k1
    w3 = u32(p0)
    k0 += 0x9e3779b9
    k1 += 0xbb67ae85
  }
}

/** Blocks `first` to `first` + `blocks` - 1 of four 32-bit words each. `key` holds 16 bytes, little-endian. */
export function words(to: usize, first: i32, blocks: i32, key: usize): void {
  for (let i = 0; i < blocks; i += 1, to += 16) {
    philox(<u32>(first + i), key)
    ;(store<u32>(to, w0), store<u32>(to, w1, 4), store<u32>(to, w2, 8), store<u32>(to, w3, 12))
  }
}

/**
 * Normals: value i uses blocks 3i to 3i + 2. The sum of the upper 24 bits of the twelve words, less 6 * 2^24,
 * is rounded to binary32, times 2^-24, times `deviation`.
 */
export function normals(to: usize, count: i32, key: usize, deviation: f32): void {
  for (let i = 0; i < count; i += 1, to += 4) {
    let sum: i32 = -6 << 24
    for (let block = 0; block < 3; block += 1) {
      philox(<u32>(3 * i + block), key)
      sum += <i32>((w0 >> 8) + (w1 >> 8) + (w2 >> 8) + (w3 >> 8))
    }
    store<f32>(to, f32(sum) * 5.9604645e-8 * deviation)
  }
}
