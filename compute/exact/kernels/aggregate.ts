// Aggregation of up to 8 vectors that stand `count` floats apart, in list order.

import { loadSome, sumLanes } from './elementwise'

/** mean = (((u0 + u1) + u2) + …) / updates. */
export function mean(u: usize, updates: i32, count: i32, to: usize): void {
  const row = (<usize>count) << 2
  const by = f32x4.splat(f32(updates))
  let i = 0
  for (; i + 4 <= count; i += 4, u += 16, to += 16) {
    let sum = v128.load(u)
    for (let k: usize = 1; k < <usize>updates; k += 1) sum = f32x4.add(sum, v128.load(u + k * row))
    v128.store(to, f32x4.div(sum, by))
  }
  for (; i < count; i += 1, u += 4, to += 4) {
    let sum = load<f32>(u)
    for (let k: usize = 1; k < <usize>updates; k += 1) sum += load<f32>(u + k * row)
    store<f32>(to, sum / f32(updates))
  }
}

/** The median of each coordinate; of an even number (lower + upper) * 0.5. `sorting` holds 8 values. */
export function median(u: usize, updates: i32, count: i32, to: usize, sorting: usize): void {
  const row = (<usize>count) << 2
  const upper = sorting + ((<usize>(updates >> 1)) << 2)
  for (let i = 0; i < count; i += 1, u += 4, to += 4) {
    for (let k = 0; k < updates; k += 1) {
      const value = load<f32>(u + <usize>k * row)
      let place = k
      while (place > 0 && value < load<f32>(sorting + ((<usize>(place - 1)) << 2))) {
        store<f32>(
          sorting + ((<usize>place) << 2),
          load<f32>(sorting + ((<usize>(place - 1)) << 2)),
        )
        place -= 1
      }
      store<f32>(sorting + ((<usize>place) << 2), value)
    }
    const high = load<f32>(upper)
    store<f32>(to, (updates & 1) != 0 ? high : (load<f32>(upper - 4) + high) * 0.5)
  }
}

/** sqrt of the 8-lane sum of (u - v) * (u - v). */
export function distance(u: usize, v: usize, count: i32): f32 {
  let low = f32x4.splat(0),
    high = low
  let i = 0
  for (; i + 8 <= count; i += 8, u += 32, v += 32) {
    const d = f32x4.sub(v128.load(u), v128.load(v))
    const e = f32x4.sub(v128.load(u, 16), v128.load(v, 16))
    low = f32x4.add(low, f32x4.mul(d, d))
    high = f32x4.add(high, f32x4.mul(e, e))
  }
  if (i < count) {
    const d = f32x4.sub(loadSome(u, count - i), loadSome(v, count - i))
    low = f32x4.add(low, f32x4.mul(d, d))
    if (i + 4 < count) {
      const e = f32x4.sub(loadSome(u + 16, count - i - 4), loadSome(v + 16, count - i - 4))
      high = f32x4.add(high, f32x4.mul(e, e))
    }
  }
  return sqrt<f32>(sumLanes(low, high))
}

/** v = v + ((u0 - v) * s0 + (u1 - v) * s1 + …) / updates, the sum from the left; scales at `scales`. */
export function clipStep(u: usize, updates: i32, count: i32, scales: usize, v: usize): void {
  const row = (<usize>count) << 2
  for (let i = 0; i < count; i += 1, u += 4, v += 4) {
    const center = load<f32>(v)
    let sum: f32 = (load<f32>(u) - center) * load<f32>(scales)
    for (let k: usize = 1; k < <usize>updates; k += 1) {
      sum += (load<f32>(u + k * row) - center) * load<f32>(scales + (k << 2))
    }
    store<f32>(v, center + sum / f32(updates))
  }
}
