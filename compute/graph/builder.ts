import { assert } from '#base/assert.ts'
import type { Graph, Home, Node, Shape, Tensor, Value } from './graph.ts'
import { sizeOf } from './graph.ts'
import type { Apply } from './operator.ts'
import { operators } from './operators.ts'

/** How a parameter starts: zeros, ones, or normals of deviation sqrt(gain / fanIn). */
export type Initial =
  | { readonly kind: 'zeros' | 'ones' }
  | { readonly kind: 'normal'; readonly gain: number; readonly fanIn: number }

export interface Parameter {
  readonly name: string
  readonly shape: Shape
  /** Place in the flat vectors, in elements. */
  readonly offset: number
  readonly size: number
  readonly initial: Initial
  /** Whether weight decay applies. */
  readonly isDecayed: boolean
  /** Whether it is a figure that training keeps, such as a running mean, and no gradient moves. */
  readonly isBuffer?: boolean
}

export interface Builder {
  /** Whether the graph trains: what only training does, such as dropout, is left out otherwise. */
  readonly isTraining: boolean
  input(tensor: Tensor): Value
  parameter(name: string, shape: Shape, initial: Initial): Value
  /** A parameter without gradient, moments or optimizer; operators change it in place. */
  buffer(name: string, shape: Shape, initial: Initial): Value
  readonly apply: Apply
  /** A part of the state as a value, such as the moments of a parameter. */
  resident(tensor: Tensor, home: Home): Value
  readonly nodes: readonly Node[]
  readonly parameters: readonly { readonly layout: Parameter; readonly value: Value }[]
  graph(outputs: readonly Value[]): Graph
}

/** Builds a graph node by node; shapes are inferred and checked at once. */
export function createBuilder({ isTraining = false } = {}): Builder {
  const values: Value[] = []
  const nodes: Node[] = []
  const inputs: Value[] = []
  const parameters: { layout: Parameter; value: Value }[] = []
  let offset = 0

  function create(tensor: Tensor, home?: Home): Value {
    const value: Value = { ...tensor, id: values.length, ...(home && { home }) }
    values.push(value)
    return value
  }

  function place(given: Omit<Parameter, 'offset' | 'size' | 'isDecayed'>): Value {
    const { shape, initial } = given
    const size = sizeOf(shape)
    const isDecayed = initial.kind === 'normal'
    const value = create({ shape, type: 'f32' }, { vector: 'p', offset })
    parameters.push({ layout: { ...given, offset, size, isDecayed }, value })
    offset += size
    return value
  }

  return {
    isTraining,
    nodes,
    parameters,
    input(tensor) {
      const value = create(tensor)
      inputs.push(value)
      return value
    },
    parameter: (name, shape, initial) => place({ name, shape, initial }),
    buffer: (name, shape, initial) => place({ name, shape, initial, isBuffer: true }),
    apply(operator, used, attributes = {}) {
      const tensors = operators[operator].infer(used, attributes)
      const outputs = tensors.map((tensor) => create(tensor))
      nodes.push({ operator, inputs: used, outputs, attributes })
      return outputs
    },
    resident: create,
    graph(outputs) {
      assert(
        outputs.every((value) => values[value.id] === value),
        'outputs are of this graph',
      )
      return { nodes, values, inputs, outputs }
    },
  }
}
