// oxlint-disable oxc/approx-constant -- these are the kernels' own constants
// Every kernel once more, slowly: one binary32 operation after another, in the order that SPEC.md states.

const f = Math.fround

export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly at: (row: number, column: number) => number
}

export function gemm(a: Matrix, b: Matrix): Float32Array {
  const c = new Float32Array(a.rows * b.columns)
  for (let i = 0; i < a.rows; i += 1) {
    for (let j = 0; j < b.columns; j += 1) {
      let sum = 0
      for (let k = 0; k < a.columns; k += 1) sum = f(sum + f(a.at(i, k) * b.at(k, j)))
      c[i * b.columns + j] = sum
    }
  }
  return c
}

export interface ConvShape {
  readonly batch: number
  readonly channels: number
  readonly h: number
  readonly w: number
  readonly outs: number
  readonly kh: number
  readonly kw: number
  readonly pad: number
}

export function outputSides({ h, w, kh, kw, pad }: ConvShape): [number, number] {
  return [h + 2 * pad - kh + 1, w + 2 * pad - kw + 1]
}

export function conv(s: ConvShape, x: Float32Array, weights: Float32Array, bias: Float32Array) {
  const [oh, ow] = outputSides(s)
  const y = new Float32Array(s.batch * s.outs * oh * ow)
  let to = 0
  for (let n = 0; n < s.batch; n += 1) {
    for (let o = 0; o < s.outs; o += 1) {
      for (let oy = 0; oy < oh; oy += 1) {
        for (let ox = 0; ox < ow; ox += 1) {
          let sum = 0
          for (let c = 0; c < s.channels; c += 1) {
            for (let ky = 0; ky < s.kh; ky += 1) {
              for (let kx = 0; kx < s.kw; kx += 1) {
                const weight = weights[((o * s.channels + c) * s.kh + ky) * s.kw + kx] as number
                sum = f(sum + f(weight * padded(s, x, [n, c, oy + ky, ox + kx])))
              }
            }
          }
          y[to] = f(sum + (bias[o] as number))
          to += 1
        }
      }
    }
  }
  return y
}

function padded(s: ConvShape, x: Float32Array, [n, c, y, z]: [number, number, number, number]) {
  const row = y - s.pad
  const column = z - s.pad
  if (row < 0 || column < 0 || row >= s.h || column >= s.w) return 0
  return x[((n * s.channels + c) * s.h + row) * s.w + column] as number
}

export function convInputGradient(s: ConvShape, dy: Float32Array, weights: Float32Array) {
  const [oh, ow] = outputSides(s)
  const dx = new Float32Array(s.batch * s.channels * s.h * s.w)
  let to = 0
  for (let n = 0; n < s.batch; n += 1) {
    for (let c = 0; c < s.channels; c += 1) {
      for (let iy = 0; iy < s.h; iy += 1) {
        for (let ix = 0; ix < s.w; ix += 1) {
          let sum = 0
          for (let o = 0; o < s.outs; o += 1) {
            for (let ky = s.kh - 1; ky >= 0; ky -= 1) {
              for (let kx = s.kw - 1; kx >= 0; kx -= 1) {
                const oy = iy + s.pad - ky
                const ox = ix + s.pad - kx
                if (oy < 0 || ox < 0 || oy >= oh || ox >= ow) continue
                const weight = weights[((o * s.channels + c) * s.kh + ky) * s.kw + kx] as number
                const g = dy[((n * s.outs + o) * oh + oy) * ow + ox] as number
                sum = f(sum + f(weight * g))
              }
            }
          }
          dx[to] = sum
          to += 1
        }
      }
    }
  }
  return dx
}

export function convWeightGradient(s: ConvShape, x: Float32Array, dy: Float32Array) {
  const [oh, ow] = outputSides(s)
  const dw = new Float32Array(s.outs * s.channels * s.kh * s.kw)
  let to = 0
  for (let o = 0; o < s.outs; o += 1) {
    for (let c = 0; c < s.channels; c += 1) {
      for (let ky = 0; ky < s.kh; ky += 1) {
        for (let kx = 0; kx < s.kw; kx += 1) {
          let sum = 0
          for (let n = 0; n < s.batch; n += 1) {
            for (let oy = 0; oy < oh; oy += 1) {
              for (let ox = 0; ox < ow; ox += 1) {
                const g = dy[((n * s.outs + o) * oh + oy) * ow + ox] as number
                sum = f(sum + f(g * padded(s, x, [n, c, oy + ky, ox + kx])))
              }
            }
          }
          dw[to] = sum
          to += 1
        }
      }
    }
  }
  return dw
}

