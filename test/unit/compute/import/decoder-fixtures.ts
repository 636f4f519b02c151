import { type Sheet, createSheet, fileOf, sides } from './decoder-sheet.ts'

/** Decoders as PyTorch's exporters write them, each in other ways. */
export interface DecoderFixture {
  readonly title: string
  readonly bytes: Uint8Array
  /** Rows that the file fixes; 0 where it leaves them open. */
  readonly batch: number
  /** Operators that the import must come to. */
  readonly operators: readonly string[]
  readonly notes: readonly string[]
}

const { context, vocabulary, width, heads, size, hidden } = sides
const layers = 2

/** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), as Hugging Face's NewGELU. */
function tanhGelu({ node, scalar }: Sheet, x: string) {
  const cube = node('Mul', [node('Pow', [x, scalar(3)]), scalar(0.044715)])
  const inner = node('Mul', [node('Add', [x, cube]), scalar(Math.sqrt(2 / Math.PI))])
  const gate = node('Add', [node('Tanh', [inner]), scalar(1)])
  return node('Mul', [node('Mul', [x, scalar(0.5)]), gate])
}

/** x / sqrt(2) -> erf -> + 1, times x, times 0.5: what nn.GELU() became before opset 20. */
function erfGelu({ node, scalar }: Sheet, x: string) {
  const error = node('Erf', [node('Div', [x, scalar(Math.SQRT2)])])
  return node('Mul', [node('Mul', [x, node('Add', [error, scalar(1)])]), scalar(0.5)])
}

function layerNorm({ node, weight }: Sheet, x: string, of: string) {
  const parts = [weight(`${of}.weight`, width).name, weight(`${of}.bias`, width).name]
  return node('LayerNormalization', [x, ...parts], { axis: -1, epsilon: { float: 1e-5 } })
}

/** A layer norm before opset 17. */
function spelledNorm({ node, scalar, weight }: Sheet, x: string, of: string) {
  const mean = node('ReduceMean', [x], { axes: [-1], keepdims: 1 })
  const centred = node('Sub', [x, mean])
  const variance = node('ReduceMean', [node('Pow', [centred, scalar(2)])], { axes: [-1] })
  const root = node('Sqrt', [node('Add', [variance, scalar(1e-5)])])
  const scaled = node('Mul', [node('Div', [centred, root]), weight(`${of}.weight`, width).name])
  return node('Add', [scaled, weight(`${of}.bias`, width).name])
}

/** weight * (x * rsqrt(mean(x^2) + epsilon)). */
function rmsNorm({ node, scalar, list, weight }: Sheet, x: string, of: string) {
  const square = node('ReduceMean', [node('Pow', [x, scalar(2)]), list(-1)], { keepdims: 1 })
  const root = node('Sqrt', [node('Add', [square, scalar(1e-6)])])
  const scaled = node('Mul', [x, node('Div', [scalar(1), root])])
  return node('Mul', [weight(`${of}.weight`, width).name, scaled])
}

/** A stored lower triangle of a larger context, cut to size. */
function storedTriangle({ graph, node, list }: Sheet) {
  const most = context + 4
  const values = Array.from({ length: most * most }, (_, i) =>
    i % most <= Math.floor(i / most) ? 1 : 0,
  )
  const stored = graph.constant('attn.bias', { type: 'bool', shape: [1, 1, most, most], values })
  const [start, end] = [list(0, 0), list(context, context)]
  return node('Slice', [stored, start, end, list(2, 3), list(1, 1)])
}

