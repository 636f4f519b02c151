import { type Lowering, floatBytes, matrixOf, operandsOf } from '../lowering.ts'

const rowGrain = 4
const columnGrain = 16

/** Units are rows of the output. */
export const embeddingBag: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [table, tokens] = ins as [number, number]
  const [y] = outs as [number]
  const [tableRows, width] = matrixOf(node.inputs, 0)
  const [rows, positions] = matrixOf(node.inputs, 1)
  return [
    {
      units: rows,
      grain: rowGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        const [part, means] = [tokens + shift * positions, y + shift * width]
        kernels.embeddingBag(table, tableRows, width, part, positions, to - from, means)
        return true
      },
    },
  ]
}

/** Units are columns: each thread walks all tokens. */
export const embeddingBagGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [dy, tokens] = ins as [number, number]
  const [gradient] = outs as [number]
  const [rows, positions] = matrixOf(node.inputs, 1)
  const [tableRows, width] = matrixOf(node.outputs, 0)
  return [
    {
      units: width,
      grain: columnGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const sides = [tableRows, width, from, to] as const
        kernels.embeddingBagGradient(dy, tokens, positions, rows, gradient, ...sides)
        return true
      },
    },
  ]
}
