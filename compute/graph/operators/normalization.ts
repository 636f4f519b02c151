import { assert } from '#base/assert.ts'
import { type OperatorName, type Tensor, isSameShape, sizeOf } from '../graph.ts'
import { type Operator, expectEqual, expectRanks, floats, mismatch } from '../operator.ts'

function expectRows(operator: OperatorName, inputs: readonly Tensor[]): [number, number] {
  const [x, ...factors] = inputs
  expectRanks(operator, inputs, [[2, 'f32'], ...factors.map(() => [1, 'f32'] as const)])
  const [rows = 0, columns = 0] = x?.shape ?? []
  if (factors.some(({ shape }) => shape[0] !== columns)) throw mismatch(operator, inputs)
  return [rows, columns]
}

/** dy and x [rows, columns], then figures of each row [rows]. */
function expectFigures(operator: OperatorName, inputs: readonly Tensor[]): number {
  const [dy, x, ...figures] = inputs
  if (!dy || !x) throw mismatch(operator, inputs)
  const [rows = 0, columns = 0] = expectEqual(operator, [dy, x])
  if (figures.some(({ shape }) => !isSameShape(shape, [rows]))) throw mismatch(operator, inputs)
  return columns
}

const sizeOfFirst = ([x]: readonly Tensor[]) => sizeOf(x?.shape ?? [])
const rowsOf = ([x]: readonly Tensor[]) => x?.shape[0] ?? 0

/**
 * Layer norm (Ba, Kiros and Hinton 2016): x [rows, columns], gain and bias [columns] -> y, means [rows] and
 * scales [rows], which are 1 / sqrt(variance + epsilon). Attribute `epsilon`.
 */
export const layerNormalization: Operator = {
  infer(inputs) {
    if (inputs.length !== 3) throw mismatch('LayerNormalization', inputs)
    const [rows, columns] = expectRows('LayerNormalization', inputs)
    return [floats(rows, columns), floats(rows), floats(rows)]
  },
  flops: (inputs) => 8 * sizeOfFirst(inputs) + 5 * rowsOf(inputs),
  gradient({ inputs, outputs, gradients, isNeeded, apply }) {
    const [x, gain] = inputs
    const [, means, scales] = outputs
    const [dy] = gradients
    assert(x && gain && means && scales && dy, 'a LayerNormalization keeps its figures')
    const ofScale = apply('LayerNormalizationScaleGradient', [dy, x, means, scales])
    const dx = isNeeded[0]
      ? apply('LayerNormalizationGradient', [dy, x, means, scales, gain])[0]
      : undefined
    return [dx, ...ofScale]
  },
}

/** dx from dy, x, means, scales and gain. */
export const layerNormalizationGradient: Operator = {
  infer(inputs) {
    const columns = expectFigures('LayerNormalizationGradient', inputs.slice(0, 4))
    if (!isSameShape(inputs[4]?.shape ?? [], [columns])) {
      throw mismatch('LayerNormalizationGradient', inputs)
    }
    return [floats(...(inputs[0]?.shape ?? []))]
  },
  flops: (inputs) => 10 * sizeOfFirst(inputs) + 2 * rowsOf(inputs),
}

/** Gradients by gain and bias from dy, x, means and scales. */
export const layerNormalizationScaleGradient: Operator = {
  infer(inputs) {
    const columns = expectFigures('LayerNormalizationScaleGradient', inputs)
    return [floats(columns), floats(columns)]
  },
  flops: (inputs) => 5 * sizeOfFirst(inputs),
}

/**
 * RMS norm (Zhang and Sennrich 2019): x [rows, columns], gain [columns] -> y, scales [rows], which are
 * 1 / sqrt(mean square + epsilon). Attribute `epsilon`.
 */
export const rmsNormalization: Operator = {
  infer(inputs) {
    if (inputs.length !== 2) throw mismatch('RmsNormalization', inputs)
    const [rows, columns] = expectRows('RmsNormalization', inputs)
    return [floats(rows, columns), floats(rows)]
  },
  flops: (inputs) => 4 * sizeOfFirst(inputs) + 4 * rowsOf(inputs),
  gradient({ inputs, outputs, gradients, isNeeded, apply }) {
    const [x, gain] = inputs
    const [, scales] = outputs
    const [dy] = gradients
    assert(x && gain && scales && dy, 'an RmsNormalization keeps its scales')
    const ofScale = apply('RmsNormalizationScaleGradient', [dy, x, scales])
    const dx = isNeeded[0] ? apply('RmsNormalizationGradient', [dy, x, scales, gain])[0] : undefined
    return [dx, ...ofScale]
  },
}

/** dx from dy, x, scales and gain. */
export const rmsNormalizationGradient: Operator = {
  infer(inputs) {
    const columns = expectFigures('RmsNormalizationGradient', inputs.slice(0, 3))
    if (!isSameShape(inputs[3]?.shape ?? [], [columns])) {
      throw mismatch('RmsNormalizationGradient', inputs)
    }
    return [floats(...(inputs[0]?.shape ?? []))]
  },
  flops: (inputs) => 7 * sizeOfFirst(inputs) + rowsOf(inputs),
}

/** Gradient by gain from dy, x and scales. */
export const rmsNormalizationScaleGradient: Operator = {
  infer: (inputs) => [floats(expectFigures('RmsNormalizationScaleGradient', inputs))],
  flops: (inputs) => 3 * sizeOfFirst(inputs),
}