/** GPT-2 of Hugging Face, torch.onnx.export with opset 17 and a batch of one. */
function gpt2(): DecoderFixture {
  const sheet = createSheet(41)
  const { graph, node, many, scalar, list, weight } = sheet
  const table = weight('transformer.wte.weight', vocabulary, width)
  const positions = node('Gather', [
    weight('transformer.wpe.weight', context + 4, width).name,
    graph.constant('ids', { type: 'i64', shape: [1, context], values: [...Array(context).keys()] }),
  ])
  let h = node('Add', [node('Gather', [table.name, 'input_ids']), positions])
  const triangle = storedTriangle(sheet)
  const sideOf = (x: string, axis: number) => {
    const place = graph.constant(`axis${axis} ${x}`, { type: 'i64', shape: [], values: [axis] })
    return node('Unsqueeze', [node('Gather', [node('Shape', [x]), place], { axis: 0 }), list(0)])
  }
  const split = (x: string) => {
    const shape = node('Concat', [sideOf(x, 0), sideOf(x, 1), list(heads), list(size)], { axis: 0 })
    return node('Reshape', [x, shape])
  }
  for (let i = 0; i < layers; i += 1) {
    const of = `transformer.h.${i}`
    const x = layerNorm(sheet, h, `${of}.ln_1.norm`)
    const [q, k, v] = many(
      'Split',
      [sheet.linear(x, `${of}.attn.c_attn`, [width, 3 * width]), list(width, width, width)],
      3,
      { axis: 2 },
    )
    const [query, value] = [q, v].map((one) =>
      node('Transpose', [split(one)], { perm: [0, 2, 1, 3] }),
    ) as [string, string]
    const key = node('Transpose', [split(k)], { perm: [0, 2, 3, 1] })
    const scores = node('Div', [node('MatMul', [query, key]), scalar(Math.sqrt(size))])
    const seen = node('Where', [triangle, scores, scalar(-3.4028235e38)])
    const heard = node('MatMul', [node('Dropout', [node('Softmax', [seen], { axis: -1 })]), value])
    const turned = node('Transpose', [heard], { perm: [0, 2, 1, 3] })
    const joined = node('Reshape', [turned, list(1, context, width)])
    h = node('Add', [sheet.linear(joined, `${of}.attn.c_proj`, [width, width]), h])
    const up = sheet.linear(layerNorm(sheet, h, `${of}.ln_2.norm`), `${of}.mlp.c_fc`, [
      width,
      hidden,
    ])
    h = node('Add', [h, sheet.linear(tanhGelu(sheet, up), `${of}.mlp.c_proj`, [hidden, width])])
  }
  const turned = Float32Array.from(
    table.values,
    (_, i) => table.values[(i % vocabulary) * width + Math.floor(i / vocabulary)] as number,
  )
  const head = graph.floats('onnx::MatMul_900', [width, vocabulary], turned)
  const logits = node('MatMul', [layerNorm(sheet, h, 'transformer.ln_f.norm'), head])
  return {
    title:
      'GPT-2: packed projections, a stored mask, tanh GELU, a head that is a turned copy of the embedding',
    bytes: fileOf(sheet, { opset: 17, batch: 1, logits }),
    batch: 1,
    operators: ['Add', 'CausalAttention', 'Gather', 'Gelu', 'Gemm', 'LayerNormalization'],
    notes: [
      'Dropout is left out',
      'biases of keys are left out: attention is the same without them',
    ],
  }
}

/** F.scaled_dot_product_attention of a plain decoder, opset 14: all is spelled out, the batch is open. */
function plain(): DecoderFixture {
  const sheet = createSheet(42)
  const { node, scalar, list, weight } = sheet
  const table = weight('tok.weight', vocabulary, width)
  let h = node('Add', [
    node('Gather', [table.name, 'input_ids']),
    weight('pos', 1, context, width).name,
  ])
  const ones = node('Expand', [scalar(1), list(context, context)])
  const lower = node('Trilu', [ones], { upper: 0 })
  const mask = node('Where', [node('Equal', [lower, scalar(0)]), scalar(-Infinity), scalar(0)])
  for (let i = 0; i < layers; i += 1) {
    const x = spelledNorm(sheet, h, `blocks.${i}.ln1.norm`)
    const [q, k, v] = ['q', 'k', 'v'].map((part) => {
      const y = sheet.linear(x, `blocks.${i}.${part}`, [width, width])
      return node('Transpose', [node('Reshape', [y, list(-1, context, heads, size)])], {
        perm: [0, 2, 1, 3],
      })
    }) as [string, string, string]
    const sideOf = node('Cast', [node('Slice', [node('Shape', [q]), list(-1), list(2 ** 31)])], {
      to: 1,
    })
    const root = node('Sqrt', [node('Div', [scalar(1), node('Sqrt', [sideOf])])])
    const key = node('Mul', [node('Transpose', [k], { perm: [0, 1, 3, 2] }), root])
    const scores = node('Add', [node('MatMul', [node('Mul', [q, root]), key]), mask])
    const heard = node('MatMul', [node('Softmax', [scores], { axis: -1 }), v])
    const joined = node('Reshape', [
      node('Transpose', [heard], { perm: [0, 2, 1, 3] }),
      list(-1, context, width),
    ])
    h = node('Add', [h, sheet.linear(joined, `blocks.${i}.proj`, [width, width])])
    const up = sheet.linear(spelledNorm(sheet, h, `blocks.${i}.ln2.norm`), `blocks.${i}.fc`, [
      width,
      hidden,
    ])
    h = node('Add', [h, sheet.linear(erfGelu(sheet, up), `blocks.${i}.out`, [hidden, width])])
  }
  const x = spelledNorm(sheet, h, 'norm')
  const logits = node('MatMul', [x, node('Transpose', [table.name], { perm: [1, 0] })])
  return {
    title:
      'scaled_dot_product_attention, norms and the GELU of erf spelled out, a tied head, an open batch',
    bytes: fileOf(sheet, { opset: 14, batch: 'batch', logits }),
    batch: 0,
    operators: ['Add', 'CausalAttention', 'Gather', 'GeluErf', 'Gemm', 'LayerNormalization'],
    notes: ['biases of keys are left out: attention is the same without them'],
  }
}

