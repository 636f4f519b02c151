import { assert } from '#base/assert.ts'
import { sizeOf } from '../graph.ts'
import { type Operator, expectRanks, floats, integer, mismatch } from '../operator.ts'

/**
 * Mean of the rows of a table that tokens name: table [vocabulary, width], tokens i32 [n, positions] -> [n, width].
 * A token that is no row of the table, such as -1, is padding; without tokens the mean is 0.
 */
export const embeddingBag: Operator = {
  infer(inputs) {
    expectRanks('EmbeddingBag', inputs, [
      [2, 'f32'],
      [2, 'i32'],
    ])
    return [floats(inputs[1]?.shape[0] ?? 0, inputs[0]?.shape[1] ?? 0)]
  },
  flops: (inputs, outputs) => sizeOf(outputs[0]?.shape ?? []) * ((inputs[1]?.shape[1] ?? 0) + 1),
  gradient({ inputs, gradients, isNeeded, apply }) {
    const [table, tokens] = inputs
    const [dy] = gradients
    assert(table && tokens && dy, 'an EmbeddingBag has a table and tokens')
    if (!isNeeded[0]) return []
    return apply('EmbeddingBagGradient', [dy, tokens], { rows: table.shape[0] ?? 0 })
  },
}

/** Gradient of EmbeddingBag by the table: dy [n, width], tokens i32 [n, positions] -> [rows, width]. */
export const embeddingBagGradient: Operator = {
  infer(inputs, attributes) {
    expectRanks('EmbeddingBagGradient', inputs, [
      [2, 'f32'],
      [2, 'i32'],
    ])
    if (inputs[0]?.shape[0] !== inputs[1]?.shape[0]) throw mismatch('EmbeddingBagGradient', inputs)
    return [floats(integer(attributes, 'rows'), inputs[0]?.shape[1] ?? 0)]
  },
  flops: (inputs) => 2 * sizeOf(inputs[0]?.shape ?? []) * (inputs[1]?.shape[1] ?? 0),
}
