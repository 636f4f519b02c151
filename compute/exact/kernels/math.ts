// exp, log, sqrt and summation as SPEC.md defines them. Built of binary32 + - * / sqrt and integer operations.

const MAGIC: f32 = 12582912.0 // 1.5 * 2^23: adding it rounds to the nearest integer, ties to even

/** exp of four values, each clamped to [-87, 88] first. */
export function exp4(x: v128): v128 {
  x = f32x4.pmin(f32x4.splat(88.0), f32x4.pmax(f32x4.splat(-87.0), x))
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504)), f32x4.splat(MAGIC))
  const k = f32x4.sub(shifted, f32x4.splat(MAGIC))
  let r = f32x4.sub(x, f32x4.mul(k, f32x4.splat(0.693359375)))
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(-0.00021219444)))
  let p = f32x4.splat(0.00019875691)
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.0013981999))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.008333452))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.041665796))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.16666665))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5))
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1.0))
  const power = i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(0x3f800000)) // 2^k: the low bits of `shifted` are k
  return f32x4.mul(p, power)
}

export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0)
}

/** log of a positive normal value. */
export function log1(x: f32): f32 {
  const bits = reinterpret<i32>(x)
  let exponent = (bits >> 23) - 127
  let m = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000)
  if (m > 1.41421356) {
    m = m * 0.5
    exponent += 1
  }
  const t = (m - 1) / (m + 1)
  const u = t * t
  let s: f32 = 0.15384615
  s = s * u + 0.18181818
  s = s * u + 0.22222222
  s = s * u + 0.2857143
  s = s * u + 0.4
  s = s * u + 0.6666667
  s = s * u + 2.0
  return f32(exponent) * 0.6931472 + t * s
}

export function sqrt1(x: f32): f32 {
  return sqrt<f32>(x)
}

/** A product that is denormal where denormals are on: scalar and vector must both keep it. */
export function keepsDenormals(a: f32, b: f32): i32 {
  const scalar = reinterpret<i32>(a * b)
  const vector = i32x4.extract_lane(f32x4.mul(f32x4.splat(a), f32x4.splat(b)), 2)
  return i32(scalar != 0 && scalar == vector && scalar < 0x00800000)
}
