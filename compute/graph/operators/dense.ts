import { assert } from '#base/assert.ts'
import { type Shape, isSameShape, sizeOf } from '../graph.ts'
import { type Operator, expectEqual, expectRanks, floats, integer, mismatch } from '../operator.ts'

function gemmSides([a = [], b = []]: readonly Shape[], transposeA: boolean, transposeB: boolean) {
  const [m = 0, k = 0] = transposeA ? [a[1], a[0]] : a
  const [k2 = 0, n = 0] = transposeB ? [b[1], b[0]] : b
  return { m, n, k, k2 }
}

/** y = op(a) op(b) + bias: [m, k] x [k, n] + [n]; `transposeA` and `transposeB` are 0 or 1. */
export const gemm: Operator = {
  infer(inputs, attributes) {
    expectRanks('Gemm', inputs.slice(0, 2), [
      [2, 'f32'],
      [2, 'f32'],
    ])
    const shapes = inputs.map(({ shape }) => shape)
    const { m, n, k, k2 } = gemmSides(
      shapes,
      integer(attributes, 'transposeA') === 1,
      integer(attributes, 'transposeB') === 1,
    )
    const isFit = k === k2 && inputs.length <= 3 && (!shapes[2] || isSameShape(shapes[2], [n]))
    if (!isFit) throw mismatch('Gemm', inputs)
    return [floats(m, n)]
  },
  flops(inputs, outputs, attributes) {
    const [a] = inputs
    const k = a?.shape[integer(attributes, 'transposeA') === 1 ? 0 : 1] ?? 0
    const size = sizeOf(outputs[0]?.shape ?? [])
    return 2 * size * k + (inputs.length === 3 ? size : 0)
  },
  gradient({ inputs, attributes, gradients, isNeeded, apply }) {
    const [a, b] = inputs
    const [dy] = gradients
    assert(a && b && dy, 'a Gemm has two factors')
    assert(
      attributes['transposeA'] === 0 && attributes['transposeB'] === 0,
      'gradients are taken of plain products',
    )
    const da = isNeeded[0] ? apply('Gemm', [dy, b], { transposeA: 0, transposeB: 1 })[0] : undefined
    const db = isNeeded[1] ? apply('Gemm', [a, dy], { transposeA: 1, transposeB: 0 })[0] : undefined
    const dBias = isNeeded[2] ? apply('SumRows', [dy])[0] : undefined
    return [da, db, dBias]
  },
}

/** Sum of a matrix over its rows: [rows, columns] -> [columns]. */
export const sumRows: Operator = {
  infer(inputs) {
    expectRanks('SumRows', inputs, [[2, 'f32']])
    return [floats(inputs[0]?.shape[1] ?? 0)]
  },
  flops: (inputs) => sizeOf(inputs[0]?.shape ?? []),
}

export const add: Operator = {
  infer: (inputs) => [floats(...expectEqual('Add', inputs))],
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
  gradient: ({ gradients }) => [gradients[0], gradients[0]],
}

export const relu: Operator = {
  infer: (inputs) => [floats(...expectEqual('Relu', inputs))],
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
  gradient({ outputs, gradients, apply }) {
    const [y] = outputs
    const [dy] = gradients
    assert(y && dy, 'a Relu has one output')
    return apply('ReluGradient', [y, dy])
  },
}

/** dx = 0 < y ? dy : 0. */
export const reluGradient: Operator = {
  infer: (inputs) => [floats(...expectEqual('ReluGradient', inputs))],
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
}

/** The same values in another shape; nothing is moved. */
export const reshape: Operator = {
  infer(inputs, { shape }) {
    const [x] = inputs
    assert(Array.isArray(shape), 'a Reshape names its shape')
    if (!x || inputs.length !== 1 || sizeOf(x.shape) !== sizeOf(shape)) {
      throw mismatch('Reshape', inputs)
    }
    return [{ shape, type: x.type }]
  },
  flops: () => 0,
  gradient({ inputs, gradients, apply }) {
    const [dy] = gradients
    assert(dy && inputs[0], 'a Reshape has one output')
    return apply('Reshape', [dy], { shape: inputs[0].shape })
  },
}
