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

// erfc(u) is about the polynomial of t = 1 / (1 + ERF_P u) below, times exp(-u^2), for u >= 0 (Abramowitz and Stegun
// 1964, 7.1.26).
const ERF_P: f32 = 0.3275911

/** exp(-x^2 / 2), the height of the bell that both halves below need. */
function bell4(x: v128): v128 {
  const u = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678))
  return exp4(f32x4.neg(f32x4.mul(u, u)))
}

/** The share of a normal distribution below x, from the bell at x. */
function normalShare4(x: v128, bell: v128): v128 {
  const one = f32x4.splat(1)
  const u = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678))
  const t = f32x4.div(one, f32x4.add(f32x4.mul(u, f32x4.splat(ERF_P)), one))
  let p = f32x4.splat(1.0614054)
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.4531521))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.4214138))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.28449672))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.2548296))
  const tail = f32x4.mul(f32x4.mul(f32x4.mul(p, t), bell), f32x4.splat(0.5))
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, f32x4.splat(0)))
}

function geluErf4(x: v128): v128 {
  return f32x4.mul(x, normalShare4(x, bell4(x)))
}

function geluErfSlope4(x: v128): v128 {
  const bell = bell4(x)
  return f32x4.add(normalShare4(x, bell), f32x4.mul(f32x4.mul(x, bell), f32x4.splat(0.39894228)))
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

/** y = x * q(x), q the share of a normal distribution below x. */
export function geluErf(x: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, x += 16, y += 16) {
    storeUpTo4(y, geluErf4(loadUpTo4(x, count - i)), count - i)
  }
}

/** dx = dy * (q(x) + (x * b) * 0.39894228), b = exp(-x^2 / 2). */
export function geluErfGradient(x: usize, dy: usize, dx: usize, count: i32): void {
  for (let i = 0; i < count; i += 4, x += 16, dy += 16, dx += 16) {
    const rest = count - i
    storeUpTo4(dx, f32x4.mul(loadUpTo4(dy, rest), geluErfSlope4(loadUpTo4(x, rest))), rest)
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
