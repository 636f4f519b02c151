import { assert } from '#base/assert.ts'
import { sizeOf } from '../graph.ts'
import { type Operator, expectEqual, floats } from '../operator.ts'

/**
 * Dropout (Srivastava et al. 2014): y = x * scale or 0, by the random stream of `layer` in this step. Its
 * gradient is itself. Attributes: `rate`, which is rounded to parts of 65536, and `layer`.
 */
export const dropout: Operator = {
  infer: (inputs) => [floats(...expectEqual('Dropout', inputs))],
  flops: (_inputs, outputs) => 12 * sizeOf(outputs[0]?.shape ?? []),
  gradient({ gradients, attributes, apply }) {
    const [dy] = gradients
    assert(dy, 'a Dropout has one output')
    return apply('Dropout', [dy], attributes)
  },
}
