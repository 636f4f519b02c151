import { assert } from '#base/assert.ts'
import type { Node, Value } from '../graph/graph.ts'
import {
  type ConstantTensor,
  type GraphWriter,
  type OnnxAttributes,
  elementTypes,
} from './onnx-writer.ts'

/** Writes one node of our graph as standard ONNX nodes and names its outputs, in their order. */
export type Mapping = (node: Node, scope: Scope) => readonly string[]

/** A parameter and the name of its gradient. */
export interface Update {
  readonly parameter: Value
  readonly gradient: string
  readonly isDecayed: boolean
}

/** What mappings write into. */
export interface Scope {
  /** The name of a value that was written before. */
  readonly nameOf: (value: Value | undefined) => string
  /** Adds a node with one output and gives the output's name. */
  readonly apply: (
    operator: string,
    inputs: readonly string[],
    attributes?: OnnxAttributes,
  ) => string
  /** Adds a node with several outputs and gives their names. */
  readonly applyMany: (
    operator: string,
    inputs: readonly string[],
    options: { readonly count: number; readonly attributes?: OnnxAttributes },
  ) => readonly string[]
  /** A constant, once for each key; without a key its values tell. */
  readonly constant: (tensor: ConstantTensor, key?: string) => string
  /** A binary32 scalar. */
  readonly scalar: (value: number) => string
  /** A list of 64-bit integers, as axes, shapes and indices want. */
  readonly integers: (...values: number[]) => string
  /** What `make` gave when this key was first asked for. */
  readonly once: (key: string, make: () => string) => string
  /** The flat values of each parameter, cut from p. */
  parts: readonly string[]
  /** Parameters that the optimizer changes, in the order of their nodes. */
  readonly updates: Update[]
  /** New values of parts of p that no optimizer changes. */
  readonly replacements: Map<Value, string>
}

/** A scope over an empty graph; `known` names the values that are there already. */
export function createScope(writer: GraphWriter, known: Map<Value, string>): Scope {
  const made = new Map<string, string>()
  let count = 0
  const newName = () => `t${count++}`

  const scope: Scope = {
    parts: [],
    updates: [],
    replacements: new Map(),
    nameOf(value) {
      const name = value && known.get(value)
      assert(name !== undefined, 'a node stands behind what it reads')
      return name
    },
    apply: (operator, inputs, attributes) =>
      writer.node(operator, inputs, { output: newName(), ...(attributes && { attributes }) }),
    applyMany(operator, inputs, { count: outputCount, attributes }) {
      const outputs = Array.from({ length: outputCount }, newName)
      writer.nodeOf(operator, { inputs, outputs }, attributes)
      return outputs
    },
    constant(tensor, key = keyOf(tensor)) {
      return scope.once(key, () => writer.constant(`c${made.size}`, tensor))
    },
    scalar: (value) => scope.constant({ type: 'f32', shape: [], values: [value] }),
    integers: (...values) => scope.constant({ type: 'i64', shape: [values.length], values }),
    once(key, make) {
      const found = made.get(key) ?? make()
      made.set(key, found)
      return found
    },
  }
  return scope
}

function keyOf({ type, shape, values }: ConstantTensor): string {
  return `${type}[${shape.join(',')}]${Array.from(values).join(',')}`
}

/** Sides of a value's shape. */
export function sidesOf(value: Value | undefined): readonly number[] {
  assert(value, 'the operand is there')
  return value.shape
}

/** The value in another shape. */
export function reshaped(scope: Scope, name: string, shape: readonly number[]): string {
  return scope.apply('Reshape', [name, scope.integers(...shape)])
}

/** The value with its sides in another order. */
export function transposed(scope: Scope, name: string, perm: readonly number[]): string {
  return scope.apply('Transpose', [name], { perm })
}

/** The first `sides` places of some axes. */
export function sliced(
  scope: Scope,
  name: string,
  { axes, sides }: { axes: readonly number[]; sides: readonly number[] },
): string {
  const starts = scope.integers(...axes.map(() => 0))
  return scope.apply('Slice', [name, starts, scope.integers(...sides), scope.integers(...axes)])
}

/** Sum over some axes; they are left out of the result. */
export function summed(scope: Scope, name: string, axes: readonly number[]): string {
  return scope.apply('ReduceSum', [name, scope.integers(...axes)], { keepdims: 0 })
}

/** The mean over the last axis, which stays with one side. */
export function meanOfLast(scope: Scope, name: string): string {
  return scope.apply('ReduceMean', [name, scope.integers(-1)])
}

/** 1 where the column is the row's number, else 0: i32 [n] -> f32 [n, classes]. */
export function oneHot(scope: Scope, name: string, classes: number): string {
  return scope.once(`one-hot ${name} ${classes}`, () => {
    const column = scope.apply('Unsqueeze', [name, scope.integers(1)])
    const values = Array.from({ length: classes }, (_, i) => i)
    const numbers = scope.constant({ type: 'i32', shape: [1, classes], values })
    const isEqual = scope.apply('Equal', [column, numbers])
    return scope.apply('Cast', [isEqual], { to: elementTypes.f32 })
  })
}