export function sumRows(x: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: columns }, (_, j) => {
    let sum = 0
    for (let i = 0; i < rows; i += 1) sum = f(sum + (x[i * columns + j] as number))
    return sum
  })
}

/** Sum in 8 lanes; `runs` are summed one after another into the same lanes, each from lane 0. */
export function laneSum(runs: readonly Float32Array[]): number {
  const lanes = new Float32Array(8)
  for (const run of runs) {
    for (const [i, value] of run.entries()) lanes[i % 8] = f((lanes[i % 8] as number) + value)
  }
  return lanes.slice(1).reduce((sum, lane) => f(sum + lane), lanes[0] as number)
}

/** Ternary weights of a matrix: -scale, 0 or scale. */
export function ternary(w: Float32Array, rows: number, columns: number): Float32Array {
  let sum = 0
  for (let i = 0; i < rows; i += 1) {
    sum = f(sum + laneSum([w.slice(i * columns, (i + 1) * columns).map(Math.abs)]))
  }
  const scale = f(sum / f(rows * columns))
  return w.map((x) => {
    const level = Math.abs(x) > f(scale * 0.5) ? Math.sign(x) : 0
    return level === 0 ? 0 : level * scale
  })
}

/** Activations as integers, and what one unit of them is worth. */
export function quantizeActivations(x: Float32Array): { integers: number[]; unit: number } {
  const most = x.reduce((best, value) => Math.max(best, Math.abs(value)), 0)
  if (most < f(1e-30)) return { integers: [...x].map(() => 0), unit: 0 }
  const by = f(127 / most)
  const integers = Array.from(x, (value) => f(f(f(value * by) + 12_582_912) - 12_582_912) + 0)
  return { integers, unit: f(most / 127) }
}

export interface Planes {
  readonly planes: number
  readonly h: number
  readonly w: number
}

function windowOf(w: number, start: number): [number, number, number, number] {
  return [start, start + 1, start + w, start + w + 1]
}

export function maxPool({ planes, h, w }: Planes, x: Float32Array): Float32Array {
  const found: number[] = []
  eachWindow({ planes, h, w }, (start) => {
    const values = windowOf(w, start).map((place) => x[place] as number)
    found.push(values.reduce((best, value) => (best < value ? value : best)))
  })
  return Float32Array.from(found)
}

export function maxPoolGradient(size: Planes, x: Float32Array, dy: Float32Array): Float32Array {
  const dx = new Float32Array(x.length)
  const y = maxPool(size, x)
  eachWindow(size, (start, index) => {
    const place = windowOf(size.w, start).find((at) => x[at] === y[index]) as number
    dx[place] = dy[index] as number
  })
  return dx
}

function eachWindow({ planes, h, w }: Planes, visit: (start: number, index: number) => void): void {
  let index = 0
  for (let plane = 0; plane < planes; plane += 1) {
    for (let oy = 0; oy < h >> 1; oy += 1) {
      for (let ox = 0; ox < w >> 1; ox += 1) {
        visit((plane * h + 2 * oy) * w + 2 * ox, index)
        index += 1
      }
    }
  }
}

export function exp(value: number): number {
  const x = Math.min(88, Math.max(-87, value))
  const shifted = f(f(x * f(1.44269504)) + 12_582_912)
  const k = f(shifted - 12_582_912)
  let r = f(x - f(k * f(0.693359375)))
  r = f(r - f(k * f(-0.00021219444)))
  let p = f(0.00019875691)
  for (const c of [0.0013981999, 0.008333452, 0.041665796, 0.16666665, 0.5]) p = f(f(p * r) + f(c))
  p = f(f(f(p * f(r * r)) + r) + 1)
  return f(p * 2 ** k)
}

