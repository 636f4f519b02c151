import { integer } from '#compute/graph/operator.ts'
import { type Lowering, floatBytes, matrixOf, operandsOf } from '../lowering.ts'

const columnGrain = 16

/** A Gemm of one row, without packing, in the same order: threads split the columns. */
export const gemv: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, w, bias] = ins as [number, number, number | undefined]
  const [y] = outs as [number]
  const isTurned = integer(node.attributes, 'transposeB') === 1
  const [rows, columns] = matrixOf(node.inputs, 1)
  const [depth, width] = isTurned ? [columns, rows] : [rows, columns]
  return [
    {
      units: width,
      grain: columnGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        if (isTurned) kernels.gemvTurned(x, depth, w, y, from, to)
        else kernels.gemv(x, depth, w, width, y, from, to)
        const shift = from * floatBytes
        if (bias !== undefined) kernels.add(y + shift, bias + shift, y + shift, to - from)
        return true
      },
    },
  ]
}
