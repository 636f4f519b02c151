import { assert } from '#base/assert.ts'
import type { FittedColumn, Preprocessing } from '#wire/preprocessing.ts'
import type { ModelSpec, TrainSpec } from '#wire/spec.ts'
import { ternaryOf, ternaryValues } from '../exact/ternary.ts'
import { type GraphWriter, createGraphWriter, elementTypes, encodeModel } from './onnx-writer.ts'
import type { Bytes } from './protobuf.ts'

/** A trained parameter by the name and shape that the engine's graph gives it. */
export type NamedParameter = {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/**
 * The prediction graph as an ONNX file; equal input gives equal bytes.
 *
 * Input `x` holds raw values: [rows, columns] with the columns of the manifest in their order, categories as indices
 * into their list, NaN where a value is missing; or [rows, channels, height, width] raw pixels. Output `probabilities`
 * [rows, classes], or `value` [rows, 1] in the user's units. Filling, scaling and one-hot are in the graph.
 */
export function encodeOnnx(
  spec: Pick<TrainSpec, 'model' | 'inputShape' | 'outputs'>,
  preprocessing: Preprocessing,
  parameters: readonly NamedParameter[],
): Bytes {
  const graph = createGraphWriter()
  for (const { name, shape, values } of parameters) {
    const isTernary = isTernaryWeight(spec.model, name)
    graph.floats(name, shape, isTernary ? ternaryValues(ternaryOf(values, shape)) : values)
  }
  const input = preprocessing.kind === 'table' ? addTable(graph, preprocessing.columns) : undefined
  const features = input ?? addImage(graph, preprocessing)
  const outputs = addLayers(graph, spec, features)
  const { target } = preprocessing
  if (target.kind === 'class') {
    graph.node('Softmax', [outputs], { output: 'probabilities', attributes: { axis: 1 } })
  } else {
    const scaled = graph.node('Mul', [outputs, graph.floats('target.std', [], [target.std])])
    graph.node('Add', [scaled, graph.floats('target.mean', [], [target.mean])], { output: 'value' })
  }
  const shape =
    preprocessing.kind === 'table' ? [preprocessing.columns.length] : preprocessing.shape
  const output = target.kind === 'class' ? 'probabilities' : 'value'
  return encodeModel(graph, {
    inputs: [{ name: 'x', type: 'f32', shape: ['rows', ...shape] }],
    outputs: [{ name: output, type: 'f32', shape: ['rows', spec.outputs] }],
    properties: propertiesOf(preprocessing),
  })
}

/** Features in the order of the columns: runs of numbers scaled together, each category one-hot. */
function addTable(graph: GraphWriter, columns: readonly FittedColumn[]): string {
  const parts: string[] = []
  for (let at = 0; at < columns.length;) {
    const column = columns[at] as FittedColumn
    if (column.kind === 'category') {
      parts.push(addCategory(graph, at, column.categories.length))
      at += 1
      continue
    }
    const found = columns.findIndex(({ kind }, i) => i > at && kind === 'category')
    const end = found < 0 ? columns.length : found
    parts.push(addNumbers(graph, at, columns.slice(at, end)))
    at = end
  }
  const [first = ''] = parts
  return parts.length === 1 ? first : graph.node('Concat', parts, { attributes: { axis: 1 } })
}

function addNumbers(graph: GraphWriter, at: number, columns: readonly FittedColumn[]): string {
  const figures = (key: 'fill' | 'mean' | 'std') => {
    const values = columns.map((column) => (column.kind === 'number' ? column[key] : 0))
    return graph.floats(`columns${at}.${key}`, [1, columns.length], values)
  }
  const indices = graph.integers(
    `columns${at}.index`,
    [...columns.keys()].map((i) => at + i),
  )
  const raw = graph.node('Gather', ['x', indices], { attributes: { axis: 1 } })
  const isMissing = graph.node('IsNaN', [raw])
  const known = graph.node('Where', [isMissing, figures('fill'), raw])
  const centred = graph.node('Sub', [known, figures('mean')])
  return graph.node('Div', [centred, figures('std')])
}

function addCategory(graph: GraphWriter, at: number, count: number): string {
  const index = graph.integers(`columns${at}.index`, [at])
  const raw = graph.node('Gather', ['x', index], { attributes: { axis: 1 } })
  const values = Array.from({ length: count }, (_, i) => i)
  const list = graph.floats(`columns${at}.categories`, [1, count], values)
  const isEqual = graph.node('Equal', [raw, list])
  return graph.node('Cast', [isEqual], { attributes: { to: elementTypes.f32 } })
}

function addImage(graph: GraphWriter, preprocessing: Preprocessing): string {
  assert(preprocessing.kind === 'image', 'the input is images')
  return graph.node('Div', ['x', graph.floats('divisor', [], [preprocessing.divisor])])
}

function addLayers(
  graph: GraphWriter,
  { model }: { readonly model: ModelSpec },
  features: string,
): string {
  let value = features
  if (model.kind === 'cnn') {
    for (const i of model.channels.keys()) {
      const parameters = [`conv${i + 1}.weight`, `conv${i + 1}.bias`]
      const convolved = graph.node('Conv', [value, ...parameters], {
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      })
      const active = graph.node('Relu', [convolved])
      value = graph.node('MaxPool', [active], {
        attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      })
    }
  }
  value = graph.node('Flatten', [value], { attributes: { axis: 1 } })
  const widths = denseCount(model)
  for (let i = 1; i <= widths; i++) {
    value = graph.node('Gemm', [value, `dense${i}.weight`, `dense${i}.bias`])
    if (i < widths) value = graph.node('Relu', [value])
  }
  return value
}

/** Ternary weights are written as the numbers that the model computes with. */
function isTernaryWeight(model: ModelSpec, name: string): boolean {
  if (model.kind !== 'mlp' || model.ternary !== true) return false
  return name.endsWith('.weight') && name !== `dense${denseCount(model)}.weight`
}

function denseCount(model: ModelSpec): number {
  if (model.kind === 'mlp') return model.hidden.length + 1
  return model.kind === 'cnn' ? model.dense.length + 1 : 1
}

/** Names, categories and labels, as properties of the file: the graph knows only places. */
function propertiesOf({ target, ...input }: Preprocessing): Record<string, unknown> {
  const labels = target.kind === 'class' ? { labels: target.labels } : {}
  if (input.kind === 'image') return { ...labels, target: target.name }
  const columns = input.columns.map((column) =>
    column.kind === 'category'
      ? { name: column.name, categories: column.categories }
      : { name: column.name },
  )
  return { columns, ...labels, target: target.name }
}
