import { integer } from '#compute/graph/operator.ts'
import { type Mapping, sidesOf, summed, transposed } from '../onnx-mapping.ts'

const swapped = [1, 0, 2, 3] as const

export const conv: Mapping = ({ inputs, attributes }, scope) => {
  const pad = integer(attributes, 'pad')
  const [, , kh = 0, kw = 0] = sidesOf(inputs[1])
  return [
    scope.apply('Conv', inputs.map(scope.nameOf), {
      kernel_shape: [kh, kw],
      pads: [pad, pad, pad, pad],
    }),
  ]
}

/** The transposed convolution with the same weights. */
export const convInputGradient: Mapping = ({ inputs: [dy, weights], attributes }, scope) => {
  const pad = integer(attributes, 'pad')
  const [, , kh = 0, kw = 0] = sidesOf(weights)
  const operands = [scope.nameOf(dy), scope.nameOf(weights)]
  return [
    scope.apply('ConvTranspose', operands, { kernel_shape: [kh, kw], pads: [pad, pad, pad, pad] }),
  ]
}

/** A convolution of x over images: rows and channels change places, dy is the kernel. */
export const convWeightGradient: Mapping = ({ inputs: [x, dy], attributes }, scope) => {
  const pad = integer(attributes, 'pad')
  const [, , oh = 0, ow = 0] = sidesOf(dy)
  const turned = [x, dy].map((value) => transposed(scope, scope.nameOf(value), swapped))
  const gradient = scope.apply('Conv', turned, {
    kernel_shape: [oh, ow],
    pads: [pad, pad, pad, pad],
  }) // [c, o, kh, kw]
  return [transposed(scope, gradient, swapped)]
}

export const sumChannels: Mapping = ({ inputs: [x] }, scope) => [
  summed(scope, scope.nameOf(x), [0, 2, 3]),
]
