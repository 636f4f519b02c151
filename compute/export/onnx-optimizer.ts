import { assert } from '#base/assert.ts'
import { type TrainSpec, momentsOf } from '#wire/spec.ts'
import { type ModelGraph } from '../graph/training.ts'
import type { Scope } from './onnx-mapping.ts'
import { reshaped } from './onnx-mapping.ts'
import type { GraphWriter } from './onnx-writer.ts'

const f = Math.fround

type Target = { readonly writer: GraphWriter; readonly scope: Scope }
type Vector = 'p' | 'm' | 'v'

/** The flat vectors that a training step reads and writes. */
export function vectorsOf(spec: TrainSpec): readonly Vector[] {
  return ['p', ...momentsOf(spec)]
}

/** The optimizer's scalars that change from step to step, by the names of `rateSlots`. */
export function scalarsOf({ optimizer }: TrainSpec): readonly ('rate' | 'correction' | 'keep')[] {
  if (optimizer.kind === 'sgd') return ['rate']
  return optimizer.weightDecay > 0 ? ['rate', 'correction', 'keep'] : ['rate', 'correction']
}

/** Writes the update of all parameters at once, on the flat vectors. */
export function addOptimizer(spec: TrainSpec, model: ModelGraph, target: Target): void {
  const gradient = joinGradients(model, target.scope)
  const isMoved = target.scope.replacements.size > 0
  const result = isMoved ? 'movedP' : 'nextP'
  writeUpdate(spec, model, { ...target, gradient, result })
  if (isMoved) replaceParts(model, target, result)
}

type Update = Target & { readonly gradient: string; readonly result: string }

function writeUpdate(spec: TrainSpec, model: ModelGraph, target: Update): void {
  if (spec.optimizer.kind === 'sgd') addSgd(spec, target)
  else addAdamW(spec, model, target)
}

/** All gradients as one flat vector in the order of p. */
function joinGradients({ parameters }: ModelGraph, scope: Scope): string {
  const found = new Map(scope.updates.map((update) => [update.parameter.home?.offset, update]))
  const parts = parameters.map(({ offset, name, size, isBuffer }) => {
    if (isBuffer) {
      return scope.constant({ type: 'f32', shape: [size], values: new Float32Array(size) })
    }
    const update = found.get(offset)
    assert(update, `${name} has a gradient`)
    return update.parameter.shape.length === 1
      ? update.gradient
      : reshaped(scope, update.gradient, [size])
  })
  return parts.length === 1 ? (parts[0] as string) : scope.apply('Concat', parts, { axis: 0 })
}

/** Puts the new values of buffers into p, which the optimizer left as they were. */
function replaceParts({ parameters }: ModelGraph, { writer, scope }: Target, moved: string): void {
  const sizes = scope.integers(...parameters.map(({ size }) => size))
  const parts = scope.applyMany('Split', [moved, sizes], {
    count: parameters.length,
    attributes: { axis: 0 },
  })
  const replaced = new Map(
    [...scope.replacements].map(([value, name]) => [value.home?.offset, name]),
  )
  const next = parameters.map(({ offset }, i) => replaced.get(offset) ?? (parts[i] as string))
  writer.node('Concat', next, { output: 'nextP', attributes: { axis: 0 } })
}

function addSgd(spec: TrainSpec, { writer, scope, gradient, result }: Update): void {
  const momentum = spec.optimizer.kind === 'sgd' ? (spec.optimizer.momentum ?? 0) : 0
  if (momentum > 0) {
    const kept = scope.apply('Mul', ['m', scope.scalar(f(momentum))])
    const m = writer.node('Add', [kept, gradient], { output: 'nextM' })
    writer.node('Sub', ['p', scope.apply('Mul', [m, 'rate'])], { output: result })
    return
  }
  const change = scope.apply('Mul', [gradient, 'rate'])
  writer.node('Sub', ['p', change], { output: result })
}

/** SPEC.md, without setting tiny moments to 0. */
function addAdamW(
  spec: TrainSpec,
  model: ModelGraph,
  { writer, scope, gradient, result }: Update,
): void {
  assert(spec.optimizer.kind === 'adamw', 'the optimizer is AdamW')
  const { apply, scalar } = scope
  const beta1 = f(spec.optimizer.beta1)
  const beta2 = f(spec.optimizer.beta2)
  const mean = (vector: string, value: string, beta: number, output: string) => {
    const kept = apply('Mul', [vector, scalar(beta)])
    return writer.node('Add', [kept, apply('Mul', [value, scalar(f(1 - beta))])], { output })
  }
  const m = mean('m', gradient, beta1, 'nextM')
  const v = mean('v', apply('Mul', [gradient, gradient]), beta2, 'nextV')
  const root = apply('Sqrt', [apply('Mul', [v, 'correction'])])
  const scale = apply('Add', [root, scalar(f(spec.optimizer.epsilon))])
  const change = apply('Div', [apply('Mul', [m, 'rate']), scale])
  writer.node('Sub', [keptParameters(spec, model, scope), change], { output: result })
}

/** p after weight decay, which biases and the like are spared. */
function keptParameters(
  { optimizer }: TrainSpec,
  { parameters }: ModelGraph,
  scope: Scope,
): string {
  const isDecaying = optimizer.kind === 'adamw' && optimizer.weightDecay > 0
  if (!isDecaying) return 'p'
  if (parameters.every(({ isDecayed }) => isDecayed)) return scope.apply('Mul', ['p', 'keep'])
  const parts = parameters.map(({ isDecayed }, i) => {
    const part = scope.parts[i] as string
    return isDecayed ? scope.apply('Mul', [part, 'keep']) : part
  })
  return scope.apply('Concat', parts, { axis: 0 })
}
