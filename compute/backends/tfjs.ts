import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { type TrainSpec, momentsOf } from '#wire/spec.ts'
import { rateCount, rateSlots } from '../exact/lowering.ts'
import { createRates } from '../exact/rates.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { type ModelGraph, buildForwardOnly, buildTraining } from '../graph/training.ts'
import type { Backend, BackendModel, Batch, FlatState } from './backend.ts'
import { tfOperators } from './tfjs-operators.ts'
import type { TensorFlow, TfTensor, TfVariable } from './tfjs-types.ts'

const empty = new Float32Array()
const lossOperators: readonly string[] = ['SoftmaxCrossEntropy', 'SquaredError']

/** tfjs on whatever device it has: our forward graph in its operators, its gradients, our optimizer. */
export function createTfBackend(tf: TensorFlow, name: string): Backend {
  return { name, open: (spec) => openModel(tf, spec) }
}

async function openModel(tf: TensorFlow, spec: TrainSpec): Promise<BackendModel> {
  const training = buildTraining(spec)
  const forward = buildForwardOnly(spec)
  const nodes = forwardNodes(training.graph)
  for (const { operator } of nodes) {
    if (!tfOperators[operator]) {
      throw new AppError({ code: 'UNSUPPORTED', operator, format: 'tfjs' })
    }
  }
  await tf.ready()
  const rates = createRates(spec)
  const slots = new Float32Array(rateCount)
  const held = createHeld(tf, training)
  const { p } = held
  const update = createOptimizer(tf, spec, { ...held, model: training })

  /** Loss of the batch, and the update. */
  function step(batch: Batch): TfTensor {
    const lossOf = () =>
      run(tf, { model: training, nodes, p, batch }).get(training.loss) as TfTensor
    const { value, grads } = tf.variableGrads(lossOf, p)
    const gradients = p.map(({ name }) => grads[name] as TfTensor)
    update(slots, gradients)
    return value
  }

  return {
    setNoise() {}, // models with dropout were refused
    load(given) {
      held.load(given)
      rates.setStep(given.step)
    },
    async state() {
      const used = momentsOf(spec)
      return {
        p: await held.read('p'),
        m: used.includes('m') ? await held.read('m') : empty,
        v: used.includes('v') ? await held.read('v') : empty,
        step: rates.step,
      }
    },
    async train(batch) {
      rates.advance(slots)
      const cost = tf.tidy(() => step(batch))
      const [loss = Number.NaN] = await cost.data()
      cost.dispose()
      if (Number.isFinite(loss)) return loss
      throw new AppError({ code: 'NON_FINITE', step: rates.step - 1 })
    },
    async forward(batch) {
      const [logits, losses] = tf.tidy(() => {
        const found = run(tf, { model: forward, nodes: forward.graph.nodes, p, batch })
        return [found.get(forward.logits), found.get(forward.losses)] as [TfTensor, TfTensor]
      })
      const result = { logits: await logits.data(), losses: await losses.data() }
      for (const tensor of [logits, losses]) tensor.dispose()
      return result
    },
    close: () => Promise.resolve(held.dispose()),
  }
}

/** The state as variables, one for each parameter. */
function createHeld(tf: TensorFlow, { parameters, parameterCount }: ModelGraph) {
  const make = (values?: Float32Array): TfVariable[] =>
    parameters.map(({ shape, offset, size }) => {
      const part = values?.length ? values.slice(offset, offset + size) : new Float32Array(size)
      return tf.tidy(() => tf.variable(tf.tensor(part, shape, 'float32')))
    })
  const vectors = { p: make(), m: make(), v: make() }
  return {
    ...vectors,
    load(given: FlatState): void {
      for (const name of ['p', 'm', 'v'] as const) {
        const next = make(given[name])
        for (const [i, variable] of vectors[name].entries()) variable.assign(next[i] as TfTensor)
        for (const variable of next) variable.dispose()
      }
    },
    async read(name: 'p' | 'm' | 'v'): Promise<Float32Array> {
      const values = new Float32Array(parameterCount)
      for (const [i, { offset }] of parameters.entries()) {
        values.set(await (vectors[name][i] as TfVariable).data(), offset)
      }
      return values
    },
    dispose(): void {
      for (const variable of Object.values(vectors).flat()) variable.dispose()
    },
  }
}

