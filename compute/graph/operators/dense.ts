import { assert } from '#base/assert.ts'
import { type Shape, type Value, isSameShape, sizeOf } from '../graph.ts'
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
    const turnedA = integer(attributes, 'transposeA')
    const turnedB = integer(attributes, 'transposeB')
    const product = (left: Value, right: Value, turned: readonly [number, number]) =>
      apply('Gemm', [left, right], { transposeA: turned[0], transposeB: turned[1] })[0]
    const byA = () => (turnedA ? product(b, dy, [turnedB, 1]) : product(dy, b, [0, 1 - turnedB]))
    const byB = () => (turnedB ? product(dy, a, [1, turnedA]) : product(a, dy, [1 - turnedA, 0]))
    const da = isNeeded[0] ? byA() : undefined
    const db = isNeeded[1] ? byB() : undefined
    const dBias = isNeeded[2] ? apply('SumRows', [dy])[0] : undefined
    return [da, db, dBias]
  },
}

/** Sum over the first side: [rows, ...rest] -> [...rest]. */
export const sumRows: Operator = {
  infer(inputs) {
    const [x] = inputs
    if (inputs.length !== 1 || x?.type !== 'f32' || x.shape.length < 2) {
      throw mismatch('SumRows', inputs)
    }
    return [floats(...x.shape.slice(1))]
  },
  flops: (inputs) => sizeOf(inputs[0]?.shape ?? []),
}

/** a + b of one shape, or a [rows, ...rest] + b [...rest]. */
export const add: Operator = {
  infer(inputs) {
    const [a, b] = inputs
    if (!a || !b || inputs.length !== 2) throw mismatch('Add', inputs)
    const isRepeated = a.shape.length === b.shape.length + 1
    expectEqual('Add', [isRepeated ? { ...a, shape: a.shape.slice(1) } : a, b])
    return [floats(...a.shape)]
  },
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, gradients, isNeeded, apply }) {
    const [a, b] = inputs
    const [dy] = gradients
    assert(a && b && dy, 'an Add has two terms')
    if (a.shape.length === b.shape.length) return [dy, dy]
    return [dy, isNeeded[1] ? apply('SumRows', [dy])[0] : undefined]
  },
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
