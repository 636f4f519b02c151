// The kernels of transformers once more, slowly: binary32 operations in the order that SPEC.md states.
import { createWords } from '#compute/exact/random.ts'
import { exp, laneSum } from './reference.ts'

const f = Math.fround
const at = (values: Float32Array, index: number) => values[index] as number

/** Values with a number of columns. */
export interface Table {
  readonly values: Float32Array
  readonly columns: number
}

function rowsOf({ values, columns }: Table): Float32Array[] {
  return Array.from({ length: values.length / columns }, (_, i) => {
    return values.slice(i * columns, (i + 1) * columns)
  })
}

function flat(rows: readonly (readonly number[] | Float32Array)[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]))
}

function sigmoid(x: number): number {
  return f(1 / f(1 + exp(-x)))
}

function geluScale(x: number): number {
  return sigmoid(f(f(x * f(f(f(x * x) * f(0.044715)) + 1)) * f(1.5957691)))
}

export function gelu(x: number): number {
  return f(x * geluScale(x))
}

export function geluGradient(x: number, dy: number): number {
  const s = geluScale(x)
  const inner = f(f(f(f(x * x) * f(0.134145)) + 1) * f(1.5957691))
  return f(dy * f(s + f(f(f(x * s) * f(1 - s)) * inner)))
}

function bell(x: number): number {
  const u = f(Math.abs(x) * f(0.70710678))
  return exp(f(-f(u * u)))
}

function normalShare(x: number): number {
  const u = f(Math.abs(x) * f(0.70710678))
  const t = f(1 / f(f(u * f(0.3275911)) + 1))
  let p = f(1.0614054)
  for (const c of [-1.4531521, 1.4214138, -0.28449672, 0.2548296]) p = f(f(p * t) + f(c))
  const tail = f(f(f(p * t) * bell(x)) * f(0.5))
  return x < 0 ? tail : f(1 - tail)
}

export function geluErf(x: number): number {
  return f(x * normalShare(x))
}

export function geluErfGradient(x: number, dy: number): number {
  return f(dy * f(normalShare(x) + f(f(x * bell(x)) * f(0.39894228))))
}

export function silu(x: number): number {
  return f(x * sigmoid(x))
}

export function siluGradient(x: number, dy: number): number {
  const s = sigmoid(x)
  return f(dy * f(s + f(f(x * s) * f(1 - s))))
}

/** Layer norm with a bias, else RMS norm. */
export function normalize(x: Table, gain: Float32Array, bias?: Float32Array) {
  const { columns } = x
  const figures = rowsOf(x).map((row) => {
    const mean = bias ? f(laneSum([row]) / columns) : 0
    const squares = row.map((value) => f(f(value - mean) * f(value - mean)))
    const scale = f(1 / f(Math.sqrt(f(f(laneSum([squares]) / columns) + f(1e-5)))))
    const y = row.map((value, j) => {
      const scaled = f(f(f(value - mean) * scale) * at(gain, j))
      return bias ? f(scaled + at(bias, j)) : scaled
    })
    return { mean, scale, y }
  })
  return {
    y: flat(figures.map(({ y }) => y)),
    means: Float32Array.from(figures, ({ mean }) => mean),
    scales: Float32Array.from(figures, ({ scale }) => scale),
  }
}

export interface NormFigures {
  /** Zeros for RMS norm, with `isCentred` false. */
  readonly means: Float32Array
  readonly scales: Float32Array
  readonly isCentred: boolean
}

export function normalizeGradient(
  dy: Table,
  x: Table,
  { gain, means, scales, isCentred }: NormFigures & { gain: Float32Array },
): Float32Array {
  const { columns } = dy
  const given = rowsOf(dy)
  const rows = rowsOf(x).map((row, i) => {
    const scale = at(scales, i)
    const u = row.map((value) => f(f(value - at(means, i)) * scale))
    const w = (given[i] as Float32Array).map((value, j) => f(value * at(gain, j)))
    const a = isCentred ? f(laneSum([w]) / columns) : 0
    const b = f(laneSum([w.map((value, j) => f(value * at(u, j)))]) / columns)
    return w.map((value, j) => f(f(f(value - a) - f(at(u, j) * b)) * scale))
  })
  return flat(rows)
}

export function normalizeScaleGradient(dy: Table, x: Table, { means, scales }: NormFigures) {
  const { columns } = dy
  const gain = new Float32Array(columns)
  const bias = new Float32Array(columns)
  for (const [i, value] of dy.values.entries()) {
    const [row, j] = [Math.floor(i / columns), i % columns]
    const u = f(f(at(x.values, i) - at(means, row)) * at(scales, row))
    gain[j] = f(at(gain, j) + f(value * u))
    bias[j] = f(at(bias, j) + value)
  }
  return { gain, bias }
}

export interface AttentionShape {
  readonly sequences: number
  readonly heads: number
  readonly context: number
  readonly size: number
}