/** The nodes up to the loss. */
function forwardNodes({ nodes }: Graph): Graph['nodes'] {
  const end = nodes.findIndex(({ operator }) => lossOperators.includes(operator))
  assert(end >= 0, 'a training graph has a loss')
  return nodes.slice(0, end + 1)
}

interface Run {
  readonly model: ModelGraph
  readonly nodes: Graph['nodes']
  readonly p: readonly TfVariable[]
  readonly batch: Batch
}

/** The tensors of all values that the nodes write. */
function run(tf: TensorFlow, { model, nodes, p, batch }: Run): ReadonlyMap<Value, TfTensor> {
  const typed = ({ type, shape }: Value, values: Float32Array | Int32Array) =>
    tf.tensor(values, shape, type === 'i32' ? 'int32' : 'float32')
  const found = new Map<Value, TfTensor>([
    [model.x, typed(model.x, batch.x)],
    [model.y, typed(model.y, batch.y)],
  ])
  const byOffset = new Map(model.parameters.map(({ offset }, i) => [offset, p[i]]))
  for (const value of model.graph.values) {
    const variable = value.home?.vector === 'p' && byOffset.get(value.home.offset)
    if (variable) found.set(value, variable)
  }
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => found.get(value) as TfTensor)
    const outputs = tfOperators[node.operator]?.(tf, inputs, node) ?? []
    for (const [i, value] of node.outputs.entries()) {
      const tensor = outputs[i]
      if (tensor) found.set(value, tensor)
    }
  }
  return found
}

interface Parts {
  readonly p: readonly TfVariable[]
  readonly m: readonly TfVariable[]
  readonly v: readonly TfVariable[]
  readonly model: ModelGraph
}

/** The updates of SPEC.md, parameter by parameter. */
function createOptimizer(tf: TensorFlow, { optimizer }: TrainSpec, { p, m, v, model }: Parts) {
  const times = (x: TfTensor, factor: number) => tf.mul(x, tf.scalar(factor))
  const momentum = optimizer.kind === 'sgd' ? (optimizer.momentum ?? 0) : 0

  function updateSgd(i: number, gradient: TfTensor, rate: number): void {
    const [parameter, mean] = [p[i] as TfVariable, m[i] as TfVariable]
    const change = momentum > 0 ? tf.add(times(mean, momentum), gradient) : gradient
    if (momentum > 0) mean.assign(change)
    parameter.assign(tf.sub(parameter, times(change, rate)))
  }

  function updateAdamW(i: number, gradient: TfTensor, slots: Float32Array): void {
    const at = (name: keyof typeof rateSlots) => slots[rateSlots[name]] as number
    const [parameter, mean, square] = [p[i], m[i], v[i]] as [TfVariable, TfVariable, TfVariable]
    mean.assign(tf.add(times(mean, at('beta1')), times(gradient, at('rest1'))))
    square.assign(tf.add(times(square, at('beta2')), times(tf.square(gradient), at('rest2'))))
    const root = tf.sqrt(times(square, at('correction')))
    const change = tf.div(times(mean, at('rate')), tf.add(root, tf.scalar(at('epsilon'))))
    const kept = model.parameters[i]?.isDecayed ? times(parameter, at('keep')) : parameter
    parameter.assign(tf.sub(kept, change))
  }

  return (slots: Float32Array, gradients: readonly TfTensor[]): void => {
    for (const [i, gradient] of gradients.entries()) {
      if (optimizer.kind === 'adamw') updateAdamW(i, gradient, slots)
      else updateSgd(i, gradient, slots[rateSlots.rate] as number)
    }
  }
}
