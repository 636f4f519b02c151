import { assert } from '#base/assert.ts'
import type { Attributes } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { windowOf } from '#compute/graph/operators/pooling.ts'
import { type Mapping, sidesOf } from '../onnx-mapping.ts'
import type { OnnxAttributes } from '../onnx-writer.ts'

function windowAttributes(attributes: Attributes): OnnxAttributes {
  const { kh, kw, stride, pad } = windowOf(attributes)
  const window = { kernel_shape: [kh, kw], strides: [stride, stride] }
  return pad === 0 ? window : { ...window, pads: [pad, pad, pad, pad] }
}

export const maxPool: Mapping = ({ inputs: [x], attributes }, scope) => [
  scope.apply('MaxPool', [scope.nameOf(x)], windowAttributes(attributes)),
]

/** The gradient goes to the places that MaxPool names, of equals to the first; windows share no places. */
export const maxPoolGradient: Mapping = ({ inputs: [x, , dy], attributes }, scope) => {
  const { kh, kw, stride } = windowOf(attributes)
  assert(stride >= kh && stride >= kw, 'windows that overlap have no MaxUnpool')
  const window = windowAttributes(attributes)
  const [, places = ''] = scope.applyMany('MaxPool', [scope.nameOf(x)], {
    count: 2,
    attributes: window,
  })
  const shape = scope.integers(...sidesOf(x))
  return [scope.apply('MaxUnpool', [scope.nameOf(dy), places, shape], window)]
}

export const averagePool: Mapping = ({ inputs: [x], attributes }, scope) => [
  scope.apply('AveragePool', [scope.nameOf(x)], windowAttributes(attributes)),
]

/** A transposed convolution, channel by channel, of dy / (kh kw); windows have no padding. */
export const averagePoolGradient: Mapping = ({ inputs: [dy], attributes }, scope) => {
  const { kh, kw, stride, pad } = windowOf(attributes)
  assert(pad === 0, 'the padding of an average is not counted')
  const [, channels = 0, oh = 0, ow = 0] = sidesOf(dy)
  const values = new Float32Array(channels * kh * kw).fill(1 / (kh * kw))
  const weights = scope.constant({ type: 'f32', shape: [channels, 1, kh, kw], values })
  const rest = [
    integer(attributes, 'h') - ((oh - 1) * stride + kh),
    integer(attributes, 'w') - ((ow - 1) * stride + kw),
  ] as const
  return [
    scope.apply('ConvTranspose', [scope.nameOf(dy), weights], {
      kernel_shape: [kh, kw],
      strides: [stride, stride],
      group: channels,
      output_padding: [...rest],
    }),
  ]
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
