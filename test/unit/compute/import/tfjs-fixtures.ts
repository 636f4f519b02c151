import { createFloats } from '../fixtures.ts'

/** Layers models as the converter of Keras models and tfjs itself write them. */
export interface TfjsFixture {
  readonly title: string
  readonly json: Uint8Array
  readonly weights: Uint8Array<ArrayBuffer>
}

export interface LayerDraft {
  readonly kind: string
  readonly config?: Readonly<Record<string, unknown>>
  /** Shapes of its weights by their parts. */
  readonly weights?: Readonly<Record<string, readonly number[]>>
  /** Names of layers that it reads; of the one before where they are absent. */
  readonly inputs?: readonly string[]
}

const next = createFloats(77)

/** A list of named layers, and the weights that they have. */
export function fixtureOf(
  title: string,
  layers: Readonly<Record<string, LayerDraft>>,
  options: {
    readonly isGraph?: boolean
    readonly weights?: Readonly<Record<string, readonly number[]>>
  } = {},
): TfjsFixture {
  const { isGraph = false, weights = {} } = options
  const specs: object[] = []
  const values: number[] = []
  let before: string | undefined
  const written = Object.entries(layers).map(([name, { kind, config = {}, ...draft }]) => {
    for (const [part, shape] of Object.entries(draft.weights ?? {})) {
      specs.push({ name: `${name}/${part}`, shape, dtype: 'float32' })
      const size = shape.reduce((product, side) => product * side, 1)
      const fanIn = size / (shape.at(-1) ?? 1)
      const isPositive = part === 'gamma' || part === 'moving_variance'
      const given = weights[`${name}/${part}`]
      for (let i = 0; i < size; i += 1) {
        const value = given?.[i] ?? next() * Math.sqrt(2 / Math.max(1, fanIn))
        values.push(isPositive ? 0.5 + Math.abs(value) : value)
      }
    }
    const inputs = draft.inputs ?? (before === undefined ? [] : [before])
    before = name
    const inbound = inputs.length === 0 ? [] : [inputs.map((input) => [input, 0, 0, {}])]
    const layer = { class_name: kind, config: { name, ...config } }
    return isGraph ? { ...layer, name, inbound_nodes: inbound } : layer
  })
  const [first = ''] = Object.keys(layers)
  const config = isGraph
    ? {
        name: 'model',
        layers: written,
        input_layers: [[first, 0, 0]],
        output_layers: [[before, 0, 0]],
      }
    : { name: 'sequential', layers: written }
  const model = { class_name: isGraph ? 'Functional' : 'Sequential', config }
  const json = {
    format: 'layers-model',
    generatedBy: isGraph ? 'keras v2.15.0' : 'TensorFlow.js tfjs-layers v4.22.0',
    modelTopology: isGraph ? { keras_version: '2.15.0', model_config: model } : model,
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: specs }],
  }
  return {
    title,
    json: new TextEncoder().encode(JSON.stringify(json)),
    weights: new Uint8Array(Float32Array.from(values).buffer),
  }
}

export const dense = (inner: number, outer: number, config: object = {}): LayerDraft => ({
  kind: 'Dense',
  config: { units: outer, activation: 'linear', use_bias: true, ...config },
  weights: { kernel: [inner, outer], bias: [outer] },
})

const normal = (channels: number, config: object = {}): LayerDraft => ({
  kind: 'BatchNormalization',
  config: { axis: -1, momentum: 0.99, epsilon: 1e-3, center: true, scale: true, ...config },
  weights: {
    gamma: [channels],
    beta: [channels],
    moving_mean: [channels],
    moving_variance: [channels],
  },
})

const image = {
  kernel_size: [3, 3],
  strides: [1, 1],
  padding: 'same',
  data_format: 'channels_last',
  dilation_rate: [1, 1],
  use_bias: true,
}
const input = (...sides: number[]) => ({ batch_input_shape: [null, ...sides], dtype: 'float32' })

