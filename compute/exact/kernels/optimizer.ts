// Optimizers, in place. Each returns 1 when all that it wrote is finite.

// Moments that only decay would end as denormal numbers, which many processors compute slowly, and stay there.
const TINY_FIRST: f32 = 1e-30
const TINY_SECOND: f32 = 1e-36

/** x, or 0 where |x| < tiny. */
function settle4(x: v128, tiny: f32): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), f32x4.splat(tiny)))
}

function settle1(x: f32, tiny: f32): f32 {
  return abs<f32>(x) < tiny ? 0 : x
}

/**
 * AdamW (Loshchilov and Hutter 2019). Scalars at `rates`: beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1^t),
 * 1 / (1 - beta2^t), epsilon, and keep = 1 - lr * decay (or 1).
 * m = settle(m * beta1 + g * (1 - beta1), 1e-30); v = settle(v * beta2 + (g * g) * (1 - beta2), 1e-36);
 * p = p * keep - (m * rate) / (sqrt(v * correction) + epsilon).
 */
export function adamw(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  count: i32,
  rates: usize,
  keep: f32,
): i32 {
  const b1 = load<f32>(rates),
    c1 = load<f32>(rates, 4)
  const b2 = load<f32>(rates, 8),
    c2 = load<f32>(rates, 12)
  const rate = load<f32>(rates, 16),
    correction = load<f32>(rates, 20),
    epsilon = load<f32>(rates, 24)
  const exponent = i32x4.splat(0x7f800000)
  let bad = i32x4.splat(0)
  let i = 0
  for (; i + 4 <= count; i += 4, p += 16, g += 16, m += 16, v += 16) {
    const gradient = v128.load(g)
    const first = settle4(
      f32x4.add(f32x4.mul(v128.load(m), f32x4.splat(b1)), f32x4.mul(gradient, f32x4.splat(c1))),
      TINY_FIRST,
    )
    const second = settle4(
      f32x4.add(
        f32x4.mul(v128.load(v), f32x4.splat(b2)),
        f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(c2)),
      ),
      TINY_SECOND,
    )
    const root = f32x4.add(
      f32x4.sqrt(f32x4.mul(second, f32x4.splat(correction))),
      f32x4.splat(epsilon),
    )
    const move = f32x4.div(f32x4.mul(first, f32x4.splat(rate)), root)
    const next = f32x4.sub(f32x4.mul(v128.load(p), f32x4.splat(keep)), move)
    v128.store(m, first)
    v128.store(v, second)
    v128.store(p, next)
    bad = v128.or(bad, i32x4.eq(v128.and(first, exponent), exponent))
    bad = v128.or(bad, i32x4.eq(v128.and(second, exponent), exponent))
    bad = v128.or(bad, i32x4.eq(v128.and(next, exponent), exponent))
  }
  let isFinite = !v128.any_true(bad)
  for (; i < count; i += 1, p += 4, g += 4, m += 4, v += 4) {
    const gradient = load<f32>(g)
    const first = settle1(load<f32>(m) * b1 + gradient * c1, TINY_FIRST)
    const second = settle1(load<f32>(v) * b2 + gradient * gradient * c2, TINY_SECOND)
    const next: f32 =
      load<f32>(p) * keep - (first * rate) / (sqrt<f32>(second * correction) + epsilon)
    store<f32>(m, first)
    store<f32>(v, second)
    store<f32>(p, next)
    isFinite = isFinite && isPlain(first) && isPlain(second) && isPlain(next)
  }
  return i32(isFinite)
}

function isPlain(x: f32): bool {
  return (reinterpret<i32>(x) & 0x7f800000) != 0x7f800000
}

/** p = p - g * rate. */
export function sgd(p: usize, g: usize, count: i32, rate: f32): i32 {
  const exponent = i32x4.splat(0x7f800000)
  const by = f32x4.splat(rate)
  let bad = i32x4.splat(0)
  let i = 0
  for (; i + 4 <= count; i += 4, p += 16, g += 16) {
    const next = f32x4.sub(v128.load(p), f32x4.mul(v128.load(g), by))
    v128.store(p, next)
    bad = v128.or(bad, i32x4.eq(v128.and(next, exponent), exponent))
  }
  let isFinite = !v128.any_true(bad)
  for (; i < count; i += 1, p += 4, g += 4) {
    const next: f32 = load<f32>(p) - load<f32>(g) * rate
    store<f32>(p, next)
    isFinite = isFinite && isPlain(next)
  }
  return i32(isFinite)
}

/**
 * Momentum as PyTorch has it. Scalars at `rates` as for AdamW: the first is the momentum, the fifth the rate.
 * m = settle(m * momentum + g, 1e-30); p = p - m * rate.
 */
export function sgdMomentum(p: usize, g: usize, m: usize, count: i32, rates: usize): i32 {
  const momentum = load<f32>(rates),
    rate = load<f32>(rates, 16)
  const exponent = i32x4.splat(0x7f800000)
  let bad = i32x4.splat(0)
  let i = 0
  for (; i + 4 <= count; i += 4, p += 16, g += 16, m += 16) {
    const kept = f32x4.mul(v128.load(m), f32x4.splat(momentum))
    const first = settle4(f32x4.add(kept, v128.load(g)), TINY_FIRST)
    const next = f32x4.sub(v128.load(p), f32x4.mul(first, f32x4.splat(rate)))
    v128.store(m, first)
    v128.store(p, next)
    bad = v128.or(bad, i32x4.eq(v128.and(first, exponent), exponent))
    bad = v128.or(bad, i32x4.eq(v128.and(next, exponent), exponent))
  }
  let isFinite = !v128.any_true(bad)
  for (; i < count; i += 1, p += 4, g += 4, m += 4) {
    const first = settle1(load<f32>(m) * momentum + load<f32>(g), TINY_FIRST)
    const next: f32 = load<f32>(p) - first * rate
    store<f32>(m, first)
    store<f32>(p, next)
    isFinite = isFinite && isPlain(first) && isPlain(next)
  }
  return i32(isFinite)
}
