import { openNode, productOf } from './algebra.ts'
import { rehead } from './rotary.ts'
import {
  type Atom,
  type Base,
  type Constant,
  type Item,
  type NodeContext,
  type Pending,
  type View,
  addNode,
  integerOf,
  refuse,
  shapeOf,
} from './item.ts'
import { settle } from './settle.ts'
import { baseOf, isTime, joinAtoms, placesOf, takePlaces } from './view.ts'

const hiddenBelow = -1e4

/**
 * Causal attention that a file spells out: softmax(q kT / sqrt(size), masked) v. Undefined where the first factor is no
 * softmax. Throws ONNX_UNSUPPORTED with what is different.
 */
export function matchAttention(
  context: NodeContext,
  weights: Item,
  values: Item,
): View | undefined {
  const softmax = openNode(weights, 'Softmax')
  if (!softmax) return undefined
  const own = { ...context, node: softmax.node }
  const scores = scoresOf(own, softmax)
  const [q, k] = scores.product.inputs.map((item) => factorOf(own, item))
  const v = settle(context, values)
  if (!q || !k || !v)
    throw refuse(own, 'its queries, keys or values are no outputs of linear layers')
  const sides = sidesOf(own, v)
  const { size } = sides
  const turned = { ...k.view, axes: swapLast(k.view.axes) }
  expectAlike(own, [q.view, turned, v])
  expectCausal(own, scores.masks)
  const scale = scores.scale * q.scale * k.scale
  if (Math.abs(scale * Math.sqrt(size) - 1) > 1e-3) {
    const text = `its scores are scaled by ${scale}, only 1 / sqrt(${size}) is supported`
    throw refuse(own, text)
  }
  const operands = operandsOf(context, { q: q.view, k: turned, v }, sides)
  const draft = { operator: 'CausalAttention', attributes: { heads: sides.heads } } as const
  const base = baseOf(addNode(context, draft, { values: operands }))
  const { time } = sides
  const tokens = context.course.context
  const outer = rehead(v.axes.slice(0, -1), { time, context: tokens, size, width: base.width })
  return { kind: 'view', base, axes: [...outer, [{ size, stride: 1 }]], offset: 0, factor: 1 }
}

interface Scores {
  readonly product: Pending
  readonly scale: number
  readonly masks: readonly Mask[]
}

/** What hides keys: values that are added, or places that are replaced. */
interface Mask {
  readonly constant: Constant
  readonly hides: (value: number) => boolean
  readonly keeps: (value: number) => boolean
}

/** The product of queries and keys behind scales and masks. */
function scoresOf(context: NodeContext, softmax: Pending): Scores {
  const rank = softmax.shape.length
  const axis = integerOf({ ...context, node: softmax.node }, 'axis', -1)
  if (axis !== -1 && axis !== rank - 1)
    throw refuse(context, 'only a softmax over the last side is supported')
  const masks: Mask[] = []
  let scale = 1
  let item = softmax.inputs[0] as Item
  for (;;) {
    const product = openNode(item, 'MatMul')
    if (product) return { product, scale, masks }
    const open = openNode(item, 'Add', 'Where', 'Mul', 'Div')
    const next = open && (open.operator === 'Where' ? replaced(open, masks) : added(open, masks))
    if (next) item = next
    else {
      const { scale: own, factors, inverses } = productOf(item)
      const [inner, ...others] = factors
      if (!inner || inner === item || others.length > 0 || inverses.length > 0) {
        throw refuse(context, 'its scores are no product of queries and keys, scaled and masked')
      }
      scale *= own
      item = inner
    }
  }
}

function added({ operator, inputs }: Pending, masks: Mask[]): Item | undefined {
  if (operator !== 'Add') return undefined
  const constant = inputs.find((one) => one.kind === 'constant')
  if (!constant) return undefined
  masks.push({ constant, hides: (value) => value <= hiddenBelow, keeps: (value) => value === 0 })
  return inputs.find((one) => one !== constant)
}

function replaced({ inputs }: Pending, masks: Mask[]): Item | undefined {
  const [test, a, b] = inputs
  const isFirst = a?.kind === 'constant'
  const fill = isFirst ? a : b
  if (test?.kind !== 'constant' || fill?.kind !== 'constant') return undefined
  if (!Array.from(fill.values).every((value) => value <= hiddenBelow)) return undefined
  const hides = (value: number) => (value !== 0) === isFirst
  masks.push({ constant: test, hides, keeps: (value) => !hides(value) })
  return isFirst ? b : a
}

