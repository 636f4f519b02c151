// Convolution with any windows once more, slowly: one binary32 operation after another, in the order of SPEC.md.

const f = Math.fround

export interface ConvWindows {
  readonly batch: number
  readonly channels: number
  readonly h: number
  readonly w: number
  readonly outs: number
  readonly kh: number
  readonly kw: number
  readonly strides: readonly [number, number]
  readonly dilations: readonly [number, number]
  /** Above, left, below and right. */
  readonly pads: readonly [number, number, number, number]
  readonly groups: number
}

type Place = readonly [number, number, number, number]

export function outputSides({
  h,
  w,
  kh,
  kw,
  strides,
  dilations,
  pads,
}: ConvWindows): [number, number] {
  const [top, left, bottom, right] = pads
  return [
    Math.floor((h + top + bottom - dilations[0] * (kh - 1) - 1) / strides[0]) + 1,
    Math.floor((w + left + right - dilations[1] * (kw - 1) - 1) / strides[1]) + 1,
  ]
}

/** All places of a tensor of four sides, in order. */
function* placesOf(sides: Place): Generator<Place> {
  const [a, b, c, d] = sides
  for (let i = 0; i < a; i += 1) {
    for (let j = 0; j < b; j += 1) {
      for (let k = 0; k < c; k += 1) for (let l = 0; l < d; l += 1) yield [i, j, k, l]
    }
  }
}

function valueAt(values: Float32Array, [, b, c, d]: Place, [i, j, k, l]: Place): number {
  return values[((i * b + j) * c + k) * d + l] as number
}

/** Values of every place of a tensor. */
function filled(sides: Place, valueOf: (place: Place) => number): Float32Array {
  return Float32Array.from(placesOf(sides), valueOf)
}

function shapesOf(s: ConvWindows) {
  const [oh, ow] = outputSides(s)
  return {
    image: [s.batch, s.channels, s.h, s.w],
    result: [s.batch, s.outs, oh, ow],
    weights: [s.outs, s.channels / s.groups, s.kh, s.kw],
  } as const
}

/** What tap (ky, kx) of window (oy, ox) sees of a channel; 0 in the padding. */
function seen(
  s: ConvWindows,
  x: Float32Array,
  [n, c]: readonly [number, number],
  at: Place,
): number {
  const [oy, ox, ky, kx] = at
  const iy = oy * s.strides[0] - s.pads[0] + ky * s.dilations[0]
  const ix = ox * s.strides[1] - s.pads[1] + kx * s.dilations[1]
  if (iy < 0 || ix < 0 || iy >= s.h || ix >= s.w) return 0
  return valueAt(x, shapesOf(s).image, [n, c, iy, ix])
}

export function conv(s: ConvWindows, x: Float32Array, weights: Float32Array, bias?: Float32Array) {
  const { result, weights: sides } = shapesOf(s)
  const [outs, depth, kh, kw] = sides
  return filled(result, ([n, o, oy, ox]) => {
    const group = Math.floor(o / (outs / s.groups))
    let sum = 0
    for (const [, c, ky, kx] of placesOf([1, depth, kh, kw])) {
      const weight = valueAt(weights, sides, [o, c, ky, kx])
      sum = f(sum + f(weight * seen(s, x, [n, group * depth + c], [oy, ox, ky, kx])))
    }
    return bias ? f(sum + (bias[o] as number)) : sum
  })
}

export function convInputGradient(s: ConvWindows, dy: Float32Array, weights: Float32Array) {
  const { image, result, weights: sides } = shapesOf(s)
  const [outs, depth, kh, kw] = sides
  const [, , oh, ow] = result
  const each = outs / s.groups
  return filled(image, ([n, c, iy, ix]) => {
    const group = Math.floor(c / depth)
    let sum = 0
    for (const [, o, back, side] of placesOf([1, each, kh, kw])) {
      const [ky, kx] = [kh - 1 - back, kw - 1 - side]
      const oy = (iy + s.pads[0] - ky * s.dilations[0]) / s.strides[0]
      const ox = (ix + s.pads[1] - kx * s.dilations[1]) / s.strides[1]
      const isSeen =
        [oy, ox].every((one) => Number.isInteger(one) && one >= 0) && oy < oh && ox < ow
      if (!isSeen) continue
      const weight = valueAt(weights, sides, [group * each + o, c % depth, ky, kx])
      sum = f(sum + f(weight * valueAt(dy, result, [n, group * each + o, oy, ox])))
    }
    return sum
  })
}

export function convWeightGradient(s: ConvWindows, x: Float32Array, dy: Float32Array) {
  const { result, weights: sides } = shapesOf(s)
  const [outs, depth] = sides
  const [batch, , oh, ow] = result
  return filled(sides, ([o, c, ky, kx]) => {
    const group = Math.floor(o / (outs / s.groups))
    let sum = 0
    for (const [n, , oy, ox] of placesOf([batch, 1, oh, ow])) {
      const value = seen(s, x, [n, group * depth + c], [oy, ox, ky, kx])
      sum = f(sum + f(valueAt(dy, result, [n, o, oy, ox]) * value))
    }
    return sum
  })
}
