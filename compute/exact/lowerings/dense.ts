import { assert } from '#base/assert.ts'
import { type Node, sizeOf } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import { finishOf } from '../fusion.ts'
import type { Kernels } from '../kernels.ts'
import {
  type Call,
  type LowerContext,
  type Lowering,
  floatBytes,
  matrixOf,
  operandsOf,
  splitByUnits,
} from '../lowering.ts'
import { gemv } from './gemv.ts'

const elementGrain = 1024
const rowGrain = 4
const columnGrain = 16

/**
 * y = op(a) op(b), then the bias is added to every row, then what fusion put behind it. Threads split rows or
 * columns, whichever there are more of, since each packs all of the other factor.
 */
export const gemm: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const { finish, bias, other } = followersOf(node, ins)
  const [a, b] = ins as [number, number]
  const [y] = outs as [number]
  const isTurnedA = integer(node.attributes, 'transposeA') === 1
  const isTurnedB = integer(node.attributes, 'transposeB') === 1
  const [rowsA, columnsA] = matrixOf(node.inputs, 0)
  const [, columnsB] = matrixOf(node.inputs, 1)
  const [m, n] = matrixOf(node.outputs, 0)
  if (m === 1 && finish === finishOf.nothing) return gemv(node, context)
  const k = isTurnedA ? rowsA : columnsA
  const [ars, acs] = isTurnedA ? [1, columnsA] : [columnsA, 1]
  const [brs, bcs] = isTurnedB ? [1, columnsB] : [columnsB, 1]
  const isByColumns = n > m
  return [
    {
      units: isByColumns ? n : m,
      grain: isByColumns ? columnGrain : rowGrain,
      reads: isByColumns
        ? reads
        : reads.map((span, i) => ({
            ...span,
            isSplit: (i === 0 && !isTurnedA) || (other !== 0 && i === reads.length - 1),
          })),
      writes: isByColumns ? writes : splitByUnits(writes),
      scratchBytes: context.kernels.gemmScratchBytes(k, n),
      run(kernels, { from, to, scratch }) {
        const count = to - from
        const [row, column] = isByColumns ? [0, from] : [from, 0]
        const [rows, columns] = isByColumns ? [m, count] : [count, n]
        const aHere = a + row * ars * floatBytes
        const bHere = b + column * bcs * floatBytes
        const shift = (row * n + column) * floatBytes
        const biasHere = bias === 0 ? 0 : bias + column * floatBytes
        const sides = [rows, columns, k, aHere, ars, acs, bHere, brs, bcs] as const
        kernels.gemmThen(...sides, y + shift, n, scratch, biasHere, finish, other + shift)
        return true
      },
    },
  ]
}

/** Addresses of the bias and of the operand that fusion added; 0 where there is none. */
function followersOf({ attributes }: Node, ins: readonly number[]) {
  const finish =
    attributes['finish'] === undefined ? finishOf.nothing : integer(attributes, 'finish')
  const hasOther = finish === finishOf.add || finish === finishOf.mask
  const other = hasOther ? (ins.at(-1) as number) : 0
  return { finish, other, bias: ins.length > (hasOther ? 3 : 2) ? (ins[2] as number) : 0 }
}

type Elements = (
  kernels: Kernels,
  ins: readonly number[],
  out: { readonly y: number; readonly count: number },
) => void

/** One value from the values at the same place: units are elements. */
export function elementwise(run: Elements): Lowering {
  return (node, context): readonly Call[] => {
    const { ins, outs, reads, writes } = operandsOf(node, context)
    const [y] = outs as [number]
    return [
      {
        units: sizeOf(node.outputs[0]?.shape ?? []),
        grain: elementGrain,
        reads: splitByUnits(reads),
        writes: splitByUnits(writes),
        scratchBytes: 0,
        run(kernels, { from, to }) {
          const shift = from * floatBytes
          run(
            kernels,
            ins.map((address) => address + shift),
            { y: y + shift, count: to - from },
          )
          return true
        },
      },
    ]
  }
}

const addEqual = elementwise((kernels, ins, { y, count }) => {
  const [a, b] = ins as [number, number]
  kernels.add(a, b, y, count)
})

/** Units are elements; or runs of `b`, when that is added to every one of them. */
export const add: Lowering = (node, context) => {
  const [aSize = 0, bSize = 0] = node.inputs.map(({ shape }) => sizeOf(shape))
  if (aSize === bSize) return addEqual(node, context)
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [a, b] = ins as [number, number]
  const [y] = outs as [number]
  return [
    {
      units: aSize / bSize,
      grain: 1,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        for (let i = from; i < to; i += 1) {
          const shift = i * bSize * floatBytes
          kernels.add(a + shift, b, y + shift, bSize)
        }
        return true
      },
    },
  ]
}

export const relu = elementwise((kernels, ins, { y, count }) => {
  kernels.relu(ins[0] as number, y, count)
})

export const reluGradient = elementwise((kernels, ins, { y: dx, count }) => {
  const [y, dy] = ins as [number, number]
  kernels.reluGradient(y, dy, dx, count)
})

/** Sums over rows; units are columns. */
export const sumRows: Lowering = (node: Node, context: LowerContext) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x] = ins as [number]
  const [sums] = outs as [number]
  const [rows, ...rest] = node.inputs[0]?.shape ?? []
  assert(rows !== undefined, 'a matrix has rows')
  const columns = sizeOf(rest)
  return [
    {
      units: columns,
      grain: columnGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.sumRows(x, rows, columns, sums, from, to)
        return true
      },
    },
  ]
}

/** A view: nothing runs. */
export const reshape: Lowering = () => []
