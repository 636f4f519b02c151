import { AppError } from '#base/error.ts'
import type { ModelShape, ModelSpec } from '#wire/spec.ts'
import type { Builder } from './builder.ts'
import { type Value, sizeOf } from './graph.ts'
import { convBlocks } from './models/cnn.ts'
import { embeddingBag } from './models/embedding-bag.ts'
import { transformer } from './models/transformer.ts'
import { importedModel } from './models/imported.ts'

const reluGain = 2 // He et al. 2015
const linearGain = 1

/**
 * The forward graph of a model: x [batch, ...inputShape] -> logits or values [batch, outputs];
 * of a transformer tokens i32 [batch, context] -> [batch * context, outputs].
 * Parameters stand in this order: conv1.weight [o, c, 3, 3], conv1.bias [o], …, dense1.weight [in, out],
 * dense1.bias [out], …; the last dense layer is the output.
 */
export function buildModel(builder: Builder, spec: ModelShape, x: Value): Value {
  const { model, inputShape, outputs } = spec
  if (model.kind === 'cnn' && inputShape.length !== 3) {
    throw new AppError({ code: 'SPEC_INVALID', reason: 'a cnn needs [channels, height, width]' })
  }
  if (model.kind === 'transformer') return transformer(builder, spec, x)
  if (model.kind === 'graph') return importedModel(builder, { model, outputs }, x)
  const features = featuresOf(builder, model, x)
  const isTernary = model.kind === 'mlp' && model.ternary === true
  return denseLayers(builder, flatten(builder, features), {
    widths: [...hiddenOf(model), outputs],
    isTernary,
  })
}

function featuresOf(builder: Builder, model: ModelSpec, x: Value): Value {
  if (model.kind === 'cnn') return convBlocks(builder, model, x)
  return model.kind === 'embeddingBag' ? embeddingBag(builder, model, x) : x
}

function hiddenOf(model: ModelSpec): readonly number[] {
  if (model.kind === 'mlp' || model.kind === 'embeddingBag') return model.hidden
  return model.kind === 'cnn' ? model.dense : []
}

function flatten({ apply }: Builder, x: Value): Value {
  const [batch = 0, ...rest] = x.shape
  if (rest.length === 1) return x
  return apply('Reshape', [x], { shape: [batch, sizeOf(rest)] })[0] as Value
}

interface DenseOptions {
  readonly widths: readonly number[]
  /** Whether all layers but the last have ternary weights. */
  readonly isTernary: boolean
}

function denseLayers(builder: Builder, x: Value, { widths, isTernary }: DenseOptions): Value {
  let h = x // [batch, features]
  for (const [i, width] of widths.entries()) {
    const isLast = i === widths.length - 1
    const fanIn = h.shape[1] ?? 0
    const name = `dense${i + 1}`
    const weight = builder.parameter(`${name}.weight`, [fanIn, width], {
      kind: 'normal',
      gain: isLast ? linearGain : reluGain,
      fanIn,
    })
    const bias = builder.parameter(`${name}.bias`, [width], { kind: 'zeros' })
    const attributes = { transposeA: 0, transposeB: 0 }
    const factor = isTernary && !isLast ? (builder.apply('Ternary', [weight])[0] as Value) : weight
    h = builder.apply('Gemm', [h, factor, bias], attributes)[0] as Value // [batch, width]
    if (!isLast) h = builder.apply('Relu', [h])[0] as Value
  }
  return h
}
