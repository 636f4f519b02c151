// Pooling with any windows. A window begins at (oy * down - topPad, ox * across - leftPad); places outside the image do
// not count. Places of a window stand in rows, windows of an image in rows.

import { loadSome, sumLanes } from './elementwise'

/** y = greatest of the window: a later value wins only when it is greater. */
export function maxPool(
  x: usize,
  y: usize,
  planes: i32,
  h: i32,
  w: i32,
  kh: i32,
  kw: i32,
  down: i32,
  across: i32,
  topPad: i32,
  leftPad: i32,
  oh: i32,
  ow: i32,
): void {
  for (let plane = 0; plane < planes; plane += 1) {
    for (let oy = 0; oy < oh; oy += 1) {
      for (let ox = 0; ox < ow; ox += 1, y += 4) {
        const top = oy * down - topPad
        const left = ox * across - leftPad
        const right = min(left + kw, w)
        let best: f32 = 0
        let isFirst = true
        for (let iy = max(top, 0); iy < min(top + kh, h); iy += 1) {
          for (let ix = max(left, 0); ix < right; ix += 1) {
            const value = load<f32>(placeOf(x, w, iy, ix))
            if (isFirst || best < value) best = value
            isFirst = false
          }
        }
        store<f32>(y, best)
      }
    }
    x += (<usize>(h * w)) << 2
  }
}

function placeOf(plane: usize, w: i32, y: i32, x: i32): usize {
  return plane + ((<usize>(y * w + x)) << 2)
}

/** dx = sum over windows ascending, from 0, of dy where the place is the first of the window that equals y. */
export function maxPoolGradient(
  x: usize,
  y: usize,
  dy: usize,
  dx: usize,
  planes: i32,
  h: i32,
  w: i32,
  kh: i32,
  kw: i32,
  down: i32,
  across: i32,
  topPad: i32,
  leftPad: i32,
  oh: i32,
  ow: i32,
): void {
  const bytes = (<usize>(h * w)) << 2
  for (let plane = 0; plane < planes; plane += 1, x += bytes, dx += bytes) {
    memory.fill(dx, 0, bytes)
    for (let oy = 0; oy < oh; oy += 1) {
      for (let ox = 0; ox < ow; ox += 1, y += 4, dy += 4) {
        const top = oy * down - topPad
        const left = ox * across - leftPad
        const found = firstEqual(x, w, top, min(top + kh, h), left, min(left + kw, w), load<f32>(y))
        if (found < 0) continue
        const at = dx + ((<usize>found) << 2)
        store<f32>(at, load<f32>(at) + load<f32>(dy))
      }
    }
  }
}

function firstEqual(
  plane: usize,
  w: i32,
  top: i32,
  bottom: i32,
  left: i32,
  right: i32,
  value: f32,
): i32 {
  for (let iy = max(top, 0); iy < bottom; iy += 1) {
    for (let ix = max(left, 0); ix < right; ix += 1) {
      if (load<f32>(placeOf(plane, w, iy, ix)) == value) return iy * w + ix
    }
  }
  return -1
}

/** y = (sum of the window's places, from 0) / (their number). */
export function averagePool(
  x: usize,
  y: usize,
  planes: i32,
  h: i32,
  w: i32,
  kh: i32,
  kw: i32,
  down: i32,
  across: i32,
  topPad: i32,
  leftPad: i32,
  oh: i32,
  ow: i32,
): void {
  for (let plane = 0; plane < planes; plane += 1) {
    for (let oy = 0; oy < oh; oy += 1) {
      for (let ox = 0; ox < ow; ox += 1, y += 4) {
        const top = max(oy * down - topPad, 0)
        const bottom = min(oy * down - topPad + kh, h)
        const left = max(ox * across - leftPad, 0)
        const right = min(ox * across - leftPad + kw, w)
        let sum: f32 = 0
        for (let iy = top; iy < bottom; iy += 1) {
          for (let ix = left; ix < right; ix += 1) sum += load<f32>(placeOf(x, w, iy, ix))
        }
        store<f32>(y, sum / f32((bottom - top) * (right - left)))
      }
    }
    x += (<usize>(h * w)) << 2
  }
}

/** dx = sum over windows ascending, from 0, of dy / (number of the window's places). */
export function averagePoolGradient(
  dy: usize,
  dx: usize,
  planes: i32,
  h: i32,
  w: i32,
  kh: i32,
  kw: i32,
  down: i32,
  across: i32,
  topPad: i32,
  leftPad: i32,
  oh: i32,
  ow: i32,
): void {
  const bytes = (<usize>(h * w)) << 2
  for (let plane = 0; plane < planes; plane += 1, dx += bytes) {
    memory.fill(dx, 0, bytes)
    for (let oy = 0; oy < oh; oy += 1) {
      for (let ox = 0; ox < ow; ox += 1, dy += 4) {
        const top = max(oy * down - topPad, 0)
        const bottom = min(oy * down - topPad + kh, h)
        const left = max(ox * across - leftPad, 0)
        const right = min(ox * across - leftPad + kw, w)
        const share: f32 = load<f32>(dy) / f32((bottom - top) * (right - left))
        for (let iy = top; iy < bottom; iy += 1) {
          for (let ix = left; ix < right; ix += 1) {
            const at = placeOf(dx, w, iy, ix)
            store<f32>(at, load<f32>(at) + share)
          }
        }
      }
    }
  }
}

/** y = the 8-lane sum of a plane / its area. */
export function planeMeans(x: usize, y: usize, planes: i32, area: i32): void {
  for (let plane = 0; plane < planes; plane += 1, y += 4) {
    let low = f32x4.splat(0),
      high = low
    for (let i = 0; i < area; i += 8) {
      const at = x + ((<usize>i) << 2)
      low = f32x4.add(low, loadSome(at, area - i))
      if (i + 4 < area) high = f32x4.add(high, loadSome(at + 16, area - i - 4))
    }
    store<f32>(y, sumLanes(low, high) / f32(area))
    x += (<usize>area) << 2
  }
}

/** dx = dy / area at every place of a plane. */
export function planeMeansGradient(dy: usize, dx: usize, planes: i32, area: i32): void {
  for (let plane = 0; plane < planes; plane += 1, dy += 4) {
    const share: f32 = load<f32>(dy) / f32(area)
    for (let i = 0; i < area; i += 1, dx += 4) store<f32>(dx, share)
  }
}
