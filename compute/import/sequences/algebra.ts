import { scalarOf } from './constants.ts'
import type { Item, Pending } from './item.ts'
import { isSameView } from './view.ts'

/** scale * product of factors / product of inverses. */
export interface Product {
  readonly scale: number
  readonly factors: readonly Item[]
  readonly inverses: readonly Item[]
}

/** Nodes are taken apart so deep: enough for every pattern, too little for trees that grow without end. */
const depthMax = 6

/** A node of an operator that is still open; undefined for anything else. */
export function openNode(
  item: Item | undefined,
  ...operators: readonly string[]
): Pending | undefined {
  if (item?.kind !== 'pending' || item.settled?.view !== undefined) return undefined
  return operators.includes(item.operator) ? item : undefined
}

/** What a value is a product of. What is understood already stays whole. */
export function productOf(item: Item, depth = 0): Product {
  const scalar = scalarOf(item)
  if (scalar !== undefined) return { scale: scalar, factors: [], inverses: [] }
  if (item.kind === 'view' && item.factor !== 1) {
    return { scale: item.factor, factors: [{ ...item, factor: 1 }], inverses: [] }
  }
  const whole = { scale: 1, factors: [item], inverses: [] }
  const open = openNode(item, 'Mul', 'Div', 'Reciprocal', 'Neg', 'Pow')
  if (!open || depth > depthMax) return whole
  const [a, b] = open.inputs as [Item, Item]
  const first = () => productOf(a, depth + 1)
  switch (open.operator) {
    case 'Mul':
      return multiply(first(), productOf(b, depth + 1))
    case 'Div':
      return multiply(first(), inverse(productOf(b, depth + 1)))
    case 'Reciprocal':
      return inverse(first())
    case 'Neg':
      return { ...first(), scale: -first().scale }
    default:
      return power(open) ?? whole
  }

  function power({ inputs }: Pending): Product | undefined {
    const exponent = scalarOf(inputs[1])
    if (exponent === 2) return multiply(first(), first())
    if (exponent === 3) return multiply(first(), multiply(first(), first()))
    return exponent === -1 ? inverse(first()) : undefined
  }
}

function multiply(a: Product, b: Product): Product {
  const factors = [...a.factors, ...b.factors]
  return { scale: a.scale * b.scale, factors, inverses: [...a.inverses, ...b.inverses] }
}

function inverse({ scale, factors, inverses }: Product): Product {
  return { scale: 1 / scale, factors: inverses, inverses: factors }
}

/** constant + sum of signed terms. */
export interface Sum {
  readonly constant: number
  readonly terms: readonly { readonly sign: 1 | -1; readonly item: Item }[]
}

/** What a value is a sum of. */
export function sumOf(item: Item, depth = 0): Sum {
  const scalar = scalarOf(item)
  if (scalar !== undefined) return { constant: scalar, terms: [] }
  const open = openNode(item, 'Add', 'Sub')
  if (!open || depth > depthMax) return { constant: 0, terms: [{ sign: 1, item }] }
  const [a, b] = open.inputs as [Item, Item]
  const [left, right] = [sumOf(a, depth + 1), sumOf(b, depth + 1)]
  const by = open.operator === 'Sub' ? -1 : 1
  const turned = right.terms.map((term) => ({ ...term, sign: (term.sign * by) as 1 | -1 }))
  return { constant: left.constant + by * right.constant, terms: [...left.terms, ...turned] }
}

/** Whether two values are the same, computed once or twice. */
export function isSame(a: Item, b: Item, depth = 0): boolean {
  if (a === b) return true
  const views = [a, b].map((item) => (item.kind === 'pending' ? item.settled?.view : item))
  const [left, right] = views
  if (left?.kind === 'view' && right?.kind === 'view') return isSameView(left, right)
  const scalars = [scalarOf(a), scalarOf(b)]
  if (scalars[0] !== undefined) return scalars[0] === scalars[1]
  if (a.kind !== 'pending' || b.kind !== 'pending' || depth > depthMax) return false
  const isAlike = a.operator === b.operator && a.inputs.length === b.inputs.length
  return isAlike && a.inputs.every((item, i) => isSame(item, b.inputs[i] as Item, depth + 1))
}

/** Whether two numbers are the same but for rounding. */
export function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-4 * Math.max(1e-6, Math.abs(b))
}
