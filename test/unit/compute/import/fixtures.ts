import {
  createGraphWriter,
  encodeModel,
  type GraphWriter,
  type Signature,
} from '#compute/export/onnx-writer.ts'
import { createFloats } from '../fixtures.ts'

/** ONNX files as PyTorch's exporters write them. */

export interface Fixture {
  readonly title: string
  readonly bytes: Uint8Array
  readonly inputShape: readonly number[]
  readonly outputs: number
  /** The output that onnxruntime should give: `y`, or the logits before a softmax. */
  readonly logits: string
}

const next = createFloats(31)

/** Weights of a layer in PyTorch's order. */
function weights(graph: GraphWriter, name: string, shape: readonly number[]): string {
  const size = shape.reduce((product, side) => product * side, 1)
  const scale = Math.sqrt(2 / (size / (shape[0] ?? 1)))
  return graph.floats(
    name,
    shape,
    Float32Array.from({ length: size }, () => next() * scale),
  )
}

export interface FileOptions {
  readonly input: readonly (number | string)[]
  readonly output?: string
  readonly opset?: number
  readonly outputs?: number
}

export function fileOf(
  graph: GraphWriter,
  { input, output = 'y', opset = 17, outputs = 5 }: FileOptions,
) {
  const x: Signature = { name: 'input', type: 'f32', shape: input }
  const y: Signature = { name: output, type: 'f32', shape: [input[0] ?? 1, outputs] }
  return encodeModel(graph, { inputs: [x], outputs: [y], opset })
}

function linear(
  graph: GraphWriter,
  name: string,
  operands: { x: string; sides: readonly [number, number]; output?: string },
) {
  const {
    x,
    sides: [inner, outer],
    output,
  } = operands
  const [weight, bias] = [
    weights(graph, `${name}.weight`, [outer, inner]),
    weights(graph, `${name}.bias`, [outer]),
  ]
  return graph.node('Gemm', [x, weight, bias], {
    ...(output && { output }),
    attributes: { alpha: { float: 1 }, beta: { float: 1 }, transB: 1 },
  })
}

const window = { dilations: [1, 1], group: 1, kernel_shape: [3, 3], strides: [1, 1] }

function mlp(): Fixture {
  const graph = createGraphWriter()
  const h = graph.node('Relu', [linear(graph, 'fc1', { x: 'input', sides: [6, 16] })], {
    output: '/relu/Relu_output_0',
  })
  linear(graph, 'fc2', { x: h, sides: [16, 5], output: 'y' })
  return {
    title: 'an MLP of Gemm',
    bytes: fileOf(graph, { input: ['batch', 6] }),
    inputShape: [6],
    outputs: 5,
    logits: 'y',
  }
}

function withSoftmax(): Fixture {
  const graph = createGraphWriter()
  const h = graph.node('Relu', [linear(graph, 'fc1', { x: 'input', sides: [6, 8] })])
  const dropped = graph.node('Dropout', [h])
  const logits = linear(graph, 'fc2', { x: graph.node('Identity', [dropped]), sides: [8, 5] })
  graph.node('Softmax', [logits], { output: 'y', attributes: { axis: -1 } })
  return {
    title: 'a softmax at the end',
    bytes: fileOf(graph, { input: [1, 6] }),
    inputShape: [6],
    outputs: 5,
    logits,
  }
}

function residual(): Fixture {
  const graph = createGraphWriter()
  const first = graph.node('MatMul', ['input', weights(graph, 'onnx::MatMul_20', [6, 8])])
  const h = graph.node('Relu', [graph.node('Add', [weights(graph, 'a.bias', [8]), first])])
  const turned = graph.node('Transpose', [weights(graph, 'b.weight', [8, 8])], {
    attributes: { perm: [1, 0] },
  })
  const g = graph.node('Relu', [graph.node('Add', [graph.node('MatMul', [h, turned]), 'b.bias'])])
  weights(graph, 'b.bias', [1, 8])
  const sum = graph.node('Add', [h, g])
  const last = graph.node('MatMul', [sum, weights(graph, 'onnx::MatMul_21', [8, 5])], {
    output: 'y',
  })
  return {
    title: 'MatMul with biases of their own, and a residual sum',
    bytes: fileOf(graph, { input: ['batch', 6], opset: 21 }),
    inputShape: [6],
    outputs: 5,
    logits: last,
  }
}

