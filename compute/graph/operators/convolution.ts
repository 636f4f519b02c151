import { assert } from '#base/assert.ts'
import { type Shape, sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats, integer, mismatch } from '../operator.ts'

type Four = readonly [number, number, number, number]

function four(shape: Shape | undefined): Four {
  assert(shape?.length === 4, 'the shape has four sides')
  return shape as unknown as Four
}

/**
 * Convolution with stride 1: x [n, c, h, w], weights [o, c, kh, kw], bias [o] -> [n, o, h + 2 pad - kh + 1, …].
 * What ONNX calls Conv, with equal padding on all sides; the bias may be absent. A MaxPool of 1 x 1 windows behind it
 * gives it a stride.
 */
export const conv: Operator = {
  infer(inputs, attributes) {
    const bias = inputs.length === 2 ? [] : [[1, 'f32'] as const]
    expectRanks('Conv', inputs, [[4, 'f32'], [4, 'f32'], ...bias])
    const [n, c, h, w] = four(inputs[0]?.shape)
    const [o, c2, kh, kw] = four(inputs[1]?.shape)
    const pad = integer(attributes, 'pad')
    const oh = h + 2 * pad - kh + 1
    const ow = w + 2 * pad - kw + 1
    const isFit = c === c2 && (inputs[2]?.shape[0] ?? o) === o && pad >= 0 && pad < kh && pad < kw
    if (!isFit || oh < 1 || ow < 1) throw mismatch('Conv', inputs)
    return [floats(n, o, oh, ow)]
  },
  flops(inputs, outputs) {
    const [, c, kh, kw] = four(inputs[1]?.shape)
    return sizeOf(outputs[0]?.shape ?? []) * (2 * c * kh * kw + (inputs.length === 3 ? 1 : 0))
  },
  gradient({ inputs, attributes, gradients, isNeeded, apply }) {
    const [x, weights] = inputs
    const [dy] = gradients
    assert(x && weights && dy, 'a Conv has input, weights and output')
    const pad = integer(attributes, 'pad')
    const [, , kh, kw] = four(weights.shape)
    const dx = isNeeded[0] ? apply('ConvInputGradient', [dy, weights], { pad })[0] : undefined
    const dw = isNeeded[1] ? apply('ConvWeightGradient', [x, dy], { pad, kh, kw })[0] : undefined
    const dBias = isNeeded[2] ? apply('SumChannels', [dy])[0] : undefined
    return [dx, dw, dBias]
  },
}

/**
 * Gradient of Conv by its input: dy [n, o, oh, ow], weights [o, c, k, k] -> [n, c, h, w]. One padding serves both
 * axes of the turned convolution, so the windows have equal sides.
 */
export const convInputGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('ConvInputGradient', inputs, [
      [4, 'f32'],
      [4, 'f32'],
    ])
    const [n, o, oh, ow] = four(inputs[0]?.shape)
    const [o2, c, kh, kw] = four(inputs[1]?.shape)
    const pad = integer(attributes, 'pad')
    if (o !== o2 || kh !== kw) throw mismatch('ConvInputGradient', inputs)
    return [floats(n, c, oh + kh - 1 - 2 * pad, ow + kw - 1 - 2 * pad)]
  },
  flops(inputs, outputs) {
    const [o, , kh, kw] = four(inputs[1]?.shape)
    return sizeOf(outputs[0]?.shape ?? []) * 2 * o * kh * kw
  },
}

/** Gradient of Conv by its weights: x [n, c, h, w], dy [n, o, oh, ow] -> [o, c, kh, kw]. */
export const convWeightGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('ConvWeightGradient', inputs, [
      [4, 'f32'],
      [4, 'f32'],
    ])
    const [n, c] = four(inputs[0]?.shape)
    const [n2, o] = four(inputs[1]?.shape)
    if (n !== n2) throw mismatch('ConvWeightGradient', inputs)
    return [floats(o, c, integer(attributes, 'kh'), integer(attributes, 'kw'))]
  },
  flops(inputs, outputs) {
    const [n, , oh, ow] = four(inputs[1]?.shape)
    return sizeOf(outputs[0]?.shape ?? []) * 2 * n * oh * ow
  },
}

/** Sum over images and places: [n, c, h, w] -> [c]. */
export const sumChannels: Operator = {
  infer(inputs) {
    expectRanks('SumChannels', inputs, [[4, 'f32']])
    return [floats(four(inputs[0]?.shape)[1])]
  },
  flops: (inputs) => sizeOf(inputs[0]?.shape ?? []),
}
