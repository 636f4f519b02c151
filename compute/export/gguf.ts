import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import type { ModelShape, TransformerSpec } from '#wire/spec.ts'
import { merges, tokenTexts, vocabulary } from '#wire/vocabulary.ts'
import { ternaryOf, ternaryValues } from '../exact/ternary.ts'
import { type GgufTensor, type GgufValue, writeGguf } from './gguf-writer.ts'
import type { NamedParameter } from './onnx-forward.ts'
import type { Bytes } from './protobuf.ts'
import { packTernary, ternaryBlock } from './ternary-blocks.ts'

const epsilon = 1e-5
const rotaryBase = 10_000
const controlToken = 3
const normalToken = 1

type Architecture = 'llama' | 'gpt2' | 'bitnet'

/**
 * A transformer as a GGUF file that llama.cpp runs: `llama` for RMS norm, SwiGLU and rotary positions, `bitnet` for the
 * same with ternary matrices (TQ2_0 where rows are whole blocks of 256, with their scales beside them), `gpt2` for
 * layer norm, GELU and learned positions. The vocabulary is that of bytes. Throws GGUF_UNFIT with the reason.
 */
export function encodeGguf(
  spec: ModelShape,
  parameters: readonly NamedParameter[],
  { name = 'quern' }: { readonly name?: string } = {},
): Bytes {
  const { model, outputs, inputShape } = spec
  if (model.kind !== 'transformer') throw unfit('only transformers can be written')
  if (outputs !== vocabulary.size) {
    throw unfit(`${outputs} tokens are not the vocabulary of bytes (${vocabulary.size})`)
  }
  const architecture = architectureOf(model)
  const file = createFile(model, parameters)
  if (architecture === 'gpt2') addGpt2(file, model)
  else addLlama(file, model)
  const [context = 0] = inputShape
  return writeGguf(metadataOf({ architecture, model, context, name }), file.tensors)
}

/** Whether a model can be written as GGUF. */
export function isGgufFit({ model, outputs }: ModelShape): boolean {
  if (model.kind !== 'transformer' || outputs !== vocabulary.size) return false
  try {
    architectureOf(model)
    return true
  } catch {
    return false
  }
}

function unfit(reason: string): AppError {
  return new AppError({ code: 'GGUF_UNFIT', reason })
}

function architectureOf(model: TransformerSpec): Architecture {
  const style = `${model.norm}+${model.feedForward}+${model.positions}`
  if (style === 'layer+gelu+learned' && !model.ternary) return 'gpt2'
  if (style !== 'rms+swiglu+rotary') {
    throw unfit(`llama.cpp runs no ${model.ternary ? 'ternary ' : ''}model of ${style}`)
  }
  if (!model.ternary) return 'llama'
  if (model.tied) return 'bitnet'
  throw unfit('a ternary model needs a tied head, as bitnet has')
}

function metadataOf(options: {
  architecture: Architecture
  model: TransformerSpec
  context: number
  name: string
}): Readonly<Record<string, GgufValue>> {
  const { architecture, model, context, name } = options
  const size = model.width / model.heads
  const ofArchitecture =
    architecture === 'gpt2'
      ? { 'attention.layer_norm_epsilon': { f32: epsilon } }
      : {
          'attention.head_count_kv': { u32: model.heads },
          'attention.layer_norm_rms_epsilon': { f32: epsilon },
          'rope.dimension_count': { u32: size },
          'rope.freq_base': { f32: rotaryBase },
          vocab_size: { u32: vocabulary.size },
        }
  const own = {
    context_length: { u32: context },
    embedding_length: { u32: model.width },
    block_count: { u32: model.layers },
    feed_forward_length: { u32: model.hidden },
    'attention.head_count': { u32: model.heads },
    ...ofArchitecture,
  }
  const prefixed = Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])
  const types = tokenTexts.map((_, i) => (i === vocabulary.endOfText ? controlToken : normalToken))
  return {
    'general.architecture': { text: architecture },
    'general.name': { text: name },
    ...(Object.fromEntries(prefixed) as Record<string, GgufValue>),
    'tokenizer.ggml.model': { text: 'gpt2' },
    'tokenizer.ggml.pre': { text: 'gpt-2' },
    'tokenizer.ggml.tokens': { texts: tokenTexts },
    'tokenizer.ggml.token_type': { i32s: types },
    'tokenizer.ggml.merges': { texts: merges },
    'tokenizer.ggml.bos_token_id': { u32: vocabulary.endOfText },
    'tokenizer.ggml.eos_token_id': { u32: vocabulary.endOfText },
    'tokenizer.ggml.add_bos_token': { bool: true },
  }
}

