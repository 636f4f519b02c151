import { assert } from '#base/assert.ts'
import type { FittedColumn, RowPreprocessing } from '#wire/preprocessing.ts'
import type { ModelShape } from '#wire/spec.ts'
import { tokenTexts } from '#wire/vocabulary.ts'
import { type NamedParameter, addForward } from './onnx-forward.ts'
import { type GraphWriter, createGraphWriter, elementTypes, encodeModel } from './onnx-writer.ts'
import type { Bytes } from './protobuf.ts'

/** The first with Gelu, and the file format of its time. */
const opset = 20
const irVersion = 9

/**
 * The prediction graph as an ONNX file; equal input gives equal bytes.
 *
 * Input `x` holds raw values: [rows, columns] with the columns of the manifest in their order, categories as indices
 * into their list, NaN where a value is missing; or [rows, channels, height, width] raw pixels; or, of texts, i32
 * [rows, tokensMax] places in the property `words`, -1 for none. Output `probabilities`
 * [rows, classes], or `value` [rows, 1] in the user's units. Filling, scaling and one-hot are in the graph.
 */
export function encodeOnnx(
  spec: ModelShape,
  preprocessing: RowPreprocessing,
  parameters: readonly NamedParameter[],
): Bytes {
  const graph = createGraphWriter()
  const features = addInput(graph, preprocessing, spec)
  const outputs = addForward(graph, spec, { input: features, parameters })
  const { target } = preprocessing
  if (target.kind === 'class') {
    graph.node('Softmax', [outputs], { output: 'probabilities', attributes: { axis: 1 } })
  } else {
    const scaled = graph.node('Mul', [outputs, graph.floats('target.std', [], [target.std])])
    graph.node('Add', [scaled, graph.floats('target.mean', [], [target.mean])], { output: 'value' })
  }
  const output = target.kind === 'class' ? 'probabilities' : 'value'
  return encodeModel(graph, {
    inputs: [
      {
        name: 'x',
        type: preprocessing.kind === 'words' ? 'i32' : 'f32',
        shape: ['rows', ...rawShapeOf(preprocessing)],
      },
    ],
    outputs: [{ name: output, type: 'f32', shape: ['rows', spec.outputs] }],
    properties: propertiesOf(preprocessing),
    opset,
    irVersion,
  })
}

/**
 * The same for a model of texts: `tokens` [rows, context], numbered as wire/vocabulary.ts does, to the `logits` of the
 * token after each [rows, context, vocabulary].
 */
export function encodeTextOnnx(spec: ModelShape, parameters: readonly NamedParameter[]): Bytes {
  const graph = createGraphWriter()
  const [context = 0] = spec.inputShape
  const flat = addForward(graph, spec, { input: 'tokens', parameters })
  const shape = graph.integers('logits.shape', [-1, context, spec.outputs])
  graph.node('Reshape', [flat, shape], { output: 'logits' })
  return encodeModel(graph, {
    inputs: [{ name: 'tokens', type: 'i32', shape: ['rows', context] }],
    outputs: [{ name: 'logits', type: 'f32', shape: ['rows', context, spec.outputs] }],
    properties: { tokens: tokenTexts },
    opset,
    irVersion,
  })
}

/** Shape of a raw row. */
function rawShapeOf(preprocessing: RowPreprocessing): readonly number[] {
  if (preprocessing.kind === 'words') return [preprocessing.tokensMax]
  return preprocessing.kind === 'table' ? [preprocessing.columns.length] : preprocessing.shape
}

function addInput(graph: GraphWriter, preprocessing: RowPreprocessing, spec: ModelShape): string {
  if (preprocessing.kind === 'words') return 'x'
  if (preprocessing.kind === 'table') return addTable(graph, preprocessing.columns)
  return addImage(graph, preprocessing, spec)
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

function addImage(graph: GraphWriter, preprocessing: RowPreprocessing, spec: ModelShape): string {
  assert(preprocessing.kind === 'image', 'the input is images')
  const scaled = graph.node('Div', ['x', graph.floats('divisor', [], [preprocessing.divisor])])
  const isFlat = spec.inputShape.length === 1
  return isFlat ? graph.node('Flatten', [scaled], { attributes: { axis: 1 } }) : scaled
}

/** Names, categories and labels, as properties of the file: the graph knows only places. */
function propertiesOf({ target, ...input }: RowPreprocessing): Record<string, unknown> {
  const labels = target.kind === 'class' ? { labels: target.labels } : {}
  if (input.kind === 'image') return { ...labels, target: target.name }
  if (input.kind === 'words') {
    return { column: input.column, words: input.words, ...labels, target: target.name }
  }
  const columns = input.columns.map((column) =>
    column.kind === 'category'
      ? { name: column.name, categories: column.categories }
      : { name: column.name },
  )
  return { columns, ...labels, target: target.name }
}
