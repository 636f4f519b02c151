import type { NodeDraft } from '../assembly.ts'
import { isNear, isSame, openNode, productOf, sumOf } from './algebra.ts'
import {
  type Constant,
  type Item,
  type NodeContext,
  type Settle,
  type View,
  addNode,
  shapeOf,
} from './item.ts'
import { vectorOf } from './linear.ts'
import { matrixOf, placed } from './view.ts'

type Activation = 'Gelu' | 'GeluErf' | 'Silu'

/** An activation or a normalization that a file spells out in single operators; undefined for anything else. */
export function matchLayer(context: NodeContext, item: Item, settle: Settle): View | undefined {
  const active = activationOf(item)
  if (active) {
    const x = settle(context, active.x)
    return x && addLayer(context, x, { draft: { operator: active.operator, attributes: {} } })
  }
  const normal = normOf(item)
  const x = normal && settle(context, normal.x)
  return x && addNorm(context, x, normal)
}

/** A layer over a whole matrix; what it gives has the shape of what it takes. */
export function addLayer(
  context: NodeContext,
  x: View,
  { draft, weights = [] }: { draft: NodeDraft; weights?: Parameters<typeof addNode>[2]['weights'] },
): View {
  const y = addNode(context, draft, { values: [matrixOf(context, x)], weights: weights ?? [] })
  return placed(context, y, shapeOf(x))
}

function activationOf(item: Item): { operator: Activation; x: Item } | undefined {
  const { scale, factors, inverses } = productOf(item)
  const [a, b, ...others] = factors
  if (!a || !b || others.length > 0 || inverses.length > 0) return undefined
  for (const [x, gate] of [
    [a, b],
    [b, a],
  ] as const) {
    const operator = gateOf(x, gate, scale)
    if (operator) return { operator, x }
  }
  return undefined
}

/** What x times a gate times a scale is. */
function gateOf(x: Item, gate: Item, scale: number): Activation | undefined {
  const sigmoid = openNode(gate, 'Sigmoid')?.inputs[0]
  if (sigmoid && isNear(scale, 1)) {
    if (isSame(sigmoid, x)) return 'Silu'
    return isBend(x, sigmoid, { slope: 2 * Math.sqrt(2 / Math.PI) }) ? 'Gelu' : undefined
  }
  const { constant, terms } = sumOf(gate)
  const [term, other] = terms
  if (!term || other || term.sign !== 1) return undefined
  const inner = productOf(term.item)
  const [bent] = inner.factors
  // the half may stand before the sum or in it
  const isHalf = isNear(scale * constant, 0.5) && isNear(inner.scale * scale, 0.5)
  if (!isHalf || inner.factors.length !== 1 || inner.inverses.length > 0) return undefined
  const [error] = openNode(bent, 'Erf')?.inputs ?? []
  if (error) {
    const { scale: narrow, factors, inverses } = productOf(error)
    const isPlain = factors.length === 1 && inverses.length === 0 && isSame(factors[0] as Item, x)
    return isPlain && isNear(narrow, Math.SQRT1_2) ? 'GeluErf' : undefined
  }
  const [tangent] = openNode(bent, 'Tanh')?.inputs ?? []
  return tangent && isBend(x, tangent, { slope: Math.sqrt(2 / Math.PI) }) ? 'Gelu' : undefined
}

const cubic = 0.044715

/** Whether a value is slope (x + 0.044715 x^3), written in any of the ways in which people write it. */
function isBend(x: Item, item: Item, { slope }: { slope: number }): boolean {
  const { scale, factors, inverses } = productOf(item)
  if (inverses.length > 0) return false
  const sums = factors.filter((one) => !isSame(one, x))
  const [inner] = sums
  const outside = factors.length - sums.length // how many x stand before the sum
  if (!inner || sums.length !== 1 || outside > 1) return false
  const { constant, terms } = sumOf(inner)
  const found = new Map(outside === 1 ? [[1, constant]] : constant === 0 ? [] : [[0, constant]])
  for (const { sign, item: term } of terms) {
    const part = productOf(term)
    if (part.inverses.length > 0 || !part.factors.every((one) => isSame(one, x))) return false
    const power = part.factors.length + outside
    found.set(power, (found.get(power) ?? 0) + sign * part.scale)
  }
  const isFit = (power: number, wanted: number) => isNear(scale * (found.get(power) ?? 0), wanted)
  return found.size === 2 && isFit(1, slope) && isFit(3, slope * cubic)
}