/** A matrix in ggml's order: one row of `inputs` values for each output. */
interface Matrix {
  readonly values: Float32Array
  readonly inputs: number
  readonly outputs: number
}

interface GgufFile {
  readonly tensors: GgufTensor[]
  readonly vector: (name: string, values: Float32Array) => void
  /** Rows as they are: tables of embeddings. */
  readonly table: (name: string, from: string) => void
  readonly dense: (name: string, matrix: Matrix) => void
  /** A parameter's values. */
  readonly valuesOf: (name: string) => Float32Array
  /** A linear layer's weights [in, out], turned. */
  readonly matrixOf: (name: string) => Matrix
  /** A layer's weights, ternary where the model's are; `order` puts the outputs into another order. */
  readonly linear: (name: string, from: string, order?: readonly number[]) => void
}

function createFile(model: TransformerSpec, parameters: readonly NamedParameter[]): GgufFile {
  const named = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  const tensors: GgufTensor[] = []
  const find = (name: string): NamedParameter => {
    const found = named.get(name)
    assert(found, `the model has ${name}`)
    return found
  }
  const floats = (name: string, shape: readonly number[], values: Float32Array) =>
    tensors.push({
      name,
      type: 'F32',
      shape,
      bytes: new Uint8Array(Float32Array.from(values).buffer),
    })

  return {
    tensors,
    vector: (name, values) => void floats(name, [values.length], values),
    table(name, from) {
      const { shape, values } = find(from)
      floats(name, shape.toReversed(), values)
    },
    dense: (name, { values, inputs, outputs }) => void floats(name, [inputs, outputs], values),
    valuesOf: (name) => find(name).values,
    matrixOf: (name) => turned(find(name)),
    linear(name, from, order) {
      const parameter = find(from)
      if (!model.ternary) {
        const { values, inputs, outputs } = ordered(turned(parameter), order)
        floats(`${name}.weight`, [inputs, outputs], values)
        return
      }
      const matrix = ternaryOf(parameter.values, parameter.shape)
      const { shape } = parameter
      const signs = ordered(turned({ shape, values: Float32Array.from(matrix.signs) }), order)
      const sides = [signs.inputs, signs.outputs]
      if (signs.inputs % ternaryBlock.weights === 0) {
        const bytes = packTernary(Int8Array.from(signs.values))
        tensors.push({ name: `${name}.weight`, type: 'TQ2_0', shape: sides, bytes })
        floats(`${name}.scale`, [1], Float32Array.of(matrix.scale))
      } else {
        const values = ternaryValues({ ...matrix, signs: Int8Array.from(signs.values) })
        floats(`${name}.weight`, sides, values)
      }
    },
  }
}

/** [in, out] to rows of inputs. */
function turned({ shape, values }: Pick<NamedParameter, 'shape' | 'values'>): Matrix {
  const [inputs = 0, outputs = 0] = shape
  const rows = new Float32Array(values.length)
  for (let i = 0; i < inputs; i += 1) {
    for (let o = 0; o < outputs; o += 1) rows[o * inputs + i] = values[i * outputs + o] as number
  }
  return { values: rows, inputs, outputs }
}

function ordered(matrix: Matrix, order: readonly number[] | undefined): Matrix {
  if (!order) return matrix
  const { inputs } = matrix
  const values = new Float32Array(matrix.values.length)
  for (const [to, from] of order.entries()) {
    values.set(matrix.values.subarray(from * inputs, (from + 1) * inputs), to * inputs)
  }
  return { ...matrix, values }
}

