// Losses of one row each, and their gradients by the mean over rows.

import { exp1, exp4, log1 } from './math'

/**
 * Row by row: m = greatest logit (ascending); e_j = exp(x_j - m); s = sum of e_j ascending, from 0;
 * probability_j = e_j / s; loss = log(s) - (x_label - m). Labels are checked by the caller.
 */
export function softmaxCrossEntropy(
  logits: usize,
  labels: usize,
  rows: i32,
  classes: i32,
  losses: usize,
  probabilities: usize,
): void {
  const row = (<usize>classes) << 2
  for (let i = 0; i < rows; i += 1) {
    let m = load<f32>(logits)
    for (let j = 1; j < classes; j += 1) {
      const x = load<f32>(logits + ((<usize>j) << 2))
      if (m < x) m = x
    }
    exponentials(logits, m, probabilities, classes)
    let s: f32 = 0
    for (let j = 0; j < classes; j += 1) s += load<f32>(probabilities + ((<usize>j) << 2))
    divide(probabilities, s, classes)
    const label = load<u32>(labels)
    store<f32>(losses, log1(s) - (load<f32>(logits + ((<usize>label) << 2)) - m))
    logits += row
    probabilities += row
    labels += 4
    losses += 4
  }
}

function exponentials(x: usize, m: f32, to: usize, count: i32): void {
  const shift = f32x4.splat(m)
  let j = 0
  for (; j + 4 <= count; j += 4, x += 16, to += 16)
    v128.store(to, exp4(f32x4.sub(v128.load(x), shift)))
  for (; j < count; j += 1, x += 4, to += 4) store<f32>(to, exp1(load<f32>(x) - m))
}

function divide(x: usize, divisor: f32, count: i32): void {
  const by = f32x4.splat(divisor)
  let j = 0
  for (; j + 4 <= count; j += 4, x += 16) v128.store(x, f32x4.div(v128.load(x), by))
  for (; j < count; j += 1, x += 4) store<f32>(x, load<f32>(x) / divisor)
}

/** gradient_j = (probability_j - (j == label ? 1 : 0)) / divisor. */
export function softmaxCrossEntropyGradient(
  probabilities: usize,
  labels: usize,
  rows: i32,
  classes: i32,
  divisor: f32,
  gradient: usize,
): void {
  for (let i = 0; i < rows; i += 1) {
    const label = load<i32>(labels)
    for (let j = 0; j < classes; j += 1) {
      const hot: f32 = j == label ? 1 : 0
      store<f32>(gradient, (load<f32>(probabilities) - hot) / divisor)
      probabilities += 4
      gradient += 4
    }
    labels += 4
  }
}

/** loss_i = sum over j ascending, from 0, of (y - t) * (y - t). */
export function squaredError(y: usize, t: usize, rows: i32, columns: i32, losses: usize): void {
  for (let i = 0; i < rows; i += 1) {
    let sum: f32 = 0
    for (let j = 0; j < columns; j += 1) {
      const d = load<f32>(y) - load<f32>(t)
      sum += d * d
      y += 4
      t += 4
    }
    store<f32>(losses, sum)
    losses += 4
  }
}

/** gradient = ((y - t) * 2) / divisor. */
export function squaredErrorGradient(
  y: usize,
  t: usize,
  count: i32,
  divisor: f32,
  gradient: usize,
): void {
  for (let i = 0; i < count; i += 1) {
    store<f32>(gradient, ((load<f32>(y) - load<f32>(t)) * 2) / divisor)
    y += 4
    t += 4
    gradient += 4
  }
}