function cnn(): Fixture {
  const graph = createGraphWriter()
  const pads = { ...window, pads: [1, 1, 1, 1] }
  const pool = {
    ceil_mode: 0,
    dilations: [1, 1],
    kernel_shape: [2, 2],
    pads: [0, 0, 0, 0],
    strides: [2, 2],
  }
  const operands = [
    'input',
    weights(graph, 'features.0.weight', [4, 1, 3, 3]),
    weights(graph, 'features.0.bias', [4]),
  ]
  const a = graph.node('Relu', [graph.node('Conv', operands, { attributes: pads })])
  const b = graph.node('MaxPool', [a], { attributes: pool })
  const c = graph.node('Conv', [b, weights(graph, 'onnx::Conv_30', [6, 4, 3, 3])], {
    attributes: { ...window, pads: [0, 0, 0, 0] },
  })
  const d = graph.node('Flatten', [graph.node('Relu', [c])], { attributes: { axis: 1 } })
  linear(graph, 'classifier', { x: d, sides: [96, 5], output: 'y' })
  return {
    title: 'a CNN with fixed batch',
    bytes: fileOf(graph, { input: [1, 1, 12, 12] }),
    inputShape: [1, 12, 12],
    outputs: 5,
    logits: 'y',
  }
}

function viewed(): Fixture {
  const graph = createGraphWriter()
  const conv = graph.node('Conv', ['input', weights(graph, 'c.weight', [3, 2, 3, 3])], {
    attributes: { ...window, auto_pad: { text: 'SAME_UPPER' } },
  })
  const h = graph.node('Relu', [conv])
  const rows = graph.node(
    'Gather',
    [graph.node('Shape', [h]), graph.constant('zero', { type: 'i64', shape: [], values: [0] })],
    { attributes: { axis: 0 } },
  )
  const side = graph.node('Unsqueeze', [rows, graph.integers('axes', [0])])
  const shape = graph.node('Concat', [side, graph.integers('rest', [-1])], {
    attributes: { axis: 0 },
  })
  linear(graph, 'fc', { x: graph.node('Reshape', [h, shape]), sides: [75, 5], output: 'y' })
  return {
    title: 'x.view(x.size(0), -1) of a dynamic batch',
    bytes: fileOf(graph, { input: ['n', 2, 5, 5] }),
    inputShape: [2, 5, 5],
    outputs: 5,
    logits: 'y',
  }
}

function shared(): Fixture {
  const graph = createGraphWriter()
  const [weight, bias] = [weights(graph, 'w', [6, 6]), weights(graph, 'b', [6])]
  const h = graph.node('Relu', [graph.node('Gemm', ['input', weight, bias])])
  const g = graph.node('Relu', [graph.node('Gemm', [h, weight, bias])])
  linear(graph, 'fc', { x: g, sides: [6, 5], output: 'y' })
  return {
    title: 'weights used twice',
    bytes: fileOf(graph, { input: ['batch', 6] }),
    inputShape: [6],
    outputs: 5,
    logits: 'y',
  }
}

function pooled(): Fixture {
  const graph = createGraphWriter()
  const strided = { ...window, strides: [2, 2], pads: [1, 1, 1, 1] }
  const operands = [
    'input',
    weights(graph, 'c.weight', [4, 2, 3, 3]),
    weights(graph, 'c.bias', [4]),
  ]
  const a = graph.node('Relu', [graph.node('Conv', operands, { attributes: strided })])
  const overlapping = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 0 }
  const b = graph.node('MaxPool', [a], { attributes: overlapping })
  const averaged = {
    kernel_shape: [2, 2],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    count_include_pad: 1,
  }
  const c = graph.node('AveragePool', [b], { attributes: averaged })
  const d = graph.node('Flatten', [graph.node('GlobalAveragePool', [c])], {
    attributes: { axis: 1 },
  })
  const norm = [weights(graph, 'n.weight', [4]), weights(graph, 'n.bias', [4])]
  const attributes = { axis: -1, epsilon: { float: 1e-5 } }
  const e = graph.node('LayerNormalization', [d, ...norm], { attributes })
  const f = linear(graph, 'fc1', { x: e, sides: [4, 16] })
  const g = graph.node('Gelu', [f], { attributes: { approximate: { text: 'tanh' } } })
  linear(graph, 'fc2', { x: g, sides: [16, 5], output: 'y' })
  const bytes = fileOf(graph, { input: ['batch', 2, 12, 12], opset: 20 })
  const title = 'strides, poolings of every kind, a layer norm and GELU'
  return { title, bytes, inputShape: [2, 12, 12], outputs: 5, logits: 'y' }
}

