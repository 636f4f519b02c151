// Smooth activations, and products of single values.

import { loadSome } from './elementwise'
import { exp4 } from './math'

/** Stores the first `count` (1 to 4) lanes. */
export function storeSome(at: usize, lanes: v128, count: i32): void {
  store<f32>(at, f32x4.extract_lane(lanes, 0))
  if (count > 1) store<f32>(at, f32x4.extract_lane(lanes, 1), 4)
  if (count > 2) store<f32>(at, f32x4.extract_lane(lanes, 2), 8)
  if (count > 3) store<f32>(at, f32x4.extract_lane(lanes, 3), 12)
}

/** 1 / (1 + exp(-x)). */
function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))))
}

// The functions below have one caller each, in one place, so that the compiler puts them into its loop.

/** Gelu (tanh form) is x * sigmoid of (x * ((x * x) * 0.044715 + 1)) * 1.5957691. */
function bend4(x: v128): v128 {
  const cubic = f32x4.add(f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.044715)), f32x4.splat(1))
  return f32x4.mul(f32x4.mul(x, cubic), f32x4.splat(1.5957691))
}

function gelu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(bend4(x)))
}

function geluSlope4(x: v128): v128 {
  const s = sigmoid4(bend4(x))
  const inner = f32x4.add(f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.134145)), f32x4.splat(1))
  const bend = f32x4.mul(f32x4.mul(x, s), f32x4.sub(f32x4.splat(1), s))
  return f32x4.add(s, f32x4.mul(bend, f32x4.mul(inner, f32x4.splat(1.5957691))))
}

function silu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(x))
}

function siluSlope4(x: v128): v128 {
  const s = sigmoid4(x)
  return f32x4.add(s, f32x4.mul(f32x4.mul(x, s), f32x4.sub(f32x4.splat(1), s)))
}

function loadUpTo4(at: usize, count: i32): v128 {
  return count >= 4 ? v128.load(at) : loadSome(at, count)
}

function storeUpTo4(at: usize, lanes: v128, count: i32): void {
  if (count >= 4) v128.store(at, lanes)
  else storeSome(at, lanes, count)
}

/** y = x * s, s = 1 / (1 + exp(-((x * ((x * x) * 0.044715 + 1)) * 1.5957691))). */
export function gelu(x: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, x += 16, y += 16) {
    storeUpTo4(y, gelu4(loadUpTo4(x, count - i)), count - i)
  }
}

/** dx = dy * (s + ((x * s) * (1 - s)) * (((x * x) * 0.134145 + 1) * 1.5957691)). */
export function geluGradient(x: usize, dy: usize, dx: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, x += 16, dy += 16, dx += 16) {
    const rest = count - i
    storeUpTo4(dx, f32x4.mul(loadUpTo4(dy, rest), geluSlope4(loadUpTo4(x, rest))), rest)
  }
}

/** y = x * s, s = 1 / (1 + exp(-x)). */
export function silu(x: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, x += 16, y += 16) {
    storeUpTo4(y, silu4(loadUpTo4(x, count - i)), count - i)
  }
}

/** dx = dy * (s + (x * s) * (1 - s)). */
export function siluGradient(x: usize, dy: usize, dx: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, x += 16, dy += 16, dx += 16) {
    const rest = count - i
    storeUpTo4(dx, f32x4.mul(loadUpTo4(dy, rest), siluSlope4(loadUpTo4(x, rest))), rest)
  }
}

/** y = a * b. */
export function multiply(a: usize, b: usize, y: usize, count: i32): void {
  let i = 0
  for (; i + 4 <= count; i += 4, a += 16, b += 16, y += 16) {
    v128.store(y, f32x4.mul(v128.load(a), v128.load(b)))
  }
  for (; i < count; i += 1, a += 4, b += 4, y += 4) store<f32>(y, load<f32>(a) * load<f32>(b))
}
