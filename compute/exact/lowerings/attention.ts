import type { Node } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { type LowerContext, type Lowering, matrixOf, operandsOf } from '../lowering.ts'

/** Sides of an attention, and 1 / sqrt(size) in binary32. */
function sidesOf(node: Node, { kernels }: LowerContext) {
  const [rows, width] = matrixOf(node.inputs, 0)
  const heads = integer(node.attributes, 'heads')
  const context = integer(node.attributes, 'context')
  const size = width / heads
  const scale = Math.fround(1 / kernels.sqrt1(size))
  const scratchBytes = kernels.attentionScratchBytes(context, size)
  return { heads, context, size, scale, units: (rows / context) * heads, scratchBytes }
}

/** Units are heads of sequences. */
export const causalAttention: Lowering = (node, lowering) => {
  const { ins, outs, reads, writes } = operandsOf(node, lowering)
  const [q, k, v] = ins as [number, number, number]
  const [y, probabilities] = outs as [number, number]
  const { heads, context, size, scale, units, scratchBytes } = sidesOf(node, lowering)
  return [
    {
      units,
      grain: 1,
      reads,
      writes,
      scratchBytes,
      run(kernels, { from, to, scratch }) {
        const sides = [heads, context, size, scale] as const
        kernels.attend(q, k, v, y, probabilities, ...sides, from, to, scratch)
        return true
      },
    },
  ]
}

/** Units are heads of sequences. */
export const causalAttentionGradient: Lowering = (node, lowering) => {
  const { ins, outs, reads, writes } = operandsOf(node, lowering)
  const given = ins as [number, number, number, number, number]
  const found = outs as [number, number, number]
  const { heads, context, size, scale, units, scratchBytes } = sidesOf(node, lowering)
  return [
    {
      units,
      grain: 1,
      reads,
      writes,
      scratchBytes,
      run(kernels, { from, to, scratch }) {
        const sides = [heads, context, size, scale] as const
        kernels.attendGradient(...given, ...found, ...sides, from, to, scratch)
        return true
      },
    },
  ]
}
