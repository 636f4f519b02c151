import { assert } from '#base/assert.ts'
import { type TrainSpec, hasTokens, momentsOf, takesTokens } from '#wire/spec.ts'
import { differentiate } from './autodiff.ts'
import { type Builder, type Parameter, createBuilder } from './builder.ts'
import { type Graph, type Value, sizeOf } from './graph.ts'
import { buildModel } from './models.ts'
import { flopsOf } from './operators.ts'

export interface ModelGraph {
  readonly graph: Graph
  readonly parameters: readonly Parameter[]
  readonly parameterCount: number
  /** f32 [batch, ...inputShape], or tokens i32 [batch, context] */
  readonly x: Value
  /** i32 [batch] or [batch, context], or f32 [batch, outputs] */
  readonly y: Value
  /** [batch, outputs], or [batch * context, vocabulary] */
  readonly logits: Value
  /** Mean over the batch, [] */
  readonly loss: Value
  /** Loss of each row, [batch], or of each token, [batch * context] */
  readonly losses: Value
  readonly flops: number
}

/** One whole training step: forward, backward and optimizer, on flat vectors p, g, m, v. */
export function buildTraining(spec: TrainSpec): ModelGraph {
  const builder = createBuilder({ isTraining: true })
  const forward = buildForward(builder, spec)
  const gradients = differentiate(builder, forward.loss)
  for (const { layout, value } of builder.parameters) {
    if (layout.isBuffer) continue
    const found = gradients.get(value)
    assert(found, `the loss depends on ${layout.name}`)
    const gradient = settle(found, layout)
    const moments = momentsOf(spec).map((vector) =>
      builder.resident({ shape: layout.shape, type: 'f32' }, { vector, offset: layout.offset }),
    )
    const isDecayed = layout.isDecayed ? 1 : 0
    if (moments.length === 0) builder.apply('Sgd', [value, gradient])
    else if (moments.length === 1) builder.apply('SgdMomentum', [value, gradient, ...moments])
    else builder.apply('AdamW', [value, gradient, ...moments], { isDecayed })
  }
  return finish(builder, forward, [forward.loss])
}

/** The forward graph with its loss, for predictions and evaluation; nothing is dropped. */
export function buildForwardOnly(spec: TrainSpec): ModelGraph {
  const builder = createBuilder()
  const forward = buildForward(builder, spec)
  return finish(builder, forward, [forward.logits, forward.losses])
}

/** Where each parameter of a model stands in the flat vector p. */
export function parametersOf(spec: TrainSpec): readonly Parameter[] {
  return buildForwardOnly({ ...spec, batchSize: 1 }).parameters
}

type Forward = Pick<ModelGraph, 'x' | 'y' | 'logits' | 'loss' | 'losses'>

function buildForward(builder: Builder, spec: TrainSpec): Forward {
  const { batchSize, inputShape, outputs } = spec
  const isClassified = spec.loss === 'crossEntropy'
  const ofTokens = hasTokens(spec)
  const x = builder.input({
    shape: [batchSize, ...inputShape],
    type: takesTokens(spec) ? 'i32' : 'f32',
  })
  const y = builder.input(
    isClassified
      ? { shape: ofTokens ? x.shape : [batchSize], type: 'i32' }
      : { shape: [batchSize, outputs], type: 'f32' },
  )
  const logits = buildModel(builder, spec, x)
  const operator = isClassified ? 'SoftmaxCrossEntropy' : 'SquaredError'
  const targets = ofTokens ? builder.apply('Reshape', [y], { shape: [sizeOf(y.shape)] })[0] : y
  assert(targets, 'there are targets')
  const [loss, losses] = builder.apply(operator, [logits, targets])
  assert(loss && losses, 'a loss operator gives the mean and the rows')
  return { x, y, logits, loss, losses }
}

/** Gives a gradient its place in the flat vector g. */
function settle(gradient: Value, { name, offset }: Parameter): Value {
  assert(!gradient.home, `the gradient of ${name} is of one parameter alone`)
  gradient.home = { vector: 'g', offset }
  return gradient
}

function finish(builder: Builder, forward: Forward, outputs: readonly Value[]): ModelGraph {
  const parameters = builder.parameters.map(({ layout }) => layout)
  const parameterCount = parameters.reduce((sum, { size }) => sum + size, 0)
  const graph = builder.graph(outputs)
  return { ...forward, graph, parameters, parameterCount, flops: flopsOf(graph) }
}