/** Angles of positions times frequencies, computed by nodes: [1, 1, context, size]. */
function angles({ graph, node, list, scalar }: Sheet) {
  const inverse = Array.from({ length: size / 2 }, (_, i) => 10_000 ** ((-2 * i) / size))
  const frequencies = graph.floats('inv_freq', [1, size / 2, 1], inverse)
  const range = graph.constant('0', { type: 'i64', shape: [], values: [0] })
  const limit = graph.constant('n', { type: 'i64', shape: [], values: [context] })
  const step = graph.constant('1', { type: 'i64', shape: [], values: [1] })
  const places = node('Cast', [node('Range', [range, limit, step])], { to: 1 })
  const turned = node('MatMul', [frequencies, node('Reshape', [places, list(1, 1, context)])])
  const half = node('Transpose', [turned], { perm: [0, 2, 1] })
  const both = node('Unsqueeze', [node('Concat', [half, half], { axis: -1 }), list(1)])
  return ['Cos', 'Sin'].map((wave) => node('Mul', [node(wave, [both]), scalar(1)])) as [
    string,
    string,
  ]
}

/** Llama of Hugging Face: rotary positions by halves, SwiGLU, no biases, a batch of two. */
function llama(): DecoderFixture {
  const sheet = createSheet(43)
  const { graph, node, scalar, list, weight } = sheet
  let h = node('Gather', [weight('model.embed_tokens.weight', vocabulary, width).name, 'input_ids'])
  const [cosines, sines] = angles(sheet)
  const values = Array.from({ length: context * context }, (_, i) =>
    i % context > Math.floor(i / context) ? -1e9 : 0,
  )
  const mask = graph.floats('mask', [1, 1, context, context], values)
  const turn = (x: string) => {
    const low = node('Slice', [x, list(0), list(size / 2), list(3), list(1)])
    const high = node('Slice', [x, list(size / 2), list(2 ** 40), list(3), list(1)])
    const rotated = node('Concat', [node('Neg', [high]), low], { axis: -1 })
    return node('Add', [node('Mul', [x, cosines]), node('Mul', [rotated, sines])])
  }
  for (let i = 0; i < layers; i += 1) {
    const of = `model.layers.${i}`
    const x = rmsNorm(sheet, h, `${of}.input_layernorm`)
    const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((part) => {
      const y = sheet.product(x, `${of}.self_attn.${part}`, [width, width])
      return node('Transpose', [node('Reshape', [y, list(2, context, heads, size)])], {
        perm: [0, 2, 1, 3],
      })
    }) as [string, string, string]
    const key = node('Transpose', [turn(k)], { perm: [0, 1, 3, 2] })
    const scores = node('Mul', [node('MatMul', [turn(q), key]), scalar(1 / Math.sqrt(size))])
    const heard = node('MatMul', [node('Softmax', [node('Add', [scores, mask])], { axis: 3 }), v])
    const joined = node('Reshape', [
      node('Transpose', [heard], { perm: [0, 2, 1, 3] }),
      list(2, context, -1),
    ])
    h = node('Add', [h, sheet.product(joined, `${of}.self_attn.o_proj`, [width, width])])
    const y = rmsNorm(sheet, h, `${of}.post_attention_layernorm`)
    const gate = sheet.product(y, `${of}.mlp.gate_proj`, [width, hidden])
    const up = sheet.product(y, `${of}.mlp.up_proj`, [width, hidden])
    const opened = node('Mul', [node('Mul', [gate, node('Sigmoid', [gate])]), up])
    h = node('Add', [h, sheet.product(opened, `${of}.mlp.down_proj`, [hidden, width])])
  }
  const logits = sheet.product(rmsNorm(sheet, h, 'model.norm'), 'lm_head', [width, vocabulary])
  return {
    title:
      'llama: RMS norm, rotary positions by halves from computed angles, SwiGLU, an added mask',
    bytes: fileOf(sheet, { opset: 18, batch: 2, logits }),
    batch: 2,
    operators: [
      'Add',
      'CausalAttention',
      'Gather',
      'Gemm',
      'Mul',
      'RmsNormalization',
      'RotaryEmbedding',
      'Silu',
    ],
    notes: [],
  }
}

