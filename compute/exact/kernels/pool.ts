// Max pooling with 2 x 2 windows and stride 2; an odd last row or column is left out.
// The order in a window is (0,0) (0,1) (1,0) (1,1): a later value wins only when it is greater.

/** y = the window's maximum, for planes of h x w values. */
export function maxPool2(x: usize, y: usize, planes: i32, h: i32, w: i32): void {
  const row = (<usize>w) << 2
  const ow = w >> 1
  for (let plane = 0; plane < planes; plane += 1) {
    for (let oy = 0; oy < h >> 1; oy += 1) {
      let from = x + ((<usize>(plane * h + 2 * oy) * <usize>w) << 2)
      let ox = 0
      for (; ox + 4 <= ow; ox += 4, from += 32, y += 16) {
        const t0 = v128.load(from),
          t1 = v128.load(from, 16)
        const u0 = v128.load(from + row),
          u1 = v128.load(from + row, 16)
        let best = v128.shuffle<f32>(t0, t1, 0, 2, 4, 6)
        best = f32x4.pmax(best, v128.shuffle<f32>(t0, t1, 1, 3, 5, 7))
        best = f32x4.pmax(best, v128.shuffle<f32>(u0, u1, 0, 2, 4, 6))
        v128.store(y, f32x4.pmax(best, v128.shuffle<f32>(u0, u1, 1, 3, 5, 7)))
      }
      for (; ox < ow; ox += 1, from += 8, y += 4) store<f32>(y, greatest(from, row))
    }
  }
}

function greatest(from: usize, row: usize): f32 {
  let best = load<f32>(from)
  const b = load<f32>(from, 4)
  if (best < b) best = b
  const c = load<f32>(from + row)
  if (best < c) best = c
  const d = load<f32>(from + row, 4)
  return best < d ? d : best
}

/** dx = dy at the first place that equals the maximum y, else 0. */
export function maxPool2Gradient(
  x: usize,
  y: usize,
  dy: usize,
  dx: usize,
  planes: i32,
  h: i32,
  w: i32,
): void {
  const row = (<usize>w) << 2
  const ow = w >> 1
  if ((w & 1) != 0 || (h & 1) != 0) memory.fill(dx, 0, (<usize>planes * <usize>(h * w)) << 2)
  for (let plane = 0; plane < planes; plane += 1) {
    for (let oy = 0; oy < h >> 1; oy += 1) {
      const start = (<usize>(plane * h + 2 * oy) * <usize>w) << 2
      let from = x + start
      let to = dx + start
      let ox = 0
      for (; ox + 4 <= ow; ox += 4, from += 32, to += 32, y += 16, dy += 16)
        spread4(from, row, v128.load(y), v128.load(dy), to)
      for (; ox < ow; ox += 1, from += 8, to += 8, y += 4, dy += 4)
        spread1(from, row, load<f32>(y), load<f32>(dy), to)
    }
  }
}

function spread4(from: usize, row: usize, best: v128, gradient: v128, to: usize): void {
  const t0 = v128.load(from),
    t1 = v128.load(from, 16)
  const u0 = v128.load(from + row),
    u1 = v128.load(from + row, 16)
  const isA = f32x4.eq(v128.shuffle<f32>(t0, t1, 0, 2, 4, 6), best)
  const isB = v128.andnot(f32x4.eq(v128.shuffle<f32>(t0, t1, 1, 3, 5, 7), best), isA)
  let taken = v128.or(isA, isB)
  const isC = v128.andnot(f32x4.eq(v128.shuffle<f32>(u0, u1, 0, 2, 4, 6), best), taken)
  taken = v128.or(taken, isC)
  const isD = v128.andnot(f32x4.eq(v128.shuffle<f32>(u0, u1, 1, 3, 5, 7), best), taken)
  const a = v128.and(gradient, isA),
    b = v128.and(gradient, isB)
  const c = v128.and(gradient, isC),
    d = v128.and(gradient, isD)
  v128.store(to, v128.shuffle<f32>(a, b, 0, 4, 1, 5))
  v128.store(to, v128.shuffle<f32>(a, b, 2, 6, 3, 7), 16)
  v128.store(to + row, v128.shuffle<f32>(c, d, 0, 4, 1, 5))
  v128.store(to + row, v128.shuffle<f32>(c, d, 2, 6, 3, 7), 16)
}

function spread1(from: usize, row: usize, best: f32, gradient: f32, to: usize): void {
  const isA = load<f32>(from) == best
  const isB = !isA && load<f32>(from, 4) == best
  const isC = !isA && !isB && load<f32>(from + row) == best
  const isD = !isA && !isB && !isC && load<f32>(from + row, 4) == best
  store<f32>(to, isA ? gradient : 0)
  store<f32>(to, isB ? gradient : 0, 4)
  store<f32>(to + row, isC ? gradient : 0)
  store<f32>(to + row, isD ? gradient : 0, 4)
}
