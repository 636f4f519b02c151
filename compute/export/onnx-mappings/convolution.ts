import type { Attributes, Shape } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { convWindows, groupsOf } from '#compute/graph/operators/convolution.ts'
import { type Windows, spanOf } from '#compute/graph/windows.ts'
import { type Mapping, reshaped, sidesOf, sliced, summed, transposed } from '../onnx-mapping.ts'
import type { OnnxAttributes } from '../onnx-writer.ts'

const swapped = [1, 0, 2, 3] as const
const both = [0, 1] as const

/** What is 1 stays away. */
function windowAttributes(attributes: Attributes, weights: Shape): OnnxAttributes {
  const { kernel, stride, dilation, pads } = convWindows(attributes, weights)
  const group = groupsOf(attributes)
  return {
    kernel_shape: [...kernel],
    pads: [...pads],
    ...(stride.some((one) => one !== 1) && { strides: [...stride] }),
    ...(dilation.some((one) => one !== 1) && { dilations: [...dilation] }),
    ...(group !== 1 && { group }),
  }
}

export const conv: Mapping = ({ inputs, attributes }, scope) => [
  scope.apply('Conv', inputs.map(scope.nameOf), windowAttributes(attributes, sidesOf(inputs[1]))),
]

/** Places at the end of rows and columns that no window reaches. */
function unreached(windows: Windows, image: readonly number[], counts: readonly number[]) {
  const { kernel, stride, dilation, pads } = windows
  return both.map((axis) => {
    const length = (image[axis] ?? 0) + pads[axis] + pads[(axis + 2) as 2 | 3]
    return length - spanOf(kernel[axis], dilation[axis]) - ((counts[axis] ?? 0) - 1) * stride[axis]
  })
}

/** The transposed convolution with the same weights. */
export const convInputGradient: Mapping = ({ inputs: [dy, weights], attributes }, scope) => {
  const windows = convWindows(attributes, sidesOf(weights))
  const image = [integer(attributes, 'h'), integer(attributes, 'w')]
  const rest = unreached(windows, image, sidesOf(dy).slice(2))
  return [
    scope.apply('ConvTranspose', [scope.nameOf(dy), scope.nameOf(weights)], {
      ...windowAttributes(attributes, sidesOf(weights)),
      ...(rest.some(Boolean) && { output_padding: rest }),
    }),
  ]
}

/**
 * A convolution of x over images: rows and channels change places, dy is the kernel, and strides and dilations change
 * places too. Each group is one of its own.
 */
export const convWeightGradient: Mapping = ({ inputs: [x, dy], outputs, attributes }, scope) => {
  const [n = 0, c = 0, h = 0, w = 0] = sidesOf(x)
  const [, , oh = 0, ow = 0] = sidesOf(dy)
  const result = sidesOf(outputs[0])
  const { stride, dilation, pads } = convWindows(attributes, result)
  const group = groupsOf(attributes)
  const grouped =
    group === 1
      ? transposed(scope, scope.nameOf(x), swapped)
      : reshaped(
          scope,
          transposed(
            scope,
            reshaped(scope, scope.nameOf(x), [n, group, c / group, h, w]),
            [2, 1, 0, 3, 4],
          ),
          [c / group, group * n, h, w],
        )
  const kernel = transposed(scope, scope.nameOf(dy), swapped)
  const gradient = scope.apply('Conv', [grouped, kernel], {
    kernel_shape: [oh, ow],
    pads: [...pads],
    ...(dilation.some((one) => one !== 1) && { strides: [...dilation] }),
    ...(stride.some((one) => one !== 1) && { dilations: [...stride] }),
    ...(group !== 1 && { group }),
  }) // [c / groups, o, kh or more, kw or more]
  const isWhole = both.every((axis) => {
    const length = ([h, w][axis] ?? 0) + pads[axis] + pads[(axis + 2) as 2 | 3]
    const span = spanOf([oh, ow][axis] ?? 0, stride[axis])
    return Math.floor((length - span) / dilation[axis]) + 1 === result[axis + 2]
  })
  const sides = result.slice(2)
  const cut = isWhole ? gradient : sliced(scope, gradient, { axes: [2, 3], sides })
  return [transposed(scope, cut, swapped)]
}

export const sumChannels: Mapping = ({ inputs: [x] }, scope) => [
  summed(scope, scope.nameOf(x), [0, 2, 3]),
]
