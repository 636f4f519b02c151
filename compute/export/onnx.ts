import { assert } from '#base/assert.ts'
import { concatBytes } from '#base/bytes.ts'
import type { FittedColumn, Preprocessing } from '#wire/preprocessing.ts'
import type { ModelSpec, TrainSpec } from '#wire/spec.ts'
import { bytesField, integerField, type Bytes } from './protobuf.ts'

/** A trained parameter by the name and shape that the engine's graph gives it. */
export type NamedParameter = {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const opset = 17
const irVersion = 8
const elementTypes = { f32: 1, i64: 7 } as const
const attributeTypes = { integer: 2, integers: 7 } as const

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
  for (const { name, shape, values } of parameters) graph.floats(name, shape, values)
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
  return modelBytes(graph, {
    input: valueField(11, 'x', shape),
    output: valueField(12, output, [spec.outputs]),
    properties: propertiesOf(preprocessing),
  })
}

type Attributes = Readonly<Record<string, number | readonly number[]>>

/** Collects nodes and constants; values get names in the order in which they appear. */
interface GraphWriter {
  readonly nodes: readonly Bytes[]
  readonly constants: readonly Bytes[]
  /** Adds a node with one output and gives the output's name. */
  node(
    operator: string,
    inputs: readonly string[],
    options?: { readonly output?: string; readonly attributes?: Attributes },
  ): string
  floats(name: string, shape: readonly number[], values: ArrayLike<number>): string
  integers(name: string, values: readonly number[]): string
}

function createGraphWriter(): GraphWriter {
  const nodes: Bytes[] = []
  const constants: Bytes[] = []

  function addConstant(
    name: string,
    type: number,
    tensor: { shape: readonly number[]; raw: Uint8Array },
  ) {
    const sides = tensor.shape.map((side) => integerField(1, side))
    const fields = [...sides, integerField(2, type), bytesField(8, name), bytesField(9, tensor.raw)]
    constants.push(bytesField(5, fields))
    return name
  }

  return {
    nodes,
    constants,
    node(operator, inputs, { output = `v${nodes.length}`, attributes = {} } = {}) {
      const fields = [
        ...inputs.map((input) => bytesField(1, input)),
        bytesField(2, output),
        bytesField(3, `${operator}${nodes.length}`),
        bytesField(4, operator),
        ...Object.entries(attributes).map(([key, value]) =>
          bytesField(5, attributeFields(key, value)),
        ),
      ]
      nodes.push(bytesField(1, fields))
      return output
    },
    floats(name, shape, values) {
      const raw = new Uint8Array(Float32Array.from(values).buffer)
      return addConstant(name, elementTypes.f32, { shape, raw })
    },
    integers(name, values) {
      const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
      return addConstant(name, elementTypes.i64, { shape: [values.length], raw })
    },
  }
}

function attributeFields(name: string, value: number | readonly number[]): Bytes[] {
  if (typeof value === 'number') {
    return [bytesField(1, name), integerField(3, value), integerField(20, attributeTypes.integer)]
  }
  const items = value.map((item) => integerField(8, item))
  return [bytesField(1, name), ...items, integerField(20, attributeTypes.integers)]
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

/** A graph input or output: binary32, any number of rows. */
function valueField(field: number, name: string, shape: readonly number[]): Bytes {
  const dimensions = [
    bytesField(1, [bytesField(2, 'rows')]),
    ...shape.map((side) => bytesField(1, [integerField(1, side)])),
  ]
  const tensor = [integerField(1, elementTypes.f32), bytesField(2, dimensions)]
  return bytesField(field, [bytesField(1, name), bytesField(2, [bytesField(1, tensor)])])
}

function modelBytes(
  { nodes, constants }: GraphWriter,
  outside: { input: Bytes; output: Bytes; properties: Record<string, unknown> },
): Bytes {
  const { input, output, properties } = outside
  const graph = [...nodes, bytesField(2, 'quern'), ...constants, input, output]
  const model = [
    integerField(1, irVersion),
    bytesField(2, 'quern'),
    bytesField(7, graph),
    bytesField(8, [bytesField(1, ''), integerField(2, opset)]),
    ...Object.entries(properties).map(([key, value]) =>
      bytesField(14, [bytesField(1, key), bytesField(2, JSON.stringify(value))]),
    ),
  ]
  return concatBytes(...model)
}
