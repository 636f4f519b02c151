import { sizeOf } from '#compute/graph/graph.ts'
import { integer } from '#compute/graph/operator.ts'
import {
  type Call,
  type Lowering,
  floatBytes,
  matrixOf,
  operandsOf,
  rateSlots,
  splitByUnits,
} from '../lowering.ts'

const rowGrain = 4
const elementGrain = 1024

/** The loss of each row, split over threads, then their mean in one thread. */
export const softmaxCrossEntropy: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [logits, labels] = ins as [number, number]
  const [loss, losses, probabilities] = outs as [number, number, number]
  const [n, classes] = matrixOf(node.inputs, 0)
  const rows: Call = {
    units: n,
    grain: rowGrain,
    reads: splitByUnits(reads),
    writes: splitByUnits(writes.slice(1)),
    scratchBytes: 0,
    run(kernels, { from, to }) {
      const shift = from * floatBytes
      kernels.softmaxCrossEntropy(
        logits + shift * classes,
        labels + shift,
        to - from,
        classes,
        losses + shift,
        probabilities + shift * classes,
      )
      return true
    },
  }
  return [rows, meanCall({ losses, loss, count: n, divisor: n })]
}

export const squaredError: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [y, t] = ins as [number, number]
  const [loss, losses] = outs as [number, number]
  const [n, columns] = matrixOf(node.inputs, 0)
  const rows: Call = {
    units: n,
    grain: rowGrain,
    reads: splitByUnits(reads),
    writes: splitByUnits(writes.slice(1)),
    scratchBytes: 0,
    run(kernels, { from, to }) {
      const shift = from * floatBytes
      const shiftRows = shift * columns
      kernels.squaredError(y + shiftRows, t + shiftRows, to - from, columns, losses + shift)
      return true
    },
  }
  return [rows, meanCall({ losses, loss, count: n, divisor: n * columns })]
}

function meanCall(options: { losses: number; loss: number; count: number; divisor: number }): Call {
  const { losses, loss, count, divisor } = options
  return {
    units: 1,
    grain: 1,
    reads: [{ start: losses, end: losses + count * floatBytes }],
    writes: [{ start: loss, end: loss + floatBytes }],
    scratchBytes: 0,
    run(kernels) {
      kernels.meanOf(losses, count, divisor, loss)
      return true
    },
  }
}

export const softmaxCrossEntropyGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [probabilities, labels] = ins as [number, number]
  const [gradient] = outs as [number]
  const [n, classes] = matrixOf(node.inputs, 0)
  return [
    {
      units: n,
      grain: rowGrain,
      reads: splitByUnits(reads),
      writes: splitByUnits(writes),
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        kernels.softmaxCrossEntropyGradient(
          probabilities + shift * classes,
          labels + shift,
          to - from,
          classes,
          n,
          gradient + shift * classes,
        )
        return true
      },
    },
  ]
}

export const squaredErrorGradient: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [y, t] = ins as [number, number]
  const [gradient] = outs as [number]
  const count = sizeOf(node.outputs[0]?.shape ?? [])
  return [
    {
      units: count,
      grain: elementGrain,
      reads: splitByUnits(reads),
      writes: splitByUnits(writes),
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        kernels.squaredErrorGradient(y + shift, t + shift, to - from, count, gradient + shift)
        return true
      },
    },
  ]
}

export const adamw: Lowering = (node, context) => {
  const { ins, reads } = operandsOf(node, context)
  const [p, g, m, v] = ins as [number, number, number, number]
  const isDecayed = integer(node.attributes, 'isDecayed') === 1
  const { rates, rateAt } = context
  return [
    {
      units: sizeOf(node.inputs[0]?.shape ?? []),
      grain: elementGrain,
      reads,
      writes: [...reads.slice(0, 1), ...reads.slice(2)],
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        const keep = isDecayed ? rateAt(rateSlots.keep) : 1
        const count = to - from
        return kernels.adamw(p + shift, g + shift, m + shift, v + shift, count, rates, keep) === 1
      },
    },
  ]
}

export const sgd: Lowering = (node, context) => {
  const { ins, reads } = operandsOf(node, context)
  const [p, g] = ins as [number, number]
  return [
    {
      units: sizeOf(node.inputs[0]?.shape ?? []),
      grain: elementGrain,
      reads,
      writes: reads.slice(0, 1),
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        return kernels.sgd(p + shift, g + shift, to - from, context.rateAt(rateSlots.rate)) === 1
      },
    },
  ]
}

export const sgdMomentum: Lowering = (node, context) => {
  const { ins, reads } = operandsOf(node, context)
  const [p, g, m] = ins as [number, number, number]
  const { rates } = context
  return [
    {
      units: sizeOf(node.inputs[0]?.shape ?? []),
      grain: elementGrain,
      reads,
      writes: [...reads.slice(0, 1), ...reads.slice(2)],
      scratchBytes: 0,
      run(kernels, { from, to }) {
        const shift = from * floatBytes
        return kernels.sgdMomentum(p + shift, g + shift, m + shift, to - from, rates) === 1
      },
    },
  ]
}
