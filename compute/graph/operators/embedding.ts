import { assert } from '#base/assert.ts'
import { isSameShape, sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats, integer, mismatch } from '../operator.ts'

/** Rows of a table [rows, width] by i32 numbers [...sides] -> [...sides, width]. */
export const gather: Operator = {
  infer(inputs) {
    const [table, indices] = inputs
    const isFit =
      inputs.length === 2 &&
      table?.shape.length === 2 &&
      table.type === 'f32' &&
      indices?.type === 'i32'
    if (!isFit) throw mismatch('Gather', inputs)
    return [floats(...indices.shape, table.shape[1] as number)]
  },
  flops: (_inputs, outputs) => sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, gradients, isNeeded, apply }) {
    const [table, indices] = inputs
    const [dy] = gradients
    assert(table && indices && dy, 'a Gather has a table and indices')
    if (!isNeeded[0]) return []
    return apply('GatherGradient', [dy, indices], { rows: table.shape[0] as number })
  },
}

/** Sum of the rows of dy [...sides, width] with equal numbers -> [rows, width]. */
export const gatherGradient: Operator = {
  infer(inputs, attributes) {
    const [dy, indices] = inputs
    const isFit =
      inputs.length === 2 &&
      dy?.type === 'f32' &&
      indices?.type === 'i32' &&
      isSameShape(dy.shape.slice(0, -1), indices.shape)
    if (!isFit) throw mismatch('GatherGradient', inputs)
    return [floats(integer(attributes, 'rows'), dy.shape.at(-1) as number)]
  },
  flops: (inputs) => sizeOf(inputs[0]?.shape ?? []),
}

/**
 * Cosines and sines of rotary positions (Su et al. 2021, base 10000): no inputs -> [context, 2, size], for
 * heads of `size` values.
 */
export const rotaryTable: Operator = {
  infer(inputs, attributes) {
    const context = integer(attributes, 'context')
    const size = integer(attributes, 'size')
    if (inputs.length > 0 || context < 1 || size < 2 || size % 2 === 1) {
      throw mismatch('RotaryTable', inputs)
    }
    return [floats(context, 2, size)]
  },
  flops: (_inputs, outputs) => 50 * sizeOf(outputs[0]?.shape ?? []),
}

/**
 * Turns neighbouring pairs of every head by their position: x [sequences * context, heads * size],
 * table [context, 2, size] -> as x. `isInverse` (0 or 1) turns back.
 */
export const rotaryEmbedding: Operator = {
  infer(inputs) {
    expectRanks('RotaryEmbedding', inputs, [
      [2, 'f32'],
      [3, 'f32'],
    ])
    const [rows = 0, width = 0] = inputs[0]?.shape ?? []
    const [context = 0, , size = 0] = inputs[1]?.shape ?? []
    if (rows % context !== 0 || width % size !== 0) throw mismatch('RotaryEmbedding', inputs)
    return [floats(rows, width)]
  },
  flops: (_inputs, outputs) => 3 * sizeOf(outputs[0]?.shape ?? []),
  gradient({ inputs, attributes, gradients, apply }) {
    const [, table] = inputs
    const [dy] = gradients
    assert(table && dy, 'a RotaryEmbedding has a table')
    const isInverse = 1 - integer(attributes, 'isInverse')
    return apply('RotaryEmbedding', [dy, table], { isInverse })
  },
}
