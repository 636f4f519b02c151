import { AppError } from '#base/error.ts'
import {
  type GraphModel,
  type GraphNode,
  type GraphParameter,
  graphInput,
} from '#wire/graph-model.ts'
import { type Shape, isSameShape } from '../graph/graph.ts'
import { createBuilder } from '../graph/builder.ts'
import { applyNode } from '../graph/models/imported.ts'
import { floats } from '../graph/operator.ts'
import { foldBiases } from './fold-biases.ts'

/** A value of the graph that is put together: its name and the shape of one row. */
export interface RowValue {
  readonly kind: 'value'
  readonly name: string
  readonly shape: Shape
}

/** Weights of the file, as the engine wants them. */
export interface Weights {
  readonly name: string
  readonly shape: Shape
  readonly values: Float32Array
  readonly initial: GraphParameter['initial']
}

/** A node without its output, which the assembly names. */
export type NodeDraft = {
  [K in GraphNode['operator']]: Draft<Extract<GraphNode, { operator: K }>>
}[GraphNode['operator']]
type Draft<N extends GraphNode> = Pick<N, 'operator' | 'attributes'>

/** Puts a graph model together, node by node; shapes are inferred at once. */
export interface Assembly {
  readonly input: RowValue
  /** Adds a node; `name` is what its output is called where that is possible. Throws SHAPE_MISMATCH. */
  readonly add: (draft: NodeDraft, operands: Operands) => RowValue
  /** Gives a node that has no bias yet these weights as its bias; false where there is no such node. */
  readonly addBias: (value: RowValue, bias: Weights) => boolean
  /** How many parameters there are so far. */
  readonly parameterCount: () => number
  readonly finish: () => {
    readonly model: GraphModel
    readonly parameters: Float32Array<ArrayBuffer>
  }
}

export interface Operands {
  readonly name: string
  readonly values: readonly RowValue[]
  readonly weights?: readonly Weights[]
  /** A bias may still come. */
  readonly isBiasMissing?: boolean
}

export type OpenNode = {
  operator: GraphNode['operator']
  values: string[]
  parameters: string[]
  output: string
  attributes: object
}

/** Parameters by their names, which are unlike those of values. */
function createStock() {
  const weightsOf = new Map<string, Weights>()
  const names = new Set([graphInput])

  function nameFor(wanted: string): string {
    const plain = wanted.replaceAll(/[^\w./:\-[\]]/g, '_').slice(0, 180) || 'v'
    let name = plain
    for (let n = 1; names.has(name); n += 1) name = `${plain}.${n}`
    names.add(name)
    return name
  }

  return {
    weightsOf,
    nameFor,
    /** The parameter's name; the same weights used twice are one parameter. */
    parameterOf(weights: Weights): string {
      for (const [name, known] of weightsOf) {
        const isSame = known.values === weights.values && isSameShape(known.shape, weights.shape)
        if (isSame) return name
      }
      const name = nameFor(weights.name)
      weightsOf.set(name, weights)
      return name
    },
    /** Weights before a ReLU begin wider (He et al. 2015). */
    raiseGain(name: string) {
      const weights = weightsOf.get(name)
      if (weights?.initial.kind !== 'normal') return
      weightsOf.set(name, { ...weights, initial: { ...weights.initial, gain: 2 } })
    },
  }
}

/** An empty graph over rows of a shape, or over rows of tokens [context]. */
export function createAssembly(inputShape: Shape, { ofTokens = false } = {}): Assembly {
  const context = ofTokens ? inputShape[0] : undefined
  const nodes: OpenNode[] = []
  const unbiased = new Map<string, OpenNode>()
  const stock = createStock()

  return {
    input: { kind: 'value', name: graphInput, shape: inputShape },
    add(draft, { name, values, weights = [], isBiasMissing = false }) {
      const node: OpenNode = {
        ...draft,
        values: values.map((value) => value.name),
        parameters: weights.map(stock.parameterOf),
        output: stock.nameFor(name),
      }
      nodes.push(node)
      if (isBiasMissing) unbiased.set(node.output, node)
      if (draft.operator === 'Relu') {
        const before = nodes.find(({ output }) => output === values[0]?.name)
        stock.raiseGain(before?.parameters[0] ?? '')
      }
      const shape = inferShape(node as GraphNode, { values, weights, context })
      return { kind: 'value', name: node.output, shape }
    },
    addBias({ name, shape }, bias) {
      const node = unbiased.get(name)
      if (node === undefined || bias.values.length !== shape[0]) return false
      unbiased.delete(name)
      node.parameters.push(stock.parameterOf(bias))
      return true
    },
    parameterCount: () => countOf(stock.weightsOf),
    finish() {
      foldBiases(nodes, stock.weightsOf)
      return finish(nodes as GraphNode[], stock.weightsOf)
    },
  }
}

function finish(nodes: GraphNode[], weightsOf: ReadonlyMap<string, Weights>) {
  const parameters = new Float32Array(countOf(weightsOf))
  let at = 0
  for (const { values } of weightsOf.values()) {
    parameters.set(values, at)
    at += values.length
  }
  const listed = [...weightsOf].map(([name, { shape, initial }]): GraphParameter => {
    return { name, shape: [...shape], initial }
  })
  return { model: { kind: 'graph' as const, nodes, parameters: listed }, parameters }
}

function countOf(weightsOf: ReadonlyMap<string, Weights>): number {
  return [...weightsOf.values()].reduce((sum, { values }) => sum + values.length, 0)
}

interface Known {
  readonly values: readonly RowValue[]
  readonly weights: readonly Weights[]
  /** Tokens of a row; undefined where rows are no tokens. */
  readonly context: number | undefined
}

/** The shape of a row of what a node gives: rows of tokens are one matrix of all their places. */
function inferShape(node: GraphNode, { values, weights, context }: Known): Shape {
  const builder = createBuilder()
  const ofTokens = context !== undefined
  const inputs = [
    ...values.map(({ name, shape }) =>
      ofTokens && name === graphInput
        ? { shape: [1, ...shape], type: 'i32' as const }
        : floats(...(ofTokens ? [] : [1]), ...shape),
    ),
    ...weights.map(({ shape }) => floats(...shape)),
  ].map(builder.input)
  const output = applyNode(builder, node, { inputs, batch: 1, context: context ?? 1 })
  const shape = ofTokens ? output.shape : output.shape.slice(1)
  if (shape.every((side) => Number.isSafeInteger(side) && side > 0)) return shape
  throw new AppError({ code: 'SHAPE_MISMATCH', operator: node.operator, shapes: [String(shape)] })
}
