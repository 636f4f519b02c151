import { assert } from '#base/assert.ts'
import { sizeOf } from '../graph.ts'
import { type Operator, expectEqual, floats } from '../operator.ts'

/** y = x * sigmoid(1.5957691 * (x + 0.044715 x^3)): the tanh form of Hendrycks and Gimpel 2016. */
export const gelu: Operator = {
  infer: (inputs) => [floats(...expectEqual('Gelu', inputs))],
  flops: (_inputs, outputs) => 28 * sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, gradients, apply }) {
    const [x] = inputs
    const [dy] = gradients
    assert(x && dy, 'a Gelu has one output')
    return apply('GeluGradient', [x, dy])
  },
}

/** y = x * (1 + erf(x / sqrt(2))) / 2 (Hendrycks and Gimpel 2016). */
export const geluErf: Operator = {
  infer: (inputs) => [floats(...expectEqual('GeluErf', inputs))],
  flops: (_inputs, outputs) => 40 * sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, gradients, apply }) {
    const [x] = inputs
    const [dy] = gradients
    assert(x && dy, 'a GeluErf has one output')
    return apply('GeluErfGradient', [x, dy])
  },
}

/** dx from x and dy. */
export const geluErfGradient: Operator = {
  infer: (inputs) => [floats(...expectEqual('GeluErfGradient', inputs))],
  flops: (_inputs, outputs) => 44 * sizeOf(outputs[0]?.shape ?? []),
}

/** dx from x and dy. */
export const geluGradient: Operator = {
  infer: (inputs) => [floats(...expectEqual('GeluGradient', inputs))],
  flops: (_inputs, outputs) => 37 * sizeOf(outputs[0]?.shape ?? []),
}

/** y = a * b. */
export const mul: Operator = {
  infer: (inputs) => [floats(...expectEqual('Mul', inputs))],
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, gradients, isNeeded, apply }) {
    const [a, b] = inputs
    const [dy] = gradients
    assert(a && b && dy, 'a Mul has two factors')
    const da = isNeeded[0] ? apply('Mul', [dy, b])[0] : undefined
    const db = isNeeded[1] ? apply('Mul', [dy, a])[0] : undefined
    return [da, db]
  },
}

/** y = x * sigmoid(x). */
export const silu: Operator = {
  infer: (inputs) => [floats(...expectEqual('Silu', inputs))],
  flops: (_inputs, outputs) => 23 * sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, gradients, apply }) {
    const [x] = inputs
    const [dy] = gradients
    assert(x && dy, 'a Silu has one output')
    return apply('SiluGradient', [x, dy])
  },
}

/** dx from x and dy. */
export const siluGradient: Operator = {
  infer: (inputs) => [floats(...expectEqual('SiluGradient', inputs))],
  flops: (_inputs, outputs) => 27 * sizeOf(outputs[0]?.shape ?? []),
}
