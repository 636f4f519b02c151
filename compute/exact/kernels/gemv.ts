// Products of one row with a matrix, in the order of gemm: acc = 0; for k ascending: acc = round(acc + round(a * b)).

function floatAt(base: usize, index: i32): usize {
  return base + ((<usize>index) << 2)
}

/** y[j] = sum over k ascending of x[k] * w(k, j), w row-major with `columns` columns, for `from` <= j < `to`. */
export function gemv(
  x: usize,
  depth: i32,
  w: usize,
  columns: i32,
  y: usize,
  from: i32,
  to: i32,
): void {
  memory.fill(floatAt(y, from), 0, (<usize>(to - from)) << 2)
  const row = (<usize>columns) << 2
  let k = 0
  for (; k + 8 <= depth; k += 8) {
    addRows8(floatAt(x, k), floatAt(w, from) + <usize>k * row, row, floatAt(y, from), to - from)
  }
  for (; k < depth; k += 1) {
    addRow(load<f32>(floatAt(x, k)), floatAt(w, from) + <usize>k * row, floatAt(y, from), to - from)
  }
}

/** y += x0 * row 0, then += x1 * row 1, … of eight rows: each value of y is loaded and stored once. */
function addRows8(x: usize, w: usize, row: usize, y: usize, count: i32): void {
  const x0 = v128.load32_splat(x),
    x1 = v128.load32_splat(x, 4),
    x2 = v128.load32_splat(x, 8),
    x3 = v128.load32_splat(x, 12)
  const x4 = v128.load32_splat(x, 16),
    x5 = v128.load32_splat(x, 20),
    x6 = v128.load32_splat(x, 24),
    x7 = v128.load32_splat(x, 28)
  const row4 = 4 * row
  let j = 0
  for (; j + 4 <= count; j += 4, w += 16, y += 16) {
    const lower = w + row4
    let sum = v128.load(y)
    sum = f32x4.add(sum, f32x4.mul(x0, v128.load(w)))
    sum = f32x4.add(sum, f32x4.mul(x1, v128.load(w + row)))
    sum = f32x4.add(sum, f32x4.mul(x2, v128.load(w + 2 * row)))
    sum = f32x4.add(sum, f32x4.mul(x3, v128.load(w + 3 * row)))
    sum = f32x4.add(sum, f32x4.mul(x4, v128.load(lower)))
    sum = f32x4.add(sum, f32x4.mul(x5, v128.load(lower + row)))
    sum = f32x4.add(sum, f32x4.mul(x6, v128.load(lower + 2 * row)))
    sum = f32x4.add(sum, f32x4.mul(x7, v128.load(lower + 3 * row)))
    v128.store(y, sum)
  }
  for (; j < count; j += 1, w += 4, y += 4) {
    let sum = load<f32>(y)
    for (let k: usize = 0; k < 8; k += 1) sum += load<f32>(x + (k << 2)) * load<f32>(w + k * row)
    store<f32>(y, sum)
  }
}

function addRow(x: f32, w: usize, y: usize, count: i32): void {
  const by = f32x4.splat(x)
  let j = 0
  for (; j + 4 <= count; j += 4, w += 16, y += 16) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(by, v128.load(w))))
  }
  for (; j < count; j += 1, w += 4, y += 4) store<f32>(y, load<f32>(y) + x * load<f32>(w))
}

/** y[j] = sum over k ascending of x[k] * w(j, k), w row-major with `depth` columns, for `from` <= j < `to`. */
export function gemvTurned(x: usize, depth: i32, w: usize, y: usize, from: i32, to: i32): void {
  const row = (<usize>depth) << 2
  let at = w + <usize>from * row
  let j = from
  for (; j + 16 <= to; j += 16, at += 16 * row) products16(x, depth, at, row, floatAt(y, j))
  for (; j + 4 <= to; j += 4, at += 4 * row) products4(x, depth, at, row, floatAt(y, j))
  for (; j < to; j += 1, at += row) {
    let sum: f32 = 0
    for (let k = 0; k < depth; k += 1) sum += load<f32>(floatAt(x, k)) * load<f32>(floatAt(at, k))
    store<f32>(floatAt(y, j), sum)
  }
}

function products16(x: usize, depth: i32, w: usize, row: usize, y: usize): void {
  let s0 = f32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0
  const row4 = 4 * row
  let k = 0
  for (; k + 4 <= depth; k += 4, x += 16, w += 16) {
    const from = v128.load(x)
    s0 = addTurned(s0, from, w, row)
    s1 = addTurned(s1, from, w + row4, row)
    s2 = addTurned(s2, from, w + 2 * row4, row)
    s3 = addTurned(s3, from, w + 3 * row4, row)
  }
  for (; k < depth; k += 1, x += 4, w += 4) {
    const by = v128.load32_splat(x)
    s0 = f32x4.add(s0, f32x4.mul(by, column(w, row)))
    s1 = f32x4.add(s1, f32x4.mul(by, column(w + row4, row)))
    s2 = f32x4.add(s2, f32x4.mul(by, column(w + 2 * row4, row)))
    s3 = f32x4.add(s3, f32x4.mul(by, column(w + 3 * row4, row)))
  }
  ;(v128.store(y, s0), v128.store(y, s1, 16), v128.store(y, s2, 32), v128.store(y, s3, 48))
}

function products4(x: usize, depth: i32, w: usize, row: usize, y: usize): void {
  let sum = f32x4.splat(0)
  let k = 0
  for (; k + 4 <= depth; k += 4, x += 16, w += 16) sum = addTurned(sum, v128.load(x), w, row)
  for (; k < depth; k += 1, x += 4, w += 4) {
    sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(x), column(w, row)))
  }
  v128.store(y, sum)
}

/** Four steps of k for four rows of w: the 4 x 4 block is turned in registers. */
function addTurned(sum: v128, x: v128, w: usize, row: usize): v128 {
  const r0 = v128.load(w),
    r1 = v128.load(w + row),
    r2 = v128.load(w + 2 * row),
    r3 = v128.load(w + 3 * row)
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5)
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5)
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7)
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7)
  const x0 = v128.shuffle<f32>(x, x, 0, 0, 0, 0),
    x1 = v128.shuffle<f32>(x, x, 1, 1, 1, 1)
  const x2 = v128.shuffle<f32>(x, x, 2, 2, 2, 2),
    x3 = v128.shuffle<f32>(x, x, 3, 3, 3, 3)
  sum = f32x4.add(sum, f32x4.mul(x0, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5)))
  sum = f32x4.add(sum, f32x4.mul(x1, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7)))
  sum = f32x4.add(sum, f32x4.mul(x2, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5)))
  return f32x4.add(sum, f32x4.mul(x3, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7)))
}

function column(w: usize, row: usize): v128 {
  let lanes = v128.load32_zero(w)
  lanes = f32x4.replace_lane(lanes, 1, load<f32>(w + row))
  lanes = f32x4.replace_lane(lanes, 2, load<f32>(w + 2 * row))
  return f32x4.replace_lane(lanes, 3, load<f32>(w + 3 * row))
}