/** The operands of a batch normalization behind x. */
function normalOf(graph: GraphWriter, name: string, channels: number): string[] {
  const figures = (part: string, least: number) => {
    const values = Array.from({ length: channels }, () => least + Math.abs(next()))
    return graph.floats(`${name}.${part}`, [channels], values)
  }
  const bias = weights(graph, `${name}.bias`, [channels])
  return [figures('weight', 0.5), bias, figures('running_mean', -0.3), figures('running_var', 0.4)]
}

function normalized(): Fixture {
  const graph = createGraphWriter()
  const attributes = { epsilon: { float: 1e-3 }, momentum: { float: 0.75 }, training_mode: 0 }
  const operands = [
    'input',
    weights(graph, 'c.weight', [4, 2, 3, 3]),
    weights(graph, 'c.bias', [4]),
  ]
  const pads = { ...window, pads: [1, 1, 1, 1] }
  const a = graph.node('Conv', operands, { attributes: pads })
  const uneven = { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 }
  const b = graph.node('MaxPool', [a], { attributes: uneven })
  const c = graph.node('BatchNormalization', [b, ...normalOf(graph, 'n1', 4)], { attributes })
  const same = { kernel_shape: [2, 2], strides: [2, 2], auto_pad: { text: 'SAME_LOWER' } }
  const d = graph.node('MaxPool', [graph.node('Relu', [c])], { attributes: same })
  const over = [d, graph.integers('axes', [-1, -2])]
  const mean = graph.node('ReduceMean', over, { attributes: { keepdims: 0 } })
  const e = linear(graph, 'fc1', { x: mean, sides: [4, 16] })
  const f = graph.node('BatchNormalization', [e, ...normalOf(graph, 'n2', 16)], { attributes })
  linear(graph, 'fc2', { x: graph.node('Relu', [f]), sides: [16, 5], output: 'y' })
  return {
    title: 'batch normalizations of images and vectors, poolings with odd padding',
    bytes: fileOf(graph, { input: ['batch', 2, 12, 12], opset: 18 }),
    inputShape: [2, 12, 12],
    outputs: 5,
    logits: 'y',
  }
}

function windowed(): Fixture {
  const graph = createGraphWriter()
  const operands = (x: string, name: string, shape: readonly number[]) => [
    x,
    weights(graph, `${name}.weight`, shape),
    weights(graph, `${name}.bias`, shape.slice(0, 1)),
  ]
  const uneven = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 0, 1] }
  const a = graph.node('Relu', [
    graph.node('Conv', operands('input', 'c1', [6, 2, 3, 2]), { attributes: uneven }),
  ])
  const depthwise = { kernel_shape: [3, 3], strides: [1, 2], pads: [1, 1, 1, 1], group: 6 }
  const b = graph.node('Relu', [
    graph.node('Conv', operands(a, 'c2', [12, 1, 3, 3]), { attributes: depthwise }),
  ])
  const grouped = { kernel_shape: [2, 3], dilations: [1, 2], pads: [0, 2, 1, 2], group: 2 }
  const c = graph.node('Relu', [
    graph.node('Conv', operands(b, 'c3', [8, 6, 2, 3]), { attributes: grouped }),
  ])
  const overlapping = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 1, 0, 0] }
  const d = graph.node('MaxPool', [c], { attributes: overlapping })
  const averaged = { kernel_shape: [2, 3], strides: [1, 2], pads: [1, 1, 0, 2] }
  const e = graph.node('AveragePool', [d], { attributes: averaged })
  const f = graph.node('Flatten', [e], { attributes: { axis: 1 } })
  linear(graph, 'fc', { x: f, sides: [72, 5], output: 'y' })
  return {
    title: 'windows with sides, strides, paddings, dilations and groups of their own',
    bytes: fileOf(graph, { input: ['batch', 2, 12, 10] }),
    inputShape: [2, 12, 10],
    outputs: 5,
    logits: 'y',
  }
}

export const fixtures: readonly Fixture[] = [
  mlp(),
  withSoftmax(),
  residual(),
  cnn(),
  viewed(),
  shared(),
  pooled(),
  normalized(),
  windowed(),
]