/** Every key behind its query must be hidden, and no other. Throws ONNX_UNSUPPORTED. */
function expectCausal(context: NodeContext, masks: readonly Mask[]): void {
  const tokens = context.course.context
  const isHidden = new Uint8Array(tokens * tokens)
  const wrong = () =>
    refuse(
      context,
      'its mask is not causal: each token must see itself and all before it, no other',
    )
  for (const { constant, hides, keeps } of masks) {
    const { values } = constant
    if (values.length !== tokens * tokens && values.length !== 1) throw wrong()
    for (let i = 0; i < tokens * tokens; i += 1) {
      const value = values[values.length === 1 ? 0 : i] as number
      if (hides(value)) isHidden[i] = 1
      else if (!keeps(value)) throw wrong()
    }
  }
  const isCausal = isHidden.every((one, i) => (one === 1) === i % tokens > Math.floor(i / tokens))
  if (!isCausal) throw wrong()
}

/** Queries or keys, and what they are multiplied by. */
function factorOf(context: NodeContext, item: Item) {
  const { scale, factors, inverses } = productOf(item)
  const [inner, ...others] = factors
  const view = inner && others.length + inverses.length === 0 ? settle(context, inner) : undefined
  return view && { view: { ...view, factor: 1 }, scale: scale * view.factor }
}

interface Sides {
  readonly time: number
  readonly heads: number
  readonly size: number
}

/** Of values [..., tokens, size]: which axes are what. */
function sidesOf(context: NodeContext, v: View): Sides {
  const time = v.axes.length - 2
  const shape = shapeOf(v)
  const [atom, ...rest] = joinAtoms(v.axes[time] ?? [])
  const isFit =
    atom && rest.length === 0 && isTime(atom, v, context.course.context) && v.factor === 1
  if (!isFit)
    throw refuse(context, `its values [${shape.join(', ')}] are no [batch, heads, tokens, size]`)
  const heads = headsOf(v, time).reduce((product, { size }) => product * size, 1)
  return { time, heads, size: shape.at(-1) as number }
}

function headsOf({ axes }: View, time: number): readonly Atom[] {
  const outer = axes.slice(0, -1).filter((_, axis) => axis !== time)
  return outer.flatMap(joinAtoms).filter(({ isBatch }) => !isBatch)
}

function swapLast(axes: View['axes']): View['axes'] {
  return [...axes.slice(0, -2), axes.at(-1) ?? [], axes.at(-2) ?? []]
}

/** Queries, keys and values must have the batch and the tokens in the same places. */
function expectAlike(context: NodeContext, views: readonly View[]): void {
  const kinds = views.map((view) => {
    const outer = view.axes.slice(0, -1).map((atoms) =>
      joinAtoms(atoms).map((atom) => {
        if (atom.isBatch) return 'batch'
        return isTime(atom, view, context.course.context) ? 'tokens' : `${atom.size}`
      }),
    )
    return JSON.stringify([outer, shapeOf(view).at(-1)])
  })
  if (kinds.every((kind) => kind === kinds[0])) return
  const shapes = views.map((view) => `[${shapeOf(view).join(', ')}]`).join(', ')
  throw refuse(context, `queries, keys and values must be of the same heads, not ${shapes}`)
}

/** The matrices [tokens, heads * size] of queries, keys and values. */
function operandsOf(
  context: NodeContext,
  { q, k, v }: Record<'q' | 'k' | 'v', View>,
  { time, size }: Sides,
) {
  const columnsOf = (view: View) => {
    const features = placesOf(joinAtoms(view.axes.at(-1) ?? []), view.offset)
    return placesOf(headsOf(view, time)).map((shift) => features.map((place) => place + shift))
  }
  const [ofQ, ofK] = [columnsOf(q), columnsOf(k)]
  const first = ofQ[0] ?? []
  // features may change places in queries and keys alike: their products stay
  const order = Array.from({ length: size }, (_, d) => d).toSorted(
    (a, b) => (first[a] as number) - (first[b] as number),
  )
  const sorted = (columns: readonly (readonly number[])[]) =>
    columns.flatMap((head) => order.map((d) => head[d] as number))
  return [
    takePlaces(context, q.base, sorted(ofQ)),
    takePlaces(context, keyBase(context, k.base), sorted(ofK)),
    takePlaces(context, v.base, columnsOf(v).flat()),
  ]
}

/** A bias of keys adds the same to all scores of a query, which its softmax takes away again. */
function keyBase({ course }: NodeContext, base: Base): Base {
  if (!base.withoutBias) return base
  course.notes.add('biases of keys are left out: attention is the same without them')
  return base.withoutBias
}