/** llama.cpp's `bitnet` turns value i of a head with i + size / 2; this engine and its `llama` turn neighbours. */
function halvesOf({ width, heads }: TransformerSpec): readonly number[] {
  const size = width / heads
  return Array.from({ length: width }, (_, to) => {
    const at = to % size
    const from = at < size / 2 ? 2 * at : 2 * (at - size / 2) + 1
    return to - at + from
  })
}

function addLlama(file: GgufFile, model: TransformerSpec): void {
  const order = model.ternary ? halvesOf(model) : undefined
  file.table('token_embd.weight', 'embedding.weight')
  for (let layer = 0; layer < model.layers; layer += 1) {
    const [to, from] = [`blk.${layer}`, `block${layer + 1}`]
    const vector = (name: string, own: string) =>
      file.vector(`${to}.${name}.weight`, file.valuesOf(`${from}.${own}.weight`))
    const linear = (name: string, own: string, turn?: readonly number[]) =>
      file.linear(`${to}.${name}`, `${from}.${own}.weight`, turn)
    vector('attn_norm', 'attentionNorm')
    linear('attn_q', 'query', order)
    linear('attn_k', 'key', order)
    linear('attn_v', 'value')
    if (model.ternary) vector('attn_sub_norm', 'attentionSubNorm')
    linear('attn_output', 'output')
    vector('ffn_norm', 'feedForwardNorm')
    linear('ffn_gate', 'gate')
    linear('ffn_up', 'up')
    if (model.ternary) vector('ffn_sub_norm', 'feedForwardSubNorm')
    linear('ffn_down', 'down')
  }
  file.vector('output_norm.weight', file.valuesOf('finalNorm.weight'))
  if (!model.tied) file.dense('output.weight', file.matrixOf('head.weight'))
}

function addGpt2(file: GgufFile, model: TransformerSpec): void {
  file.table('token_embd.weight', 'embedding.weight')
  file.table('position_embd.weight', 'position.weight')
  for (let layer = 0; layer < model.layers; layer += 1) {
    const [to, from] = [`blk.${layer}`, `block${layer + 1}`]
    const both = (name: string, own: string, kind: 'norm' | 'linear') => {
      if (kind === 'linear') file.linear(`${to}.${name}`, `${from}.${own}.weight`)
      else file.vector(`${to}.${name}.weight`, file.valuesOf(`${from}.${own}.weight`))
      file.vector(`${to}.${name}.bias`, file.valuesOf(`${from}.${own}.bias`))
    }
    both('attn_norm', 'attentionNorm', 'norm')
    addJoined(file, { to, from, width: model.width })
    both('attn_output', 'output', 'linear')
    both('ffn_norm', 'feedForwardNorm', 'norm')
    both('ffn_up', 'up', 'linear')
    both('ffn_down', 'down', 'linear')
  }
  file.vector('output_norm.weight', file.valuesOf('finalNorm.weight'))
  file.vector('output_norm.bias', file.valuesOf('finalNorm.bias'))
  if (!model.tied) file.dense('output.weight', file.matrixOf('head.weight'))
}

/** Queries, keys and values in one matrix; keys have no bias, so that theirs is zero. */
function addJoined(
  file: GgufFile,
  { to, from, width }: { to: string; from: string; width: number },
): void {
  const parts = ['query', 'key', 'value'].map((part) => file.matrixOf(`${from}.${part}.weight`))
  const values = new Float32Array(3 * width * width)
  for (const [i, part] of parts.entries()) values.set(part.values, i * width * width)
  file.dense(`${to}.attn_qkv.weight`, { values, inputs: width, outputs: 3 * width })
  const bias = new Float32Array(3 * width)
  bias.set(file.valuesOf(`${from}.query.bias`))
  bias.set(file.valuesOf(`${from}.value.bias`), 2 * width)
  file.vector(`${to}.attn_qkv.bias`, bias)
}
