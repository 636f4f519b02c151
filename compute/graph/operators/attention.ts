import { assert } from '#base/assert.ts'
import { type Tensor, isSameShape, sizeOf } from '../graph.ts'
import { type Operator, expectEqual, expectRanks, floats, integer, mismatch } from '../operator.ts'

/** Pairs (query, key) that see each other, over all sequences and heads. */
function pairsOf(inputs: readonly Tensor[], heads: number, context: number): number {
  const rows = inputs[0]?.shape[0] ?? 0
  return (rows / context) * heads * ((context * (context + 1)) / 2)
}

/**
 * Causal attention (Vaswani et al. 2017): queries, keys, values [sequences * context, heads * size] ->
 * outputs of the same shape, probabilities [sequences, heads, context, context] with zeros above the diagonal.
 * Attributes: `heads`, `context`.
 */
export const causalAttention: Operator = {
  infer(inputs, attributes) {
    expectRanks('CausalAttention', inputs, [
      [2, 'f32'],
      [2, 'f32'],
      [2, 'f32'],
    ])
    const shape = expectEqual('CausalAttention', inputs)
    const [rows = 0, width = 0] = shape
    const heads = integer(attributes, 'heads')
    const context = integer(attributes, 'context')
    const isFit = heads > 0 && context > 0 && rows % context === 0 && width % heads === 0
    if (!isFit) throw mismatch('CausalAttention', inputs)
    return [floats(...shape), floats(rows / context, heads, context, context)]
  },
  flops(inputs, _outputs, attributes) {
    const heads = integer(attributes, 'heads')
    const size = (inputs[0]?.shape[1] ?? 0) / heads
    return pairsOf(inputs, heads, integer(attributes, 'context')) * (4 * size + 24)
  },
  gradient({ inputs, outputs, attributes, gradients, apply }) {
    const [dy] = gradients
    const probabilities = outputs[1]
    assert(dy && probabilities, 'an attention keeps its probabilities')
    return apply('CausalAttentionGradient', [...inputs, probabilities, dy], attributes)
  },
}

/** Gradients by queries, keys and values, from these, the probabilities and dy. */
export const causalAttentionGradient: Operator = {
  infer(inputs, attributes) {
    const [q, k, v, probabilities, dy] = inputs
    const heads = integer(attributes, 'heads')
    const context = integer(attributes, 'context')
    if (!q || !k || !v || !probabilities || !dy) throw mismatch('CausalAttentionGradient', inputs)
    const shape = expectEqual('CausalAttentionGradient', [q, k, v, dy])
    const expected = [(shape[0] ?? 0) / context, heads, context, context]
    if (!isSameShape(probabilities.shape, expected)) {
      throw mismatch('CausalAttentionGradient', inputs)
    }
    return [floats(...shape), floats(...shape), floats(...shape)]
  },
  flops(inputs, outputs, attributes) {
    const heads = integer(attributes, 'heads')
    const size = sizeOf(outputs[0]?.shape ?? []) / (inputs[0]?.shape[0] ?? 1) / heads
    return pairsOf(inputs, heads, integer(attributes, 'context')) * (8 * size + 5)
  },
}
