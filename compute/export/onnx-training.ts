import { assert } from '#base/assert.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { noiseLayersOf } from '../exact/noise.ts'
import type { Parameter } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { type ModelGraph, buildForwardOnly, buildTraining } from '../graph/training.ts'
import { type Scope, createScope, reshaped } from './onnx-mapping.ts'
import { mappings } from './onnx-mappings.ts'
import { noiseInput } from './onnx-mappings/dropout.ts'
import { addOptimizer, scalarsOf, vectorsOf } from './onnx-optimizer.ts'
import { type GraphWriter, type Signature, createGraphWriter, encodeModel } from './onnx-writer.ts'
import type { Bytes } from './protobuf.ts'

const opset = 20
const irVersion = 9

/** A graph as an ONNX file, with what goes in and comes out. */
export interface OnnxGraph {
  readonly bytes: Bytes
  readonly inputs: readonly Signature[]
  readonly outputs: readonly Signature[]
}

/**
 * One whole training step as an ONNX file of standard operators (opset 20): forward, backward and optimizer.
 *
 * Inputs: the flat vectors `p` (and `m`, `v` where the optimizer has moments), `x`, `y` as the exact engine
 * takes them, the optimizer's scalars of this step by the names of `rateSlots`, and for models with dropout `noise`
 * [layers, 4], the words of the keys of this step's streams (SPEC.md; `createNoise` writes them). Outputs: `loss` [] and the
 * next vectors `nextP` (`nextM`, `nextV`). The values agree with the exact engine's, the bits do not.
 */
export function encodeTraining(spec: TrainSpec): OnnxGraph {
  const model = buildTraining(spec)
  const { parameterCount, loss } = model
  const { writer, scope } = writeGraph(model)
  const vectors = vectorsOf(spec)
  const flat = (name: string): Signature => ({ name, type: 'f32', shape: [parameterCount] })
  addOptimizer(spec, model, { writer, scope })
  writer.node('Identity', [scope.nameOf(loss)], { output: 'loss' })
  const layers = noiseLayersOf(model.graph)
  const noise: Signature = { name: noiseInput, type: 'i32', shape: [layers, 4] }
  const scalars = scalarsOf(spec).map((name): Signature => ({ name, type: 'f32', shape: [] }))
  return encode(writer, {
    inputs: [...vectors.map(flat), ...batchOf(model), ...(layers > 0 ? [noise] : []), ...scalars],
    outputs: [
      { name: 'loss', type: 'f32', shape: [] },
      ...vectors.map((name) => flat(nextOf(name))),
    ],
  })
}

/** The forward graph as an ONNX file: inputs `p`, `x`, `y`; outputs `logits` and `losses` of each row. */
export function encodeForward(spec: TrainSpec): OnnxGraph {
  const model = buildForwardOnly(spec)
  const { writer, scope } = writeGraph(model)
  const outputs = (['logits', 'losses'] as const).map((name): Signature => {
    writer.node('Identity', [scope.nameOf(model[name])], { output: name })
    return { name, type: 'f32', shape: model[name].shape }
  })
  const p: Signature = { name: 'p', type: 'f32', shape: [model.parameterCount] }
  return encode(writer, { inputs: [p, ...batchOf(model)], outputs })
}

/** The output that holds the next value of a vector. */
export function nextOf(vector: 'p' | 'm' | 'v'): string {
  return `next${vector.toUpperCase()}`
}

function encode(writer: GraphWriter, outside: Omit<OnnxGraph, 'bytes'>): OnnxGraph {
  return { ...outside, bytes: encodeModel(writer, { ...outside, opset, irVersion }) }
}

function batchOf({ x, y }: ModelGraph): readonly Signature[] {
  return [
    { name: 'x', type: x.type, shape: x.shape },
    { name: 'y', type: y.type, shape: y.shape },
  ]
}

function writeGraph({ graph, x, y, parameters }: ModelGraph) {
  const writer = createGraphWriter()
  const known = new Map<Value, string>([
    [x, 'x'],
    [y, 'y'],
  ])
  const scope = createScope(writer, known)
  nameParameters(graph, { parameters, known, scope })
  for (const node of graph.nodes) {
    const names = mappings[node.operator](node, scope)
    for (const [i, value] of node.outputs.entries()) {
      const name = names[i]
      assert(name !== undefined, `the mapping of ${node.operator} names its outputs`)
      known.set(value, name)
    }
  }
  return { writer, scope }
}

/** Cuts p into parameters. */
function nameParameters(
  { values }: Graph,
  options: { parameters: readonly Parameter[]; known: Map<Value, string>; scope: Scope },
): void {
  const { parameters, known, scope } = options
  const sizes = scope.integers(...parameters.map(({ size }) => size))
  scope.parts = scope.applyMany('Split', ['p', sizes], {
    count: parameters.length,
    attributes: { axis: 0 },
  })
  const shaped = new Map(
    parameters.map(({ offset, shape }, i) => {
      const part = scope.parts[i] as string
      return [offset, shape.length === 1 ? part : reshaped(scope, part, shape)]
    }),
  )
  for (const value of values) {
    if (value.home?.vector === 'p') known.set(value, shaped.get(value.home.offset) ?? '')
  }
}
