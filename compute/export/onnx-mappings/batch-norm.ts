import { assert } from '#base/assert.ts'
import type { Value } from '#compute/graph/graph.ts'
import { real } from '#compute/graph/operator.ts'
import { type Mapping, type Scope, sidesOf, summed } from '../onnx-mapping.ts'

const acrossChannels = [0, 2, 3] as const

/** A vector of channels as [1, c, 1, 1]. */
function spread(scope: Scope, value: Value | undefined): string {
  const [channels = 0] = sidesOf(value)
  return scope.apply('Reshape', [scope.nameOf(value), scope.integers(1, channels, 1, 1)])
}

function countOf(x: Value | undefined): number {
  const [n = 0, , h = 0, w = 0] = sidesOf(x)
  return n * h * w
}

export const batchStatistics: Mapping = ({ inputs: [x] }, scope) => {
  const name = scope.nameOf(x)
  const axes = scope.integers(...acrossChannels)
  const center = scope.apply('ReduceMean', [name, axes])
  const d = scope.apply('Sub', [name, center])
  const variance = scope.apply('ReduceMean', [scope.apply('Mul', [d, d]), axes], { keepdims: 0 })
  const shape = scope.integers(sidesOf(x)[1] ?? 0)
  return [scope.apply('Reshape', [center, shape]), variance]
}

/** Written out, because BatchNormalization of ONNX gives no scale. */
export const batchNormalization: Mapping = ({ inputs, attributes }, scope) => {
  const [x, gain, bias, mean, variance] = inputs
  const widened = scope.apply('Add', [
    scope.nameOf(variance),
    scope.scalar(real(attributes, 'epsilon')),
  ])
  const scale = scope.apply('Reciprocal', [scope.apply('Sqrt', [widened])])
  const [channels = 0] = sidesOf(gain)
  const wide = scope.apply('Reshape', [scale, scope.integers(1, channels, 1, 1)])
  const centered = scope.apply('Sub', [scope.nameOf(x), spread(scope, mean)])
  const u = scope.apply('Mul', [centered, wide])
  const scaled = scope.apply('Mul', [u, spread(scope, gain)])
  return [scope.apply('Add', [scaled, spread(scope, bias)]), scale]
}

/** (x - mean) * scale. */
function normalized(
  scope: Scope,
  [x, mean, scale]: readonly [Value | undefined, Value | undefined, Value | undefined],
): string {
  const name = scope.nameOf(x)
  return scope.once(`normalized ${name}`, () => {
    const centered = scope.apply('Sub', [name, spread(scope, mean)])
    return scope.apply('Mul', [centered, spread(scope, scale)])
  })
}

export const batchNormalizationGainGradient: Mapping = ({ inputs }, scope) => {
  const [dy, x, mean, scale] = inputs
  const u = normalized(scope, [x, mean, scale])
  return [summed(scope, scope.apply('Mul', [scope.nameOf(dy), u]), acrossChannels)]
}

export const batchNormalizationGradient: Mapping = ({ inputs }, scope) => {
  const [dy, x, mean, scale, gain, dGain, dBias] = inputs
  const u = normalized(scope, [x, mean, scale])
  const share = (value: Value | undefined) =>
    scope.apply('Div', [spread(scope, value), scope.scalar(countOf(x))])
  const centered = scope.apply('Sub', [scope.nameOf(dy), share(dBias)])
  const rest = scope.apply('Sub', [centered, scope.apply('Mul', [u, share(dGain)])])
  const by = scope.apply('Mul', [spread(scope, gain), spread(scope, scale)])
  return [scope.apply('Mul', [rest, by])]
}

/** Replaces the running figure's part of p. */
export const runningMean: Mapping = ({ inputs: [running, found], attributes }, scope) => {
  const keep = Math.fround(real(attributes, 'keep'))
  assert(running, 'there is a running figure')
  const kept = scope.apply('Mul', [scope.nameOf(running), scope.scalar(keep)])
  const moved = scope.apply('Mul', [scope.nameOf(found), scope.scalar(Math.fround(1 - keep))])
  scope.replacements.set(running, scope.apply('Add', [kept, moved]))
  return []
}
