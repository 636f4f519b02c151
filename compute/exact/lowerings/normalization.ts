import type { Node } from '#compute/graph/graph.ts'
import { real } from '#compute/graph/operator.ts'
import { type Lowering, floatBytes, matrixOf, operandsOf, splitByUnits } from '../lowering.ts'

const rowGrain = 4
const columnGrain = 16

/** Units are rows. RMS norm has no bias and no means. */
const normalize: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x, gain, bias = 0] = ins as [number, number, number | undefined]
  const [y, ...figures] = outs as [number, ...number[]]
  const [means, scales] = (figures.length === 2 ? figures : [0, ...figures]) as [number, number]
  const [rows, columns] = matrixOf(node.inputs, 0)
  const epsilon = Math.fround(real(node.attributes, 'epsilon'))
  return [
    {
      units: rows,
      grain: rowGrain,
      reads: [...splitByUnits(reads.slice(0, 1)), ...reads.slice(1)],
      writes: splitByUnits(writes),
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        kernels.normalize(
          x + shift * columns,
          gain,
          bias,
          to - from,
          columns,
          epsilon,
          y + shift * columns,
          means && means + shift,
          scales + shift,
        )
        return true
      },
    },
  ]
}
export const layerNormalization = normalize
export const rmsNormalization = normalize

/** Addresses of dy, x, means (0 for RMS norm) and scales, whose last input may be the gain. */
function figuresOf({ operator }: Node, ins: readonly number[]) {
  const isCentred = operator.startsWith('Layer')
  const [dy, x] = ins as [number, number]
  const [means, scales] = isCentred ? [ins[2] as number, ins[3] as number] : [0, ins[2] as number]
  return { dy, x, means, scales }
}

/** Units are rows. */
const normalizeGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const { dy, x, means, scales } = figuresOf(node, ins)
  const gain = ins[ins.length - 1] as number
  const [dx] = outs as [number]
  const [rows, columns] = matrixOf(node.inputs, 0)
  return [
    {
      units: rows,
      grain: rowGrain,
      reads: [...splitByUnits(reads.slice(0, -1)), ...reads.slice(-1)],
      writes: splitByUnits(writes),
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        kernels.normalizeGradient(
          dy + shift * columns,
          x + shift * columns,
          gain,
          means && means + shift,
          scales + shift,
          to - from,
          columns,
          dx + shift * columns,
        )
        return true
      },
    },
  ]
}
export const layerNormalizationGradient = normalizeGradient
export const rmsNormalizationGradient = normalizeGradient

/** Units are columns. */
const normalizeScaleGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const { dy, x, means, scales } = figuresOf(node, ins)
  const [gain, bias = 0] = outs as [number, number | undefined]
  const [rows, columns] = matrixOf(node.inputs, 0)
  return [
    {
      units: columns,
      grain: columnGrain,
      reads,
      writes,
      scratchBytes: 0,
      run(kernels, { from, to }) {
        kernels.normalizeScaleGradient(
          ...([dy, x, means, scales] as const),
          ...([rows, columns, gain, bias] as const),
          from,
          to,
        )
        return true
      },
    },
  ]
}
export const layerNormalizationScaleGradient = normalizeScaleGradient
export const rmsNormalizationScaleGradient = normalizeScaleGradient