/** The place of value d of a position of a sequence's head. */
function placeOf({ heads, context, size }: AttentionShape, unit: number, [t, d]: [number, number]) {
  const [sequence, head] = [Math.floor(unit / heads), unit % heads]
  return ((sequence * context + t) * heads + head) * size + d
}

function dot(count: number, term: (k: number) => [number, number]): number {
  let sum = 0
  for (let k = 0; k < count; k += 1) {
    const [a, b] = term(k)
    sum = f(sum + f(a * b))
  }
  return sum
}

export function attend(s: AttentionShape, q: Float32Array, k: Float32Array, v: Float32Array) {
  const { context, size } = s
  const scale = f(1 / f(Math.sqrt(size)))
  const y = new Float32Array(q.length)
  const probabilities = new Float32Array(s.sequences * s.heads * context * context)
  for (let unit = 0; unit < s.sequences * s.heads; unit += 1) {
    for (let i = 0; i < context; i += 1) {
      const x = Float32Array.from({ length: i + 1 }, (_, j) => {
        const sum = dot(size, (d) => [
          at(q, placeOf(s, unit, [i, d])),
          at(k, placeOf(s, unit, [j, d])),
        ])
        return f(sum * scale)
      })
      const m = x.reduce((best, value) => (best < value ? value : best))
      const e = x.map((value) => exp(f(value - m)))
      const inverse = f(1 / laneSum([e]))
      const p = e.map((value) => f(value * inverse))
      probabilities.set(p, (unit * context + i) * context)
      for (let d = 0; d < size; d += 1) {
        const sum = dot(i + 1, (j) => [at(p, j), at(v, placeOf(s, unit, [j, d]))])
        y[placeOf(s, unit, [i, d])] = sum
      }
    }
  }
  return { y, probabilities }
}

export function attendGradient(
  s: AttentionShape,
  { q, k, v, dy }: Record<'q' | 'k' | 'v' | 'dy', Float32Array>,
  probabilities: Float32Array,
) {
  const { context, size } = s
  const scale = f(1 / f(Math.sqrt(size)))
  const [dq, dk, dv] = [q, k, v].map(({ length }) => new Float32Array(length)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  for (let unit = 0; unit < s.sequences * s.heads; unit += 1) {
    const place = (t: number, d: number) => placeOf(s, unit, [t, d])
    const p = (i: number, j: number) => at(probabilities, (unit * context + i) * context + j)
    const ds = Array.from({ length: context }, (_, i) => {
      const dp = Float32Array.from({ length: i + 1 }, (_value, j) => {
        return dot(size, (d) => [at(dy, place(i, d)), at(v, place(j, d))])
      })
      const c = laneSum([dp.map((value, j) => f(p(i, j) * value))])
      return dp.map((value, j) => f(f(p(i, j) * f(value - c)) * scale))
    })
    const slope = (i: number, j: number) => at(ds[i] as Float32Array, j)
    for (let t = 0; t < context; t += 1) {
      for (let d = 0; d < size; d += 1) {
        dq[place(t, d)] = dot(t + 1, (j) => [slope(t, j), at(k, place(j, d))])
        dk[place(t, d)] = dot(context - t, (n) => [slope(t + n, t), at(q, place(t + n, d))])
        dv[place(t, d)] = dot(context - t, (n) => [p(t + n, t), at(dy, place(t + n, d))])
      }
    }
  }
  return { dq, dk, dv }
}

/** Cosines twice, then sines with both signs, of every position, by the host's functions. */
export function rotaryTable(context: number, size: number): number[] {
  return Array.from({ length: context }, (_, t) => {
    const angles = Array.from({ length: size / 2 }, (_value, i) => t * 10_000 ** ((-2 * i) / size))
    const cosines = angles.flatMap((angle) => [Math.cos(angle), Math.cos(angle)])
    return [...cosines, ...angles.flatMap((angle) => [-Math.sin(angle), Math.sin(angle)])]
  }).flat()
}

export function rotate(
  x: Float32Array,
  table: Float32Array,
  { context, heads, size, isInverse }: Omit<AttentionShape, 'sequences'> & { isInverse: boolean },
): Float32Array {
  const width = heads * size
  return x.map((value, i) => {
    const t = Math.floor(i / width) % context
    const d = (i % width) % size
    const cosine = at(table, t * 2 * size + d)
    const sine = at(table, t * 2 * size + size + d) * (isInverse ? -1 : 1)
    return f(f(value * cosine) + f(at(x, d % 2 === 0 ? i + 1 : i - 1) * sine))
  })
}

export function dropout(
  x: Float32Array,
  key: Uint8Array,
  { limit, scale }: { limit: number; scale: number },
): Float32Array {
  const next = createWords(key)
  const words: number[] = []
  while (words.length * 2 < x.length) words.push(next())
  return x.map((value, i) => {
    const word = words[i >> 1] as number
    const bits = i % 2 === 0 ? word & 0xffff : word >>> 16
    return bits < limit ? 0 : f(value * scale)
  })
}
