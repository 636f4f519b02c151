import { AppError } from '#base/error.ts'
import { assert } from '#base/assert.ts'
import {
  type Attributes,
  type ElementType,
  type OperatorName,
  type Shape,
  type Tensor,
  type Value,
  isSameShape,
} from './graph.ts'

/** Puts a node behind the others and returns its outputs. */
export type Apply = (
  operator: OperatorName,
  inputs: readonly Value[],
  attributes?: Attributes,
) => readonly Value[]

export interface GradientContext {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly attributes: Attributes
  /** Gradient of the loss by each output; undefined where nothing depends on it, and for the loss itself. */
  readonly gradients: readonly (Value | undefined)[]
  /** Which inputs lead back to a parameter. */
  readonly isNeeded: readonly boolean[]
  readonly apply: Apply
}

/** One row of the operator table: shapes, price and gradient. Its arithmetic stands in compute/exact. */
export interface Operator {
  /** Outputs from inputs; throws SHAPE_MISMATCH. */
  infer(inputs: readonly Tensor[], attributes: Attributes): readonly Tensor[]
  /** Price in FLOPs as SPEC.md lists it. */
  flops(inputs: readonly Tensor[], outputs: readonly Tensor[], attributes: Attributes): number
  /** Gradients by the inputs; absent where nothing is differentiated through the operator. */
  readonly gradient?: (context: GradientContext) => readonly (Value | undefined)[]
}

/** An integer attribute. */
export function integer(attributes: Attributes, name: string): number {
  const value = attributes[name]
  assert(typeof value === 'number' && Number.isSafeInteger(value), `${name} is an integer`)
  return value
}

/** A numeric attribute. */
export function real(attributes: Attributes, name: string): number {
  const value = attributes[name]
  assert(typeof value === 'number' && Number.isFinite(value), `${name} is a number`)
  return value
}

/** A tensor of binary32 values. */
export function floats(...shape: number[]): Tensor {
  return { shape, type: 'f32' }
}

export function mismatch(operator: OperatorName, inputs: readonly Tensor[]): AppError {
  const shapes = inputs.map(({ shape, type }) => `${type}[${shape.join(',')}]`)
  return new AppError({ code: 'SHAPE_MISMATCH', operator, shapes })
}

/** Throws SHAPE_MISMATCH unless the inputs have these ranks and types. */
export function expectRanks(
  operator: OperatorName,
  inputs: readonly Tensor[],
  expected: readonly (readonly [rank: number, type: ElementType])[],
): void {
  const isFit =
    inputs.length === expected.length &&
    inputs.every(
      ({ shape, type }, i) => shape.length === expected[i]?.[0] && type === expected[i][1],
    )
  if (!isFit) throw mismatch(operator, inputs)
}

/** Throws SHAPE_MISMATCH unless all inputs are binary32 of one shape, which it returns. */
export function expectEqual(operator: OperatorName, inputs: readonly Tensor[]): Shape {
  const [first] = inputs
  const isFit = inputs.every(
    ({ shape, type }) => type === 'f32' && first !== undefined && isSameShape(shape, first.shape),
  )
  if (!first || !isFit) throw mismatch(operator, inputs)
  return first.shape
}
