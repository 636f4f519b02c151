import { assert } from '#base/assert.ts'
import { type Attributes, type OperatorName, type Tensor, sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats, integer, mismatch } from '../operator.ts'
import { type Windows, areSound, countsOf, windowsOf } from '../windows.ts'

const usual: Attributes = { kh: 2, kw: 2, stride: 2, pad: 0 }

/** The windows of a pooling, kh x kw; without attributes 2 x 2 with stride 2. */
export function poolWindows(attributes: Attributes): Windows {
  const found = attributes['kh'] === undefined ? usual : attributes
  return windowsOf(found, [integer(found, 'kh'), integer(found, 'kw')])
}

function pooled(operator: OperatorName, inputs: readonly Tensor[], attributes: Attributes): Tensor {
  expectRanks(operator, inputs, [[4, 'f32']])
  const [n = 0, c = 0, h = 0, w = 0] = inputs[0]?.shape ?? []
  const windows = poolWindows(attributes)
  const { kernel, dilation, pads } = windows
  // so each window has a place in the image
  const isFit = pads.every((pad, i) => pad < kernel[(i % 2) as 0 | 1])
  if (!isFit || !areSound(windows) || dilation.some((one) => one !== 1)) {
    throw mismatch(operator, inputs)
  }
  const [oh, ow] = countsOf(windows, [h, w])
  if (oh < 1 || ow < 1) throw mismatch(operator, inputs)
  return floats(n, c, oh, ow)
}

const sameAsFirst = ([x]: readonly Tensor[]) => [floats(...(x?.shape ?? []))]

function windowFlops(attributes: Attributes, outputs: readonly Tensor[]): number {
  const { kernel } = poolWindows(attributes)
  return kernel[0] * kernel[1] * sizeOf(outputs[0]?.shape ?? [])
}

/** Greatest of each window; what is left over at the end of rows and columns is left out. */
export const maxPool: Operator = {
  infer: (inputs, attributes) => [pooled('MaxPool', inputs, attributes)],
  flops: (_inputs, outputs, attributes) =>
    windowFlops(attributes, outputs) - sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, outputs, gradients, attributes, apply }) {
    const [x] = inputs
    const [y] = outputs
    const [dy] = gradients
    assert(x && y && dy, 'a MaxPool has one output')
    return apply('MaxPoolGradient', [x, y, dy], attributes)
  },
}

/** dy at the first greatest place of each window, summed over windows. */
export const maxPoolGradient: Operator = {
  infer(inputs) {
    expectRanks('MaxPoolGradient', inputs, [
      [4, 'f32'],
      [4, 'f32'],
      [4, 'f32'],
    ])
    return sameAsFirst(inputs)
  },
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
}

/** Mean of the places of each window that lie in the image. */
export const averagePool: Operator = {
  infer: (inputs, attributes) => [pooled('AveragePool', inputs, attributes)],
  flops: (_inputs, outputs, attributes) => windowFlops(attributes, outputs),
  gradient({ inputs, gradients, attributes, apply }) {
    const [x] = inputs
    const [dy] = gradients
    assert(x && dy, 'an AveragePool has one output')
    const [, , h = 0, w = 0] = x.shape
    return apply('AveragePoolGradient', [dy], { ...usual, ...attributes, h, w })
  },
}

/** Gradient of AveragePool by its input: dy [n, c, oh, ow] -> [n, c, h, w]. */
export const averagePoolGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('AveragePoolGradient', inputs, [[4, 'f32']])
    const [n = 0, c = 0] = inputs[0]?.shape ?? []
    return [floats(n, c, integer(attributes, 'h'), integer(attributes, 'w'))]
  },
  flops: (inputs, _outputs, attributes) => windowFlops(attributes, inputs),
}

/** Mean of each channel of each image: [n, c, h, w] -> [n, c, 1, 1]. */
export const globalAveragePool: Operator = {
  infer(inputs) {
    expectRanks('GlobalAveragePool', inputs, [[4, 'f32']])
    const [n = 0, c = 0] = inputs[0]?.shape ?? []
    return [floats(n, c, 1, 1)]
  },
  flops: (inputs) => sizeOf(inputs[0]?.shape ?? []),
  gradient({ inputs, gradients, apply }) {
    const [dy] = gradients
    assert(inputs[0] && dy, 'a GlobalAveragePool has one output')
    const [, , h = 0, w = 0] = inputs[0].shape
    return apply('GlobalAveragePoolGradient', [dy], { h, w })
  },
}

/** Gradient of GlobalAveragePool by its input: dy [n, c, 1, 1] -> [n, c, h, w]. */
export const globalAveragePoolGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('GlobalAveragePoolGradient', inputs, [[4, 'f32']])
    const [n = 0, c = 0] = inputs[0]?.shape ?? []
    return [floats(n, c, integer(attributes, 'h'), integer(attributes, 'w'))]
  },
  flops: (inputs) => sizeOf(inputs[0]?.shape ?? []),
}
