// Operations on single values, and sums. Vectors run across values; every value has its own fixed sequence.

/** y = 0 < x ? x : 0. */
export function relu(x: usize, y: usize, count: i32): void {
  const zero = f32x4.splat(0)
  let i = 0
  for (; i + 4 <= count; i += 4, x += 16, y += 16) v128.store(y, f32x4.pmax(zero, v128.load(x)))
  for (; i < count; i += 1, x += 4, y += 4) {
    const value = load<f32>(x)
    store<f32>(y, 0 < value ? value : 0)
  }
}

/** dx = 0 < y ? dy : 0. */
export function reluGradient(y: usize, dy: usize, dx: usize, count: i32): void {
  const zero = f32x4.splat(0)
  let i = 0
  for (; i + 4 <= count; i += 4, y += 16, dy += 16, dx += 16) {
    v128.store(dx, v128.and(v128.load(dy), f32x4.lt(zero, v128.load(y))))
  }
  for (; i < count; i += 1, y += 4, dy += 4, dx += 4) {
    store<f32>(dx, 0 < load<f32>(y) ? load<f32>(dy) : 0)
  }
}

/** y = a + b. */
export function add(a: usize, b: usize, y: usize, count: i32): void {
  let i = 0
  for (; i + 4 <= count; i += 4, a += 16, b += 16, y += 16) {
    v128.store(y, f32x4.add(v128.load(a), v128.load(b)))
  }
  for (; i < count; i += 1, a += 4, b += 4, y += 4) store<f32>(y, load<f32>(a) + load<f32>(b))
}

/** y[i, j] = y[i, j] + bias[j]. */
export function addBias(y: usize, bias: usize, rows: i32, columns: i32): void {
  for (let i = 0; i < rows; i += 1) {
    add(y, bias, y, columns)
    y += (<usize>columns) << 2
  }
}

/** sums[j] = sum over rows i ascending of x[i, j], from 0, for columns `from` to `to`. */
export function sumRows(x: usize, rows: i32, columns: i32, sums: usize, from: i32, to: i32): void {
  const row = (<usize>columns) << 2
  let j = from
  for (; j + 16 <= to; j += 16) {
    let s0 = f32x4.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0
    let at = x + ((<usize>j) << 2)
    for (let i = 0; i < rows; i += 1, at += row) {
      s0 = f32x4.add(s0, v128.load(at))
      s1 = f32x4.add(s1, v128.load(at, 16))
      s2 = f32x4.add(s2, v128.load(at, 32))
      s3 = f32x4.add(s3, v128.load(at, 48))
    }
    const target = sums + ((<usize>j) << 2)
    ;(v128.store(target, s0), v128.store(target, s1, 16))
    ;(v128.store(target, s2, 32), v128.store(target, s3, 48))
  }
  for (; j < to; j += 1) {
    let s: f32 = 0
    let at = x + ((<usize>j) << 2)
    for (let i = 0; i < rows; i += 1, at += row) s += load<f32>(at)
    store<f32>(sums + ((<usize>j) << 2), s)
  }
}

/**
 * sums[c] = the 8-lane sum over (n, place) of x[n, c, place]: lane l adds places l, l + 8, … of all images in
 * order, from 0; then lanes 0 to 7 are added in order. For channels `from` to `to`.
 */
export function sumChannels(
  x: usize,
  batch: i32,
  channels: i32,
  area: i32,
  sums: usize,
  from: i32,
  to: i32,
): void {
  for (let c = from; c < to; c += 1) {
    let low = f32x4.splat(0),
      high = low
    for (let n = 0; n < batch; n += 1) {
      let at = x + ((<usize>(n * channels + c) * <usize>area) << 2)
      let i = 0
      for (; i + 8 <= area; i += 8, at += 32) {
        low = f32x4.add(low, v128.load(at))
        high = f32x4.add(high, v128.load(at, 16))
      }
      if (i < area) {
        low = f32x4.add(low, loadSome(at, area - i))
        if (i + 4 < area) high = f32x4.add(high, loadSome(at + 16, area - i - 4))
      }
    }
    store<f32>(sums + ((<usize>c) << 2), sumLanes(low, high))
  }
}

/** The first `count` (1 to 4) values at an address, then zeros. */
export function loadSome(at: usize, count: i32): v128 {
  if (count >= 4) return v128.load(at)
  let lanes = f32x4.splat(0)
  lanes = f32x4.replace_lane(lanes, 0, load<f32>(at))
  if (count > 1) lanes = f32x4.replace_lane(lanes, 1, load<f32>(at, 4))
  if (count > 2) lanes = f32x4.replace_lane(lanes, 2, load<f32>(at, 8))
  return lanes
}

/** ((((((l0 + l1) + l2) + l3) + l4) + l5) + l6) + l7. */
export function sumLanes(low: v128, high: v128): f32 {
  let sum = f32x4.extract_lane(low, 0)
  sum += f32x4.extract_lane(low, 1)
  sum += f32x4.extract_lane(low, 2)
  sum += f32x4.extract_lane(low, 3)
  sum += f32x4.extract_lane(high, 0)
  sum += f32x4.extract_lane(high, 1)
  sum += f32x4.extract_lane(high, 2)
  sum += f32x4.extract_lane(high, 3)
  return sum
}

/** mean = (sum of x ascending, from 0) / divisor. */
export function meanOf(x: usize, count: i32, divisor: f32, mean: usize): void {
  let sum: f32 = 0
  for (let i = 0; i < count; i += 1, x += 4) sum += load<f32>(x)
  store<f32>(mean, sum / divisor)
}

/** 1 when no value is infinite or NaN. */
export function allFinite(x: usize, count: i32): i32 {
  const exponent = i32x4.splat(0x7f800000)
  let bad = i32x4.splat(0)
  let i = 0
  for (; i + 4 <= count; i += 4, x += 16) {
    bad = v128.or(bad, i32x4.eq(v128.and(v128.load(x), exponent), exponent))
  }
  if (v128.any_true(bad)) return 0
  for (; i < count; i += 1, x += 4) if ((load<i32>(x) & 0x7f800000) == 0x7f800000) return 0
  return 1
}