/** Queries, keys and values of each head side by side, neighbouring pairs turned, rows of tokens as one matrix. */
function packed(): DecoderFixture {
  const sheet = createSheet(44)
  const { graph, node, scalar, list, weight } = sheet
  const h0 = node('Gather', [weight('embed.weight', vocabulary, width).name, 'input_ids'])
  const angle = (wave: (x: number) => number) =>
    Array.from({ length: (context * size) / 2 }, (_, i) => {
      const [t, pair] = [Math.floor(i / (size / 2)), i % (size / 2)]
      return wave(t * 10_000 ** ((-2 * pair) / size))
    })
  const [cosines, sines] = ([Math.cos, Math.sin] as const).map((wave, i) =>
    graph.floats(`rope${i}`, [1, context, 1, size / 2], angle(wave)),
  ) as [string, string]
  const turn = (x: string) => {
    const pairs = node('Reshape', [x, list(-1, context, heads, size / 2, 2)])
    const [a, b] = [0, 1].map((i) =>
      node(
        'Gather',
        [pairs, graph.constant(`${x} ${i}`, { type: 'i64', shape: [], values: [i] })],
        { axis: 4 },
      ),
    ) as [string, string]
    const first = node('Sub', [node('Mul', [a, cosines]), node('Mul', [b, sines])])
    const second = node('Add', [node('Mul', [a, sines]), node('Mul', [b, cosines])])
    const both = [first, second].map((one) => node('Unsqueeze', [one, list(-1)]))
    return node('Reshape', [node('Concat', both, { axis: -1 }), list(-1, context, heads, size)])
  }
  const row = Array.from({ length: context }, (_, i) => i)
  const behind = node('Greater', [
    graph.constant('columns', { type: 'i64', shape: [1, context], values: row }),
    graph.constant('rows', { type: 'i64', shape: [context, 1], values: row }),
  ])
  const flat = node('Reshape', [h0, list(-1, width)])
  const dense = (x: string, of: string, [inner, outer]: readonly [number, number]) => {
    const parts = [weight(`${of}.weight`, outer, inner).name, weight(`${of}.bias`, outer).name]
    return node('Gemm', [x, ...parts], { transB: 1, alpha: { float: 1 } })
  }
  const qkv = node('Reshape', [
    dense(flat, 'attention.qkv', [width, 3 * width]),
    list(-1, context, heads, 3 * size),
  ])
  const [q, k, v] = sheet.many('Split', [qkv], 3, { axis: 3, num_outputs: 3 })
  const [query, key, value] = [turn(q), turn(k), v].map((one) =>
    node('Transpose', [one], { perm: [0, 2, 1, 3] }),
  ) as [string, string, string]
  const scores = node('MatMul', [
    node('Mul', [query, scalar(1 / Math.sqrt(size))]),
    node('Transpose', [key], { perm: [0, 1, 3, 2] }),
  ])
  const weights = node('Softmax', [node('Where', [behind, scalar(-1e9), scores])], { axis: -1 })
  const heard = node('Where', [node('IsNaN', [weights]), scalar(0), weights])
  const joined = node('Reshape', [
    node('Transpose', [node('MatMul', [heard, value])], { perm: [0, 2, 1, 3] }),
    list(-1, width),
  ])
  const h = node('Add', [flat, dense(joined, 'attention.out', [width, width])])
  const x = layerNorm(sheet, node('Reshape', [h, list(-1, context, width)]), 'norm')
  const up = node('Gelu', [dense(node('Reshape', [x, list(-1, width)]), 'up', [width, hidden])])
  const rest = node('Relu', [dense(up, 'middle', [hidden, width])])
  const sum = node('Reshape', [node('Add', [h, rest]), list(-1, context, width)])
  const logits = sheet.linear(sum, 'head', [width, vocabulary])
  const output = node('LogSoftmax', [logits], { axis: -1 })
  return {
    title:
      'heads that pack their queries, keys and values, rotary positions by neighbours, a probability at the end',
    bytes: fileOf(sheet, { opset: 20, batch: 'n', logits: output }),
    batch: 0,
    operators: [
      'Add',
      'CausalAttention',
      'Gather',
      'GeluErf',
      'Gemm',
      'LayerNormalization',
      'Relu',
      'RotaryEmbedding',
    ],
    notes: ['the LogSoftmax at the end is part of the loss'],
  }
}

export const decoderFixtures: readonly DecoderFixture[] = [gpt2(), plain(), llama(), packed()]