interface Norm {
  readonly operator: 'LayerNormalization' | 'RmsNormalization'
  readonly x: Item
  readonly gain: Constant
  readonly bias?: Constant
  readonly epsilon: number
}

/** A norm written out: (x - mean) / sqrt(variance + epsilon) * gain + bias, or x / sqrt(mean square + epsilon) * gain. */
function normOf(item: Item): Norm | undefined {
  const { constant, terms } = sumOf(item)
  const biases = terms.filter((term) => term.item.kind === 'constant')
  const [rest, ...others] = terms.filter((term) => term.item.kind !== 'constant')
  const bias = biases[0]?.item as Constant | undefined
  if (!rest || others.length > 0 || biases.length > 1 || constant !== 0) return undefined
  if (rest.sign !== 1 || (biases[0]?.sign ?? 1) !== 1) return undefined
  const { scale, factors, inverses } = productOf(rest.item)
  const gain = factors.find((one) => one.kind === 'constant')
  const [y, ...more] = factors.filter((one) => one !== gain)
  const [below, ...less] = inverses
  if (scale !== 1 || !y || !gain || more.length > 0 || !below || less.length > 0) return undefined
  const square = squareOf(below)
  if (!square || !isSame(square.of, y)) return undefined
  const x = centredOf(y)
  if (!x && bias) return undefined
  return {
    operator: x ? 'LayerNormalization' : 'RmsNormalization',
    x: x ?? y,
    gain,
    epsilon: square.epsilon,
    ...(bias && { bias }),
  }
}

/** u and epsilon of sqrt(mean(u u) + epsilon). */
function squareOf(item: Item): { of: Item; epsilon: number } | undefined {
  const open = openNode(item, 'Sqrt')
  const { constant, terms } = sumOf(open?.inputs[0] ?? item)
  const [term, other] = terms
  if (!open || !term || other || term.sign !== 1 || !(constant > 0 && constant < 1))
    return undefined
  const mean = openNode(term.item, 'ReduceMean')?.inputs[0]
  if (!mean) return undefined
  const { scale, factors, inverses } = productOf(mean)
  const [a, b, ...others] = factors
  if (!a || !b || others.length > 0 || inverses.length > 0 || scale !== 1) return undefined
  return isSame(a, b) ? { of: a, epsilon: constant } : undefined
}

/** x of x - mean(x). */
function centredOf(item: Item): Item | undefined {
  const { constant, terms } = sumOf(item)
  const [a, b, ...others] = terms
  if (constant !== 0 || !a || !b || others.length > 0 || a.sign !== 1 || b.sign !== -1)
    return undefined
  const mean = openNode(b.item, 'ReduceMean')?.inputs[0]
  return mean && isSame(mean, a.item) ? a.item : undefined
}

/** A norm over the last side. Throws ONNX_*. */
export function addNorm(
  context: NodeContext,
  x: View,
  { operator, gain, bias, epsilon }: Omit<Norm, 'x'>,
): View {
  const weights = [vectorOf(context, gain, 'ones')]
  if (operator === 'LayerNormalization') {
    const zeros = {
      ...gain,
      name: `${gain.name}.bias`,
      values: context.course.copyOf(gain.values),
    }
    weights.push(vectorOf(context, bias ?? zeros, 'zeros'))
  }
  return addLayer(context, x, { draft: { operator, attributes: { epsilon } }, weights })
}
