import { assert } from '#base/assert.ts'
import { type Attributes, type Shape, sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats, integer, mismatch } from '../operator.ts'
import { type Windows, areSound, countsOf, windowsOf } from '../windows.ts'

type Four = readonly [number, number, number, number]

function four(shape: Shape | undefined): Four {
  assert(shape?.length === 4, 'the shape has four sides')
  return shape as unknown as Four
}

/** Groups of a convolution: each has its own part of the channels and of the outputs. */
export function groupsOf({ groups = 1 }: Attributes): number {
  assert(typeof groups === 'number', 'groups is a number')
  return groups
}

/** Windows of a convolution with these weights. */
export function convWindows(attributes: Attributes, weights: Shape | undefined): Windows {
  const [, , kh, kw] = four(weights)
  return windowsOf(attributes, [kh, kw])
}

/**
 * x [n, c, h, w], weights [o, c / groups, kh, kw], bias [o] -> [n, o, …]: what ONNX calls Conv. `pad`, `stride`,
 * `dilation` and `groups` tell of the windows (compute/graph/windows.ts); the bias may be absent.
 */
export const conv: Operator = {
  infer(inputs, attributes) {
    const bias = inputs.length === 2 ? [] : [[1, 'f32'] as const]
    expectRanks('Conv', inputs, [[4, 'f32'], [4, 'f32'], ...bias])
    const [n, c, h, w] = four(inputs[0]?.shape)
    const [o, depth] = four(inputs[1]?.shape)
    const windows = convWindows(attributes, inputs[1]?.shape)
    const groups = groupsOf(attributes)
    const isFit = c === depth * groups && o % groups === 0 && (inputs[2]?.shape[0] ?? o) === o
    if (!isFit || !areSound(windows)) throw mismatch('Conv', inputs)
    const [oh, ow] = countsOf(windows, [h, w])
    if (oh < 1 || ow < 1) throw mismatch('Conv', inputs)
    return [floats(n, o, oh, ow)]
  },
  flops(inputs, outputs) {
    const [, depth, kh, kw] = four(inputs[1]?.shape)
    return sizeOf(outputs[0]?.shape ?? []) * (2 * depth * kh * kw + (inputs.length === 3 ? 1 : 0))
  },
  gradient({ inputs, attributes, gradients, isNeeded, apply }) {
    const [x, weights] = inputs
    const [dy] = gradients
    assert(x && weights && dy, 'a Conv has input, weights and output')
    const [, , h, w] = four(x.shape)
    const [, , kh, kw] = four(weights.shape)
    const dx = isNeeded[0]
      ? apply('ConvInputGradient', [dy, weights], { ...attributes, h, w })[0]
      : undefined
    const dw = isNeeded[1]
      ? apply('ConvWeightGradient', [x, dy], { ...attributes, kh, kw })[0]
      : undefined
    const dBias = isNeeded[2] ? apply('SumChannels', [dy])[0] : undefined
    return [dx, dw, dBias]
  },
}

/** Gradient of Conv by its input: dy [n, o, oh, ow], weights [o, c / groups, kh, kw] -> [n, c, h, w]. */
export const convInputGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('ConvInputGradient', inputs, [
      [4, 'f32'],
      [4, 'f32'],
    ])
    const [n, o, ...counts] = four(inputs[0]?.shape)
    const [o2, depth] = four(inputs[1]?.shape)
    const [h, w] = [integer(attributes, 'h'), integer(attributes, 'w')]
    const fitting = countsOf(convWindows(attributes, inputs[1]?.shape), [h, w])
    const isFit = o === o2 && counts.every((count, axis) => count === fitting[axis as 0 | 1])
    if (!isFit) throw mismatch('ConvInputGradient', inputs)
    return [floats(n, depth * groupsOf(attributes), h, w)]
  },
  flops(inputs, outputs, attributes) {
    const [o, , kh, kw] = four(inputs[1]?.shape)
    const [down, across] = convWindows(attributes, inputs[1]?.shape).stride
    const taps = Math.ceil(kh / down) * Math.ceil(kw / across)
    return ((sizeOf(outputs[0]?.shape ?? []) * 2 * o) / groupsOf(attributes)) * taps
  },
}

/** Gradient of Conv by its weights: x [n, c, h, w], dy [n, o, oh, ow] -> [o, c / groups, kh, kw]. */
export const convWeightGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('ConvWeightGradient', inputs, [
      [4, 'f32'],
      [4, 'f32'],
    ])
    const [n, c] = four(inputs[0]?.shape)
    const [n2, o] = four(inputs[1]?.shape)
    if (n !== n2) throw mismatch('ConvWeightGradient', inputs)
    const depth = c / groupsOf(attributes)
    return [floats(o, depth, integer(attributes, 'kh'), integer(attributes, 'kw'))]
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
