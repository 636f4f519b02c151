import type { Attributes } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { poolWindows } from '#compute/graph/operators/pooling.ts'
import type { Windows } from '#compute/graph/windows.ts'
import { type Mapping, reshaped, sidesOf } from '../onnx-mapping.ts'
import type { OnnxAttributes } from '../onnx-writer.ts'

function windowAttributes(attributes: Attributes): OnnxAttributes {
  const { kernel, stride, pads } = poolWindows(attributes)
  const window = { kernel_shape: [...kernel], strides: [...stride] }
  return pads.some(Boolean) ? { ...window, pads: [...pads] } : window
}

export const maxPool: Mapping = ({ inputs: [x], attributes }, scope) => [
  scope.apply('MaxPool', [scope.nameOf(x)], windowAttributes(attributes)),
]

/**
 * The gradient goes to the places that MaxPool names, of equals to the first. Windows that share places add theirs
 * in a flat image of zeros.
 */
export const maxPoolGradient: Mapping = ({ inputs: [x, , dy], attributes }, scope) => {
  const { kernel, stride } = poolWindows(attributes)
  const window = windowAttributes(attributes)
  const [, places = ''] = scope.applyMany('MaxPool', [scope.nameOf(x)], {
    count: 2,
    attributes: window,
  })
  const sides = sidesOf(x)
  if (stride[0] >= kernel[0] && stride[1] >= kernel[1]) {
    const shape = scope.integers(...sides)
    return [scope.apply('MaxUnpool', [scope.nameOf(dy), places, shape], window)]
  }
  const size = sides.reduce((product, side) => product * side, 1)
  const zeros = scope.apply('Expand', [scope.scalar(0), scope.integers(size)])
  const [flatPlaces, flat] = [places, scope.nameOf(dy)].map((name) => reshaped(scope, name, [-1]))
  const sums = scope.apply('ScatterElements', [zeros, flatPlaces ?? '', flat ?? ''], {
    axis: 0,
    reduction: { text: 'add' },
  })
  return [reshaped(scope, sums, sides)]
}

export const averagePool: Mapping = ({ inputs: [x], attributes }, scope) => [
  scope.apply('AveragePool', [scope.nameOf(x)], windowAttributes(attributes)),
]

/** A transposed convolution, channel by channel, of dy / (number of the window's places in the image). */
export const averagePoolGradient: Mapping = ({ inputs: [dy], attributes }, scope) => {
  const windows = poolWindows(attributes)
  const { kernel, stride, pads } = windows
  const [, channels = 0, oh = 0, ow = 0] = sidesOf(dy)
  const image = [integer(attributes, 'h'), integer(attributes, 'w')] as const
  const [kh, kw] = kernel
  const isPadded = pads.some(Boolean)
  const share = isPadded ? 1 : 1 / (kh * kw)
  const values = new Float32Array(channels * kh * kw).fill(share)
  const weights = scope.constant({ type: 'f32', shape: [channels, 1, kh, kw], values })
  const shares = isPadded
    ? scope.apply('Div', [
        scope.nameOf(dy),
        scope.constant({
          type: 'f32',
          shape: [1, 1, oh, ow],
          values: placesOf(windows, image, [oh, ow]),
        }),
      ])
    : scope.nameOf(dy)
  const rest = [oh, ow].map((count, i) => {
    const axis = i as 0 | 1
    const covered = (count - 1) * stride[axis] + kernel[axis]
    return image[axis] + pads[axis] + pads[(i + 2) as 2 | 3] - covered
  })
  return [
    scope.apply('ConvTranspose', [shares, weights], {
      ...windowAttributes(attributes),
      group: channels,
      output_padding: rest,
    }),
  ]
}

/** How many places of each window lie in the image. */
function placesOf(
  { kernel, stride, pads }: Windows,
  image: readonly [number, number],
  counts: readonly [number, number],
): number[] {
  const lengths = (axis: 0 | 1) =>
    Array.from({ length: counts[axis] }, (_, i) => {
      const start = i * stride[axis] - pads[axis]
      return Math.min(start + kernel[axis], image[axis]) - Math.max(start, 0)
    })
  const across = lengths(1)
  return lengths(0).flatMap((down) => across.map((one) => down * one))
}

export const globalAveragePool: Mapping = ({ inputs: [x] }, scope) => [
  scope.apply('GlobalAveragePool', [scope.nameOf(x)]),
]

export const globalAveragePoolGradient: Mapping = ({ inputs: [dy], attributes }, scope) => {
  const [n = 0, c = 0] = sidesOf(dy)
  const [h, w] = [integer(attributes, 'h'), integer(attributes, 'w')]
  const share = scope.apply('Div', [scope.nameOf(dy), scope.scalar(h * w)])
  return [scope.apply('Expand', [share, scope.integers(n, c, h, w)])]
}
