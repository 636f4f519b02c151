import { assert } from '#base/assert.ts'
import { type Node, type Value, sizeOf } from '../graph/graph.ts'
import { attentionSides } from './token-tasks.ts'

const f = Math.fround

/**
 * The gradient by the scores of a CausalAttentionGradient, [sequences, heads, context, context] with zeros above the
 * diagonal: ds_j = (p_j * (dp_j - c)) * r of SPEC.md. The kernels never write it down.
 */
export function scoreGradientOf(
  node: Node,
  valuesOf: (value: Value) => Float32Array,
): Float32Array {
  const [, , v, p, dy] = node.inputs
  assert(v && p && dy, 'the gradient of an attention has five inputs')
  const { heads, context, size, scale } = attentionSides(node)
  const [values, weights, slopes] = [valuesOf(v), valuesOf(p), valuesOf(dy)] as const
  const found = new Float32Array(sizeOf(p.shape))
  const width = heads * size
  for (let row = 0; row < found.length / context; row += 1) {
    const unit = Math.floor(row / context)
    const i = row % context
    const first = Math.floor(unit / heads) * context
    const start = (unit % heads) * size
    const products = new Float32Array(i + 1)
    for (let j = 0; j <= i; j += 1) {
      let sum = 0
      for (let d = start; d < start + size; d += 1) {
        const [a, b] = [slopes[(first + i) * width + d], values[(first + j) * width + d]]
        sum = f(sum + f((a as number) * (b as number)))
      }
      products[j] = sum
    }
    const own = weights.subarray(row * context, row * context + i + 1)
    const center = lanesOf(own, products)
    for (const [j, product] of products.entries()) {
      found[row * context + j] = f(f((own[j] as number) * f(product - center)) * scale)
    }
  }
  return found
}

/** lanes(8) over a_j * b_j. */
function lanesOf(a: Float32Array, b: Float32Array): number {
  const lanes = new Float32Array(8)
  for (const [j, value] of a.entries()) {
    lanes[j % 8] = f((lanes[j % 8] as number) + f(value * (b[j] as number)))
  }
  return lanes.reduce((sum, lane) => f(sum + lane))
}
