import { sizeOf } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { type Lowering, floatBytes, matrixOf, operandsOf } from '../lowering.ts'

const rowGrain = 8
const columnGrain = 16

/** Units are rows of the output. */
export const gather: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [table, indices] = ins as [number, number]
  const [y] = outs as [number]
  const [, columns] = matrixOf(node.inputs, 0)
  return [
    {
      units: sizeOf(node.inputs[1]?.shape ?? []),
      grain: rowGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        kernels.gather(table, indices + shift, to - from, columns, y + shift * columns)
        return true
      },
    },
  ]
}

/** Units are columns: each thread walks all rows. */
export const gatherGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [dy, indices] = ins as [number, number]
  const [gradient] = outs as [number]
  const [tableRows, columns] = matrixOf(node.outputs, 0)
  const rows = sizeOf(node.inputs[1]?.shape ?? [])
  return [
    {
      units: columns,
      grain: columnGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.gatherGradient(dy, indices, rows, columns, tableRows, gradient, from, to)
        return true
      },
    },
  ]
}

/** Units are positions. */
export const rotaryTable: Lowering = (node, context) => {
  const { outs, reads, writes } = operandsOf(node, context)
  const [table] = outs as [number]
  const size = integer(node.attributes, 'size')
  return [
    {
      units: integer(node.attributes, 'context'),
      grain: 1,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.rotaryTable(table + from * 2 * size * floatBytes, to - from, size, from)
        return true
      },
    },
  ]
}

/** Units are rows. */
export const rotaryEmbedding: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, table] = ins as [number, number]
  const [y] = outs as [number]
  const [rows, width] = matrixOf(node.inputs, 0)
  const [positions = 0, , size = 0] = node.inputs[1]?.shape ?? []
  const isInverse = integer(node.attributes, 'isInverse')
  return [
    {
      units: rows,
      grain: rowGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * width * floatBytes
        const heads = width / size
        const sides = [positions, heads, size, isInverse] as const
        kernels.rotate(x + shift, table, y + shift, to - from, from, ...sides)
        return true
      },
    },
  ]
}