export function log(x: number): number {
  const words = new DataView(new ArrayBuffer(4))
  words.setFloat32(0, x)
  const bits = words.getInt32(0)
  let exponent = (bits >> 23) - 127
  words.setInt32(0, (bits & 0x7fffff) | 0x3f800000)
  let m = words.getFloat32(0)
  if (m > f(1.41421356)) {
    m = f(m * 0.5)
    exponent += 1
  }
  const t = f(f(m - 1) / f(m + 1))
  const u = f(t * t)
  let s = f(0.15384615)
  for (const c of [0.18181818, 0.22222222, 0.2857143, 0.4, 0.6666667, 2]) s = f(f(s * u) + f(c))
  return f(f(exponent * f(0.6931472)) + f(t * s))
}

export function crossEntropyRow(logits: Float32Array, label: number) {
  const m = logits.reduce((best, x) => (best < x ? x : best))
  const e = logits.map((x) => exp(f(x - m)))
  const s = e.reduce((sum, value) => f(sum + value), 0)
  const loss = f(log(s) - f((logits[label] as number) - m))
  return { loss, probabilities: e.map((value) => f(value / s)) }
}

export interface AdamwScalars {
  readonly rates: Float32Array
  readonly keep: number
}

function settle(x: number, tiny: number): number {
  return Math.abs(x) < f(tiny) ? 0 : x
}

export function adamw(
  { p, g, m, v }: Record<'p' | 'g' | 'm' | 'v', Float32Array>,
  { rates, keep }: AdamwScalars,
) {
  const [b1, c1, b2, c2, rate, correction, epsilon] = [...rates] as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const first = m.map((value, i) => settle(f(f(value * b1) + f((g[i] as number) * c1)), 1e-30))
  const second = v.map((value, i) => {
    const gradient = g[i] as number
    return settle(f(f(value * b2) + f(f(gradient * gradient) * c2)), 1e-36)
  })
  const next = p.map((value, i) => {
    const root = f(f(Math.sqrt(f((second[i] as number) * correction))) + epsilon)
    return f(f(value * keep) - f(f((first[i] as number) * rate) / root))
  })
  return { p: next, m: first, v: second }
}

export function sgdMomentum(
  { p, g, m }: Record<'p' | 'g' | 'm', Float32Array>,
  { momentum, rate }: { momentum: number; rate: number },
) {
  const first = m.map((value, i) => settle(f(f(value * f(momentum)) + (g[i] as number)), 1e-30))
  const next = p.map((value, i) => f(value - f((first[i] as number) * f(rate))))
  return { p: next, m: first }
}

export function mean(updates: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...rest] = updates
  return first.map((value, i) => {
    const sum = rest.reduce((held, update) => f(held + (update[i] as number)), value)
    return f(sum / updates.length)
  })
}

export function centeredClip(updates: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = updates
  const half = updates.length >> 1
  let v = first.map((_, i) => {
    const sorted = updates.map((update) => update[i] as number).toSorted((a, b) => a - b)
    const high = sorted[half] as number
    return updates.length % 2 === 1 ? high : f(f((sorted[half - 1] as number) + high) * 0.5)
  })
  for (let iteration = 0; iteration < 3; iteration += 1) {
    const distances = updates.map((update) => {
      const squares = update.map((value, i) => {
        const d = f(value - (v[i] as number))
        return f(d * d)
      })
      return f(Math.sqrt(laneSum([squares])))
    })
    const threshold = distances.toSorted((a, b) => a - b)[(updates.length - 1) >> 1] as number
    const scales = distances.map((d) => (d > threshold ? f(threshold / d) : 1))
    v = v.map((center, i) => {
      const parts = updates.map((u, k) => f(f((u[i] as number) - center) * (scales[k] as number)))
      const sum = parts.slice(1).reduce((held, part) => f(held + part), parts[0] as number)
      return f(center + f(sum / updates.length))
    })
  }
  return v
}

/** Runs of 2048 words folded to 32. */
export function fold(values: Float32Array): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(values.slice().buffer)
  const folded = new Uint32Array(32 * Math.ceil(words.length / 2048))
  for (let i = 0; i < folded.length; i += 1) {
    let h = 0
    for (let row = 0; row < 64; row += 1) {
      h = (Math.imul(h, 0x9e3779b1) + (words[(i >> 5) * 2048 + 32 * row + (i & 31)] ?? 0)) | 0
    }
    folded[i] = h
  }
  return folded
}
