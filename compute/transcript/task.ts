import type { Node, Value } from '../graph/graph.ts'

/** One output of one operator, as contracts/OpVerifier.sol computes each of its elements. */
export interface TensorTask {
  /** Undefined where it is given: computed by no contract. */
  readonly kind: number | undefined
  readonly of: Value | undefined
  readonly sides: readonly (number | bigint)[]
  /** By operand; undefined where the kind has one that is not there. */
  readonly reads: readonly (Value | undefined)[]
}

export type Tasks = (node: Node) => readonly TensorTask[]

/** One output of which each element depends on the operands' elements at its place alone. */
export function elementwise(kind: number): Tasks {
  return ({ inputs, outputs }) => [{ kind, of: outputs[0], sides: [], reads: inputs }]
}

/** A value that no operator puts out, but that lies between two of them. */
export function betweenValue(shape: readonly number[]): Value {
  return { id: -1, shape, type: 'f32' }
}

const view = new DataView(new ArrayBuffer(4))

/** The bits of a number rounded to binary32. */
export function bitsOf(value: number): number {
  view.setFloat32(0, value)
  return view.getUint32(0)
}
