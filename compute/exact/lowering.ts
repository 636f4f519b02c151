import { assert } from '#base/assert.ts'
import { type Node, type Value, sizeOf } from '../graph/graph.ts'
import type { Kernels } from './kernels.ts'

/** Bytes of memory that a call reads or writes. */
export interface Span {
  readonly start: number
  readonly end: number
  /** Unit u of the call touches the u-th of as many equal parts alone. Without it each unit may touch all. */
  readonly isSplit?: boolean
}

export interface Part {
  readonly from: number
  readonly to: number
  /** Address of this thread's scratch space. */
  readonly scratch: number
}

/** One kernel call. Threads split its units in multiples of `grain`; every split gives the same bits. */
export interface Call {
  readonly units: number
  readonly grain: number
  readonly reads: readonly Span[]
  readonly writes: readonly Span[]
  readonly scratchBytes: number
  /** Runs units `from` to `to`; false when a value written to the state is not finite. */
  readonly run: (kernels: Kernels, part: Part) => boolean
}

export interface LowerContext {
  readonly addressOf: (value: Value) => number
  /** Address of the optimizer's scalars, written before each step: see `rateSlots`. */
  readonly rates: number
  /** Reads one of those scalars. */
  readonly rateAt: (slot: number) => number
  /** Address of the keys of random streams, written before each step: `noiseKeyBytes` for each layer. */
  readonly noise: number
  /** Answers scratch sizes. */
  readonly kernels: Kernels
}

export type Lowering = (node: Node, context: LowerContext) => readonly Call[]

export const floatBytes = 4

/**
 * Scalars of the optimizer in memory: beta1, 1 - beta1, beta2, 1 - beta2, rate, correction, epsilon (as the
 * AdamW kernel reads them), then the factor that decayed parameters are kept with.
 */
export const rateSlots = {
  beta1: 0,
  rest1: 1,
  beta2: 2,
  rest2: 3,
  rate: 4,
  correction: 5,
  epsilon: 6,
  keep: 7,
} as const
export const rateCount = 8

/** Bytes of the key of one random stream. */
export const noiseKeyBytes = 16

/** Sides of a matrix among the operands; its rank is known from inference. */
export function matrixOf(values: readonly Value[], index: number): [rows: number, columns: number] {
  const shape = values[index]?.shape
  assert(shape?.length === 2, 'the operand is a matrix')
  return [shape[0] as number, shape[1] as number]
}

/** Spans whose parts the units of a call share out among them. */
export function splitByUnits(spans: readonly Span[]): readonly Span[] {
  return spans.map((span) => ({ ...span, isSplit: true }))
}

/** Addresses and spans of a node's operands. */
export function operandsOf({ inputs, outputs }: Node, { addressOf }: LowerContext) {
  const spanOf = (value: Value): Span => {
    const start = addressOf(value)
    return { start, end: start + floatBytes * sizeOf(value.shape) }
  }
  return {
    ins: inputs.map(addressOf),
    outs: outputs.map(addressOf),
    reads: inputs.map(spanOf),
    writes: outputs.map(spanOf),
  }
}
