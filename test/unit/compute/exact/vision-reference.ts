// The kernels of image models once more, slowly: one binary32 operation after another, in the order of SPEC.md.
import { laneSum } from './reference.ts'

const f = Math.fround

export interface PoolShape {
  readonly planes: number
  readonly h: number
  readonly w: number
  readonly kh: number
  readonly kw: number
  readonly strides: readonly [number, number]
  /** Above, left, below and right. */
  readonly pads: readonly [number, number, number, number]
}

export function pooledSides({ h, w, kh, kw, strides, pads }: PoolShape): [number, number] {
  const [top, left, bottom, right] = pads
  return [
    Math.floor((h + top + bottom - kh) / strides[0]) + 1,
    Math.floor((w + left + right - kw) / strides[1]) + 1,
  ]
}

/** Places of each window, window after window. */
function windowsOf(s: PoolShape): number[][] {
  const [oh, ow] = pooledSides(s)
  const found: number[][] = []
  for (let plane = 0; plane < s.planes; plane += 1) {
    for (let oy = 0; oy < oh; oy += 1) {
      for (let ox = 0; ox < ow; ox += 1) {
        const places: number[] = []
        for (let ky = 0; ky < s.kh; ky += 1) {
          for (let kx = 0; kx < s.kw; kx += 1) {
            const [y, x] = [oy * s.strides[0] - s.pads[0] + ky, ox * s.strides[1] - s.pads[1] + kx]
            if (y >= 0 && x >= 0 && y < s.h && x < s.w) places.push((plane * s.h + y) * s.w + x)
          }
        }
        found.push(places)
      }
    }
  }
  return found
}

export function maxPool(s: PoolShape, x: Float32Array): Float32Array {
  return Float32Array.from(windowsOf(s), (places) =>
    places.map((place) => x[place] as number).reduce((best, v) => (best < v ? v : best)),
  )
}

export function maxPoolGradient(s: PoolShape, x: Float32Array, dy: Float32Array): Float32Array {
  const y = maxPool(s, x)
  const dx = new Float32Array(x.length)
  for (const [i, places] of windowsOf(s).entries()) {
    const place = places.find((at) => x[at] === y[i]) as number
    dx[place] = f((dx[place] as number) + (dy[i] as number))
  }
  return dx
}

export function averagePool(s: PoolShape, x: Float32Array): Float32Array {
  return Float32Array.from(windowsOf(s), (places) => {
    const sum = places.reduce((held, place) => f(held + (x[place] as number)), 0)
    return f(sum / places.length)
  })
}

export function averagePoolGradient(s: PoolShape, dy: Float32Array): Float32Array {
  const dx = new Float32Array(s.planes * s.h * s.w)
  for (const [i, places] of windowsOf(s).entries()) {
    const share = f((dy[i] as number) / places.length)
    for (const place of places) dx[place] = f((dx[place] as number) + share)
  }
  return dx
}

export interface Images {
  readonly batch: number
  readonly channels: number
  readonly area: number
}

/** The 8-lane sum of a channel over images and places. */
function channelSum({ batch, channels, area }: Images, x: Float32Array, c: number): number {
  return laneSum(
    Array.from({ length: batch }, (_, n) => {
      const start = (n * channels + c) * area
      return x.slice(start, start + area)
    }),
  )
}

function channelOf({ channels, area }: Images, place: number): number {
  return Math.floor(place / area) % channels
}

export function batchStatistics(s: Images, x: Float32Array) {
  const count = f(s.batch * s.area)
  const mean = Float32Array.from({ length: s.channels }, (_, c) => f(channelSum(s, x, c) / count))
  const squares = x.map((value, i) => {
    const d = f(value - (mean[channelOf(s, i)] as number))
    return f(d * d)
  })
  const variance = mean.map((_, c) => f(channelSum(s, squares, c) / count))
  return { mean, variance }
}

type Figures = Readonly<Record<'mean' | 'scale' | 'gain' | 'bias', Float32Array>>

export function channelScales(variance: Float32Array, epsilon: number): Float32Array {
  return variance.map((value) => f(1 / f(Math.sqrt(f(value + f(epsilon))))))
}

function unit(x: number, { mean, scale }: Pick<Figures, 'mean' | 'scale'>, c: number): number {
  return f(f(x - (mean[c] as number)) * (scale[c] as number))
}

export function normalizeChannels(s: Images, x: Float32Array, figures: Figures): Float32Array {
  return x.map((value, i) => {
    const c = channelOf(s, i)
    return f(f(unit(value, figures, c) * (figures.gain[c] as number)) + (figures.bias[c] as number))
  })
}

export function batchNormGradient(
  s: Images,
  { x, dy }: Readonly<Record<'x' | 'dy', Float32Array>>,
  figures: Figures,
) {
  const count = f(s.batch * s.area)
  const products = dy.map((d, i) => f(d * unit(x[i] as number, figures, channelOf(s, i))))
  const dGain = figures.gain.map((_, c) => channelSum(s, products, c))
  const dBias = figures.gain.map((_, c) => channelSum(s, dy, c))
  const dx = dy.map((d, i) => {
    const c = channelOf(s, i)
    const [a, b] = [f((dBias[c] as number) / count), f((dGain[c] as number) / count)]
    const rest = f(f(d - a) - f(unit(x[i] as number, figures, c) * b))
    return f(rest * f((figures.gain[c] as number) * (figures.scale[c] as number)))
  })
  return { dGain, dBias, dx }
}

export interface Bags {
  readonly vocabulary: number
  readonly width: number
  readonly rows: number
  readonly positions: number
}

function tokensOf({ vocabulary, positions }: Bags, tokens: Int32Array, row: number): number[] {
  const all = [...tokens.subarray(row * positions, (row + 1) * positions)]
  return all.filter((token) => token >= 0 && token < vocabulary)
}

export function embeddingBag(s: Bags, table: Float32Array, tokens: Int32Array): Float32Array {
  return Float32Array.from({ length: s.rows * s.width }, (_, i) => {
    const [row, j] = [Math.floor(i / s.width), i % s.width]
    const found = tokensOf(s, tokens, row)
    const sum = found.reduce((held, t) => f(held + (table[t * s.width + j] as number)), 0)
    return found.length === 0 ? 0 : f(sum / found.length)
  })
}

export function embeddingBagGradient(s: Bags, dy: Float32Array, tokens: Int32Array) {
  const gradient = new Float32Array(s.vocabulary * s.width)
  for (let row = 0; row < s.rows; row += 1) {
    const found = tokensOf(s, tokens, row)
    for (const token of found) {
      for (let j = 0; j < s.width; j += 1) {
        const at = token * s.width + j
        const share = f((dy[row * s.width + j] as number) / found.length)
        gradient[at] = f((gradient[at] as number) + share)
      }
    }
  }
  return gradient
}
