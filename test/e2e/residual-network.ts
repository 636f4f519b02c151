import { createRng } from '#base/rng.ts'
import { type GraphWriter, createGraphWriter, encodeModel } from '#compute/export/onnx-writer.ts'

const sides = [1, 16, 16] as const
const classes = 10
const wide = 8
const rng = createRng(7)

/**
 * A residual network as PyTorch would export it, with batch normalizations: two 3 x 3 convolutions beside a shortcut,
 * then a depthwise one with stride 2 and one of 1 x 1, of images 16 x 16 to the logits of ten classes.
 */
export function residualNetwork(): Uint8Array {
  const graph = createGraphWriter()
  const stem = normalized(graph, 'stem', { x: 'input', shape: [wide, 1, 3, 3], pad: 1 })
  const first = normalized(graph, 'block.1', { x: stem, shape: [wide, wide, 3, 3], pad: 1 })
  const second = graph.node('Add', [
    normalized(graph, 'block.2', { x: first, shape: [wide, wide, 3, 3], pad: 1, isLinear: true }),
    stem,
  ])
  const depthwise = { shape: [wide, 1, 3, 3], pad: 1, stride: 2, group: wide }
  const down = normalized(graph, 'down', { x: graph.node('Relu', [second]), ...depthwise })
  const mixed = normalized(graph, 'mix', { x: down, shape: [2 * wide, wide, 1, 1], pad: 0 })
  const flat = graph.node('Flatten', [graph.node('GlobalAveragePool', [mixed])], {
    attributes: { axis: 1 },
  })
  const weights = [
    filled(graph, 'fc.weight', [classes, 2 * wide]),
    filled(graph, 'fc.bias', [classes]),
  ]
  graph.node('Gemm', [flat, ...weights], { output: 'logits', attributes: { transB: 1 } })
  return encodeModel(graph, {
    inputs: [{ name: 'input', type: 'f32', shape: ['batch', ...sides] }],
    outputs: [{ name: 'logits', type: 'f32', shape: ['batch', classes] }],
  })
}

interface Convolution {
  readonly x: string
  readonly shape: readonly number[]
  readonly pad: number
  readonly stride?: number
  readonly group?: number
  /** Without a ReLU behind it. */
  readonly isLinear?: boolean
}

function normalized(graph: GraphWriter, name: string, options: Convolution): string {
  const { x, shape, pad, stride = 1, group = 1, isLinear = false } = options
  const [outs = 0, , kh = 0, kw = 0] = shape
  const attributes = {
    kernel_shape: [kh, kw],
    pads: [pad, pad, pad, pad],
    strides: [stride, stride],
    group,
  }
  const y = graph.node('Conv', [x, filled(graph, `${name}.conv.weight`, shape)], { attributes })
  const figures = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => {
    const isOne = part === 'weight' || part === 'running_var'
    return filled(graph, `${name}.norm.${part}`, [outs], isOne ? 1 : 0)
  })
  const normal = graph.node('BatchNormalization', [y, ...figures], {
    attributes: { epsilon: { float: 1e-5 }, momentum: { float: 0.9 } },
  })
  return isLinear ? normal : graph.node('Relu', [normal])
}

/** One value everywhere, or where none is given values around 0 as large as a layer's should be. */
function filled(
  graph: GraphWriter,
  name: string,
  shape: readonly number[],
  value?: number,
): string {
  const size = shape.reduce((product, side) => product * side, 1)
  const scale = 2 / Math.sqrt(size / (shape[0] ?? 1))
  const next = () => value ?? (rng.below(20_001) / 10_000 - 1) * scale
  return graph.floats(name, shape, Float32Array.from({ length: size }, next))
}
