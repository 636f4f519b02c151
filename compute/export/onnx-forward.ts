import { assert } from '#base/assert.ts'
import { type ModelShape, takesTokens } from '#wire/spec.ts'
import { ternaryOf, ternaryValues } from '../exact/ternary.ts'
import { createBuilder } from '../graph/builder.ts'
import type { Node, Value } from '../graph/graph.ts'
import { buildModel } from '../graph/models.ts'
import { type Scope, createScope } from './onnx-mapping.ts'
import { mappings } from './onnx-mappings.ts'
import type { GraphWriter } from './onnx-writer.ts'

/** A trained parameter by the name and shape that the engine's graph gives it. */
export type NamedParameter = {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/**
 * Stands for the number of rows while shapes are worked out: a prime beyond every side that a model may have, so that
 * a side is a multiple of it exactly when it counts rows. In the file such a side is left open.
 */
const rows = 2_097_143

/** Keeps names of imported graphs apart from those of ours (x, t1, c2, …). */
const foreignPrefix = 'model.'

/**
 * Writes the forward graph of a model behind the value `input`, with the parameters as constants, for any number of
 * rows; gives the name of the logits.
 */
export function addForward(
  writer: GraphWriter,
  spec: ModelShape,
  { input, parameters }: { input: string; parameters: readonly NamedParameter[] },
): string {
  const builder = createBuilder()
  const x = builder.input({
    shape: [rows, ...spec.inputShape],
    type: takesTokens(spec) ? 'i32' : 'f32',
  })
  const logits = buildModel(builder, spec, x)
  const known = new Map([[x, input]])
  const scope = openScope(createScope(writer, known))
  const trained = new Map<Value, NamedParameter>()
  for (const [i, { layout, value }] of builder.parameters.entries()) {
    const parameter = parameters[i]
    assert(parameter?.name === layout.name, 'the parameters are those of the model, in order')
    trained.set(value, parameter)
  }
  const nameOf = (name: string) => (spec.model.kind === 'graph' ? `${foreignPrefix}${name}` : name)
  const folded = foldedBy(builder.nodes, trained)
  for (const [value, { name, shape, values }] of trained) {
    const isFolded = folded.has(value)
    const written = isFolded ? ternaryValues(ternaryOf(values, shape)) : values
    known.set(value, writer.floats(nameOf(name), shape, written))
  }
  for (const node of builder.nodes) {
    const [first] = node.inputs
    const isFolded = first !== undefined && folded.has(first)
    const names = isFolded ? [known.get(first)] : mappings[node.operator](node, scope)
    for (const [i, value] of node.outputs.entries()) known.set(value, names[i] ?? '')
  }
  return known.get(logits) as string
}

/** Parameters of ternary layers, which are written as the numbers that the model computes with. */
function foldedBy(
  nodes: readonly Node[],
  trained: ReadonlyMap<Value, NamedParameter>,
): ReadonlySet<Value> {
  const ternary = nodes.filter(({ operator }) => operator === 'Ternary')
  return new Set(ternary.flatMap(({ inputs }) => inputs.filter((value) => trained.has(value))))
}

/** The scope with sides that count rows left open. */
function openScope(scope: Scope): Scope {
  return {
    ...scope,
    integers: (...values) =>
      scope.integers(...values.map((value) => (value % rows === 0 && value > 0 ? -1 : value))),
  }
}
