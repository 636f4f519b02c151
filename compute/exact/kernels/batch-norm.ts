// Batch normalization over images and places, channel by channel. Sums are those of sumChannels: lane l of eight
// adds places l, l + 8, … of all images in order, from 0; then lanes 0 to 7 are added in order.

import { storeSome } from './activation'
import { loadSome, sumLanes } from './elementwise'

function planeAt(x: usize, n: i32, channels: i32, c: i32, area: i32): usize {
  return x + ((<usize>(n * channels + c) * <usize>area) << 2)
}

function floatAt(x: usize, index: i32): usize {
  return x + ((<usize>index) << 2)
}

/** mean[c] = sum of x / count and variance[c] = sum of (x - mean) * (x - mean) / count, for channels `from` to `to`. */
export function batchStatistics(
  x: usize,
  batch: i32,
  channels: i32,
  area: i32,
  mean: usize,
  variance: usize,
  from: i32,
  to: i32,
): void {
  const count: f32 = f32(batch) * f32(area)
  for (let c = from; c < to; c += 1) {
    const center: f32 = sumOf(x, batch, channels, area, c, 0, false) / count
    store<f32>(floatAt(mean, c), center)
    const spread = sumOf(x, batch, channels, area, c, center, true)
    store<f32>(floatAt(variance, c), spread / count)
  }
}

/** The 8-lane sum of x, or of (x - center) * (x - center). */
function sumOf(
  x: usize,
  batch: i32,
  channels: i32,
  area: i32,
  c: i32,
  center: f32,
  isSquared: bool,
): f32 {
  const centers = f32x4.splat(center)
  let low = f32x4.splat(0),
    high = low
  for (let n = 0; n < batch; n += 1) {
    let at = planeAt(x, n, channels, c, area)
    let i = 0
    for (; i < area; i += 8, at += 32) {
      low = f32x4.add(low, term(at, area - i, centers, isSquared))
      if (i + 4 < area) high = f32x4.add(high, term(at + 16, area - i - 4, centers, isSquared))
    }
  }
  return sumLanes(low, high)
}

/** Four values or squares; beyond `left` zeros. */
function term(at: usize, left: i32, centers: v128, isSquared: bool): v128 {
  const values = loadSome(at, left)
  if (!isSquared) return values
  const d = f32x4.sub(values, centers)
  return firstOf(f32x4.mul(d, d), left)
}

/** The first `count` lanes, then zeros. */
function firstOf(values: v128, count: i32): v128 {
  if (count >= 4) return values
  return v128.and(values, i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3)))
}

/** scale[c] = 1 / sqrt(variance[c] + epsilon). */
export function channelScales(variance: usize, channels: i32, epsilon: f32, scale: usize): void {
  for (let c = 0; c < channels; c += 1) {
    store<f32>(floatAt(scale, c), 1 / sqrt<f32>(load<f32>(floatAt(variance, c)) + epsilon))
  }
}

/** y = ((x - mean) * scale) * gain + bias, for planes `from` to `to` of batch * channels. */
export function normalizeChannels(
  x: usize,
  channels: i32,
  area: i32,
  mean: usize,
  scale: usize,
  gain: usize,
  bias: usize,
  y: usize,
  from: i32,
  to: i32,
): void {
  const start = (<usize>from * <usize>area) << 2
  x += start
  y += start
  for (let plane = from; plane < to; plane += 1) {
    const c = plane % channels
    const m = f32x4.splat(load<f32>(floatAt(mean, c))),
      s = f32x4.splat(load<f32>(floatAt(scale, c)))
    const g = f32x4.splat(load<f32>(floatAt(gain, c))),
      b = f32x4.splat(load<f32>(floatAt(bias, c)))
    for (let i = 0; i < area; i += 4) {
      const at = (<usize>i) << 2
      const u = f32x4.mul(f32x4.sub(loadSome(x + at, area - i), m), s)
      storeSome(y + at, f32x4.add(f32x4.mul(u, g), b), area - i)
    }
    x += (<usize>area) << 2
    y += (<usize>area) << 2
  }
}

/** dGain[c] = the 8-lane sum of dy * ((x - mean) * scale), for channels `from` to `to`. */
export function channelGainGradient(
  dy: usize,
  x: usize,
  batch: i32,
  channels: i32,
  area: i32,
  mean: usize,
  scale: usize,
  dGain: usize,
  from: i32,
  to: i32,
): void {
  for (let c = from; c < to; c += 1) {
    const m = f32x4.splat(load<f32>(floatAt(mean, c))),
      s = f32x4.splat(load<f32>(floatAt(scale, c)))
    let low = f32x4.splat(0),
      high = low
    for (let n = 0; n < batch; n += 1) {
      let at = planeAt(x, n, channels, c, area)
      let dAt = planeAt(dy, n, channels, c, area)
      for (let i = 0; i < area; i += 8, at += 32, dAt += 32) {
        low = f32x4.add(low, product(dAt, at, m, s, area - i))
        if (i + 4 < area) high = f32x4.add(high, product(dAt + 16, at + 16, m, s, area - i - 4))
      }
    }
    store<f32>(floatAt(dGain, c), sumLanes(low, high))
  }
}

function product(dy: usize, x: usize, mean: v128, scale: v128, left: i32): v128 {
  const u = f32x4.mul(f32x4.sub(loadSome(x, left), mean), scale)
  return firstOf(f32x4.mul(loadSome(dy, left), u), left)
}

/**
 * dx = ((dy - dBias / count) - u * (dGain / count)) * (gain * scale) with u = (x - mean) * scale, for planes `from`
 * to `to` of batch * channels.
 */
export function normalizeChannelsGradient(
  dy: usize,
  x: usize,
  batch: i32,
  channels: i32,
  area: i32,
  mean: usize,
  scale: usize,
  gain: usize,
  dGain: usize,
  dBias: usize,
  dx: usize,
  from: i32,
  to: i32,
): void {
  const count: f32 = f32(batch) * f32(area)
  const start = (<usize>from * <usize>area) << 2
  dy += start
  x += start
  dx += start
  for (let plane = from; plane < to; plane += 1) {
    const c = plane % channels
    const m = f32x4.splat(load<f32>(floatAt(mean, c))),
      s = f32x4.splat(load<f32>(floatAt(scale, c)))
    const a = f32x4.splat(load<f32>(floatAt(dBias, c)) / count),
      b = f32x4.splat(load<f32>(floatAt(dGain, c)) / count)
    const by = f32x4.mul(f32x4.splat(load<f32>(floatAt(gain, c))), s)
    for (let i = 0; i < area; i += 4) {
      const at = (<usize>i) << 2
      const u = f32x4.mul(f32x4.sub(loadSome(x + at, area - i), m), s)
      const d = f32x4.sub(f32x4.sub(loadSome(dy + at, area - i), a), f32x4.mul(u, b))
      storeSome(dx + at, f32x4.mul(d, by), area - i)
    }
    dy += (<usize>area) << 2
    x += (<usize>area) << 2
    dx += (<usize>area) << 2
  }
}

/** running = running * keep + found * rest. Returns 1 when all that it wrote is finite. */
export function runningMean(running: usize, found: usize, count: i32, keep: f32, rest: f32): i32 {
  let isFinite: bool = true
  for (let i = 0; i < count; i += 1, running += 4, found += 4) {
    const next: f32 = load<f32>(running) * keep + load<f32>(found) * rest
    store<f32>(running, next)
    isFinite = isFinite && (reinterpret<i32>(next) & 0x7f800000) != 0x7f800000
  }
  return i32(isFinite)
}
