// Factors of a product as panels: 4 rows of A or 8 columns of B beside each other for every k.

export function at(base: usize, index: i32, stride: i32): usize {
  return base + ((<usize>index * <usize>stride) << 2)
}

export function packA(ap: usize, a: usize, ars: i32, acs: i32, mc: i32, kc: i32): void {
  for (let i = 0; i < mc; i += 4) {
    const from = at(a, i, ars)
    const rows = min(mc - i, 4)
    if (rows < 4) packStrided(ap, from, acs, ars, kc, rows, 4)
    else if (ars == 1) packRows4(ap, from, acs, kc)
    else if (acs == 1) packTransposed4(ap, 16, from, ars, kc)
    else packStrided(ap, from, acs, ars, kc, 4, 4)
    ap += (<usize>kc) << 4
  }
}

export function packB(bp: usize, b: usize, brs: i32, bcs: i32, kc: i32, nc: i32): void {
  for (let j = 0; j < nc; j += 8) {
    const from = at(b, j, bcs)
    const columns = min(nc - j, 8)
    if (columns < 8) packStrided(bp, from, brs, bcs, kc, columns, 8)
    else if (bcs == 1) packRows8(bp, from, brs, kc)
    else if (brs == 1) {
      packTransposed4(bp, 32, from, bcs, kc)
      packTransposed4(bp + 16, 32, at(from, 4, bcs), bcs, kc)
    } else packStrided(bp, from, brs, bcs, kc, 8, 8)
    bp += (<usize>kc) << 5
  }
}

function packRows4(to: usize, from: usize, stride: i32, kc: i32): void {
  const row = (<usize>stride) << 2
  for (let k = 0; k < kc; k += 1) {
    v128.store(to, v128.load(from))
    to += 16
    from += row
  }
}

function packRows8(to: usize, from: usize, stride: i32, kc: i32): void {
  const row = (<usize>stride) << 2
  for (let k = 0; k < kc; k += 1) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    to += 32
    from += row
  }
}

/** Four rows, contiguous in k, become kc groups of four that stand `group` bytes apart. */
export function packTransposed4(to: usize, group: usize, from: usize, stride: i32, kc: i32): void {
  const row = (<usize>stride) << 2
  let k = 0
  for (; k + 4 <= kc; k += 4) {
    const r0 = v128.load(from)
    const r1 = v128.load(from + row)
    const r2 = v128.load(from + 2 * row)
    const r3 = v128.load(from + 3 * row)
    const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5)
    const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5)
    const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7)
    const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7)
    v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5))
    v128.store(to + group, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7))
    v128.store(to + 2 * group, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5))
    v128.store(to + 3 * group, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7))
    to += 4 * group
    from += 16
  }
  for (; k < kc; k += 1) {
    store<f32>(to, load<f32>(from))
    store<f32>(to, load<f32>(from + row), 4)
    store<f32>(to, load<f32>(from + 2 * row), 8)
    store<f32>(to, load<f32>(from + 3 * row), 12)
    to += group
    from += 4
  }
}

/** Any strides; lanes from `lanes` to `width` are zero, and what they give is dropped. */
function packStrided(
  to: usize,
  from: usize,
  kStride: i32,
  laneStride: i32,
  kc: i32,
  lanes: i32,
  width: i32,
): void {
  for (let k = 0; k < kc; k += 1) {
    let source = from
    for (let lane = 0; lane < width; lane += 1) {
      store<f32>(to, lane < lanes ? load<f32>(source) : 0)
      to += 4
      source += (<usize>laneStride) << 2
    }
    from += (<usize>kStride) << 2
  }
}
