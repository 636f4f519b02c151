import { sizeOf } from '#compute/graph/graph.ts'
import { type Call, type Lowering, floatBytes, matrixOf, operandsOf } from '../lowering.ts'

const rowGrain = 16
const elementGrain = 1024

/** Row sums of absolute values, then the matrix with the scale that every thread adds up from them. */
export const ternary: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [w] = ins as [number]
  const [q, sums] = outs as [number, number]
  const [rows, columns] = matrixOf(node.inputs, 0)
  const size = sizeOf([rows, columns])
  const summing: Call = {
    units: rows,
    grain: rowGrain,
    reads,
    writes: writes.slice(1),
    scratchBytes: 0,
    run(kernels, { from, to }) {
      kernels.absoluteSums(w, columns, sums, from, to)
      return true
    },
  }
  const quantizing: Call = {
    units: size,
    grain: elementGrain,
    reads: [...reads, ...writes.slice(1)],
    writes: writes.slice(0, 1),
    scratchBytes: 0,
    run(kernels, { from, to }) {
      const shift = from * floatBytes
      const scale = kernels.ternaryScale(sums, rows, size)
      kernels.quantizeTernary(w + shift, q + shift, to - from, scale)
      return true
    },
  }
  return [summing, quantizing]
}
