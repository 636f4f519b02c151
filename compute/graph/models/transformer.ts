import { assert } from '#base/assert.ts'
import type { ModelShape, TransformerSpec } from '#wire/spec.ts'
import type { Builder, Initial } from '../builder.ts'
import { type Value, sizeOf } from '../graph.ts'

const deviation = 0.02 // Radford et al. 2019
const epsilon = 1e-5
const plain = { transposeA: 0, transposeB: 0 }

interface Course {
  readonly builder: Builder
  readonly model: TransformerSpec
  readonly context: number
  /** Cosines and sines, with rotary positions. */
  readonly table?: Value
}

/**
 * A decoder-only transformer with norms before each part: tokens i32 [batch, context] -> logits
 * [batch * context, vocabulary]. Layer norm brings biases along (GPT-2, Radford et al. 2019; without a key
 * bias, whose gradient is zero); RMS norm has none (llama, Touvron et al. 2023). With ternary matrices in the
 * blocks it is that of Wang et al. 2023 (BitNet). Parameters stand in the order in which they are used.
 */
export function transformer(builder: Builder, spec: ModelShape, tokens: Value): Value {
  const { model, inputShape, outputs } = spec
  assert(model.kind === 'transformer', 'the model is a transformer')
  const [context = 0] = inputShape
  const { width, heads, layers } = model
  const embedding = builder.parameter('embedding.weight', [outputs, width], normal())
  const embedded = embed({ builder, model, context }, embedding, tokens)
  let h = dropped({ builder, model, context }, embedded, 0) // [batch * context, width]
  const table =
    model.positions === 'rotary'
      ? builder.apply('RotaryTable', [], { context, size: width / heads })[0]
      : undefined
  const course: Course = { builder, model, context, ...(table && { table }) }
  for (let layer = 1; layer <= layers; layer += 1) h = block(course, layer, h)
  h = norm(course, 'finalNorm', h)
  if (model.tied) return first(builder.apply('Gemm', [h, embedding], { ...plain, transposeB: 1 }))
  const head = builder.parameter('head.weight', [width, outputs], normal())
  return first(builder.apply('Gemm', [h, head], plain))
}

/** Normals of deviation 0.02, divided by sqrt(parts) for what is added to the residual stream. */
function normal(parts = 1): Initial {
  return { kind: 'normal', gain: deviation * deviation, fanIn: parts }
}

function first(outputs: readonly Value[]): Value {
  return outputs[0] as Value
}

function embed({ builder, model, context }: Course, embedding: Value, tokens: Value): Value {
  const { width } = model
  let h = first(builder.apply('Gather', [embedding, tokens])) // [batch, context, width]
  if (model.positions === 'learned') {
    const positions = builder.parameter('position.weight', [context, width], normal())
    h = first(builder.apply('Add', [h, positions]))
  }
  const shape = [sizeOf(tokens.shape), width]
  return first(builder.apply('Reshape', [h], { shape }))
}

/** What training drops of what is added to the residual stream; place 0 is the embedding. */
function dropped({ builder, model }: Course, x: Value, layer: number): Value {
  if (!builder.isTraining || model.dropout === 0) return x
  return first(builder.apply('Dropout', [x], { rate: model.dropout, layer }))
}

function block(course: Course, layer: number, h: Value): Value {
  const name = `block${layer}`
  const attended = dropped(course, attention(course, name, h), 2 * layer - 1)
  const between = first(course.builder.apply('Add', [attended, h]))
  const fed = dropped(course, feedForward(course, name, between), 2 * layer)
  return first(course.builder.apply('Add', [fed, between]))
}

function attention(course: Course, name: string, h: Value): Value {
  const { builder, model, context } = course
  const { width, heads } = model
  const x = norm(course, `${name}.attentionNorm`, h)
  const query = turn(course, linear(course, `${name}.query`, x, { width }))
  const key = turn(course, linear(course, `${name}.key`, x, { width, isBiased: false }))
  const value = linear(course, `${name}.value`, x, { width })
  const heard = first(builder.apply('CausalAttention', [query, key, value], { heads, context }))
  const settled = subNorm(course, `${name}.attentionSubNorm`, heard)
  return linear(course, `${name}.output`, settled, { width, parts: 2 * model.layers })
}

/** Rotary positions, where the model has them. */
function turn({ builder, table }: Course, x: Value): Value {
  return table ? first(builder.apply('RotaryEmbedding', [x, table], { isInverse: 0 })) : x
}

function feedForward(course: Course, name: string, h: Value): Value {
  const { builder, model } = course
  const { hidden } = model
  const x = norm(course, `${name}.feedForwardNorm`, h)
  const up = linear(course, `${name}.up`, x, { width: hidden })
  const active =
    model.feedForward === 'gelu' ? builder.apply('Gelu', [up]) : gated(course, name, { x, up })
  const settled = subNorm(course, `${name}.feedForwardSubNorm`, first(active))
  return linear(course, `${name}.down`, settled, { width: model.width, parts: 2 * model.layers })
}

/** SwiGLU (Shazeer 2020): silu(gate) * up. */
function gated(course: Course, name: string, { x, up }: { x: Value; up: Value }) {
  const gate = linear(course, `${name}.gate`, x, { width: course.model.hidden })
  const opened = first(course.builder.apply('Silu', [gate]))
  return course.builder.apply('Mul', [opened, up])
}

/** The norm that a ternary model has before the last matrix of each part (Wang et al. 2023). */
function subNorm(course: Course, name: string, x: Value): Value {
  return course.model.ternary ? norm(course, name, x) : x
}

function norm({ builder, model }: Course, name: string, x: Value): Value {
  const width = x.shape[1] as number
  const gain = builder.parameter(`${name}.weight`, [width], { kind: 'ones' })
  if (model.norm === 'rms') return first(builder.apply('RmsNormalization', [x, gain], { epsilon }))
  const bias = builder.parameter(`${name}.bias`, [width], { kind: 'zeros' })
  return first(builder.apply('LayerNormalization', [x, gain, bias], { epsilon }))
}

interface LinearOptions {
  readonly width: number
  readonly isBiased?: boolean
  /** How many such products the residual stream sums up. */
  readonly parts?: number
}

function linear(
  { builder, model }: Course,
  name: string,
  x: Value,
  { width, isBiased = true, parts = 1 }: LinearOptions,
): Value {
  const held = builder.parameter(`${name}.weight`, [x.shape[1] as number, width], normal(parts))
  const weight = model.ternary ? first(builder.apply('Ternary', [held])) : held
  if (model.norm === 'rms' || !isBiased) return first(builder.apply('Gemm', [x, weight], plain))
  const bias = builder.parameter(`${name}.bias`, [width], { kind: 'zeros' })
  return first(builder.apply('Gemm', [x, weight, bias], plain))
}