export const conv: LayerDraft = {
  kind: 'Conv2D',
  config: { ...input(6, 8, 2), ...image, filters: 4, activation: 'linear' },
  weights: { kernel: [3, 3, 2, 4], bias: [4] },
}

export const fixtures: readonly TfjsFixture[] = [
  fixtureOf('a list of dense layers with softmax', {
    dense: { ...dense(6, 8), config: { units: 8, activation: 'relu', ...input(6) } },
    dropout: { kind: 'Dropout', config: { rate: 0.3 } },
    dense_1: dense(8, 5, { activation: 'softmax' }),
  }),
  fixtureOf('a flattened image behind convolution, normalization and pooling', {
    conv,
    norm: normal(4),
    relu: { kind: 'ReLU', config: { max_value: null, negative_slope: 0, threshold: 0 } },
    pool: {
      kind: 'MaxPooling2D',
      config: { pool_size: [2, 2], strides: [2, 2], padding: 'valid' },
    },
    flatten: { kind: 'Flatten', config: { data_format: 'channels_last' } },
    norm_1: normal(48, { axis: [1] }),
    activation: { kind: 'Activation', config: { activation: 'relu' } },
    dense: dense(48, 5),
  }),
  fixtureOf(
    'a graph with a sum, averages and a stride',
    {
      input: { kind: 'InputLayer', config: input(7, 7, 2) },
      first: { ...conv, config: { ...image, filters: 4, activation: 'relu' } },
      second: {
        kind: 'Conv2D',
        config: { ...image, filters: 4, activation: 'relu', use_bias: false },
        weights: { kernel: [3, 3, 4, 4] },
      },
      add: { kind: 'Add', inputs: ['first', 'second'] },
      third: {
        kind: 'Conv2D',
        config: { ...image, strides: [2, 2], filters: 6, activation: 'relu' },
        weights: { kernel: [3, 3, 4, 6], bias: [6] },
      },
      pool: {
        kind: 'AveragePooling2D',
        config: { pool_size: [3, 3], strides: [1, 1], padding: 'same' },
      },
      mean: { kind: 'GlobalAveragePooling2D', config: { data_format: 'channels_last' } },
      norm: {
        kind: 'LayerNormalization',
        config: { axis: [-1], epsilon: 1e-3 },
        weights: { gamma: [6], beta: [6] },
      },
      dense: dense(6, 16, { activation: 'relu' }),
      last: dense(16, 3),
    },
    { isGraph: true },
  ),
  fixtureOf('windows with sides, strides and dilations of their own, and depthwise ones', {
    first: {
      kind: 'Conv2D',
      config: {
        ...input(9, 8, 2),
        ...image,
        kernel_size: [3, 2],
        strides: [2, 1],
        filters: 6,
        activation: 'relu',
      },
      weights: { kernel: [3, 2, 2, 6], bias: [6] },
    },
    depthwise: {
      kind: 'DepthwiseConv2D',
      config: { ...image, strides: [2, 2], depth_multiplier: 2, activation: 'relu' },
      weights: { depthwise_kernel: [3, 3, 6, 2], bias: [12] },
    },
    dilated: {
      kind: 'Conv2D',
      config: { ...image, dilation_rate: [1, 2], filters: 4, activation: 'linear' },
      weights: { kernel: [3, 3, 12, 4], bias: [4] },
    },
    pool: {
      kind: 'MaxPooling2D',
      config: { pool_size: [2, 3], strides: [1, 2], padding: 'same' },
    },
    flatten: { kind: 'Flatten' },
    dense: dense(24, 3),
  }),
  fixtureOf('images of one channel without it', {
    flatten: { kind: 'Flatten', config: input(4, 3) },
    reshape: { kind: 'Reshape', config: { target_shape: [4, 3, 1] } },
    conv: {
      kind: 'Conv2D',
      config: { ...image, filters: 3, activation: 'relu', padding: 'valid' },
      weights: { kernel: [3, 3, 1, 3], bias: [3] },
    },
    flatten_1: { kind: 'Flatten' },
    dense: dense(6, 2),
  }),
]
