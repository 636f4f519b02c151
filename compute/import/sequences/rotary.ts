import { rotaryTableOf } from '#compute/exact/rotary.ts'
import {
  type Atom,
  type Item,
  type NodeContext,
  type Pending,
  type Settle,
  type View,
  addNode,
  refuse,
  shapeOf,
} from './item.ts'
import { stretched, stridesOf } from './constants.ts'
import { baseOf, isTime, joinAtoms, placesOf, takePlaces } from './view.ts'

const tolerance = 1e-3 // angles of exporters are binary32: off by context * 6e-8
const nodesMax = 40
const parts = ['Add', 'Sub', 'Mul', 'Neg', 'Concat', 'Reshape']

/**
 * Rotary positions (Su et al. 2021, base 10000) in any way of writing them: a sum of turned and unturned features, by
 * halves of a head or by neighbouring pairs. Features turned by halves change places to be pairs, in queries and keys
 * alike, which leaves their products as they are. Undefined for anything else.
 */
export function matchRotary(context: NodeContext, item: Pending, settle: Settle): View | undefined {
  if (!['Add', 'Concat', 'Reshape'].includes(item.operator)) return undefined
  const leaf = leafOf(context, item, settle)
  const turned = leaf && placeOf(context, item, leaf)
  if (!turned) return undefined
  const columns = columnsOf(turned, item)
  const form = columns && formOf(context, turned, columns)
  return form && addRotary(context, turned, form)
}

/** The view that all of it is made of; undefined where it holds something else, or no table. */
function leafOf(context: NodeContext, item: Pending, settle: Settle): View | undefined {
  const left: Item[] = [item]
  let leaf: View | undefined
  let hasTable = false
  for (let count = 0; left.length > 0; count += 1) {
    const one = left.pop() as Item
    if (one.kind === 'tokens' || count > nodesMax) return undefined
    if (one.kind === 'constant') {
      hasTable ||= one.values.length > 1
      continue
    }
    const isPart = one === item || (one.kind === 'pending' && parts.includes(one.operator))
    const view = isPart && one.kind === 'pending' ? one.settled?.view : settle(context, one)
    if (view) {
      if (leaf && leaf.base !== view.base) return undefined
      leaf ??= view
    } else if (isPart && one.kind === 'pending') left.push(...one.inputs)
    else return undefined
  }
  return hasTable ? leaf : undefined
}

interface Turned {
  readonly item: Pending
  readonly leaf: View
  /** The axis of tokens; the last one is that of a head's features. */
  readonly time: number
  readonly size: number
}

function placeOf({ course }: NodeContext, item: Pending, leaf: View): Turned | undefined {
  const { shape } = item
  const size = shape.at(-1) ?? 0
  const outer = leaf.axes.slice(0, -1)
  const time = outer.findIndex((atoms) => {
    const [atom, ...rest] = joinAtoms(atoms)
    return rest.length === 0 && atom && isTime(atom, leaf, course.context)
  })
  const isAlike = shapeOf(leaf).slice(0, -1).join() === shape.slice(0, -1).join()
  const isFit = size >= 2 && size <= 1024 && size % 2 === 0 && time >= 0 && isAlike
  return isFit ? { item, leaf, time, size } : undefined
}

/** Columns and their shares that a value of the first head is the sum of, at each token and feature. */
type Shares = ReadonlyMap<number, number>

function columnsOf(
  { leaf, time }: Turned,
  item: Pending,
): ((t: number, d: number) => Shares) | undefined {
  const at = item.shape.map(() => 0)
  return (t, d) => {
    at[time] = t
    at[at.length - 1] = d
    const shares = new Map<number, number>()
    for (const [place, share] of termsAt(item, at)) {
      const column = place - t * leaf.base.width
      shares.set(column, (shares.get(column) ?? 0) + share)
    }
    return shares
  }
}

/** Places of the base and what they are multiplied by, of one element of a value. */
function termsAt(item: Item, at: readonly number[]): readonly (readonly [number, number])[] {
  const view = item.kind === 'pending' ? item.settled?.view : item
  if (view?.kind === 'view') return [[placeAt(view, at), view.factor]]
  if (item.kind !== 'pending') return []
  const [a, b] = item.inputs as [Item, Item]
  const scaled = (one: Item, by: number) =>
    termsAt(one, within(one, at)).map(([place, share]) => [place, share * by] as const)
  switch (item.operator) {
    case 'Add':
      return [...scaled(a, 1), ...scaled(b, 1)]
    case 'Sub':
      return [...scaled(a, 1), ...scaled(b, -1)]
    case 'Neg':
      return scaled(a, -1)
    case 'Mul':
      return a.kind === 'constant' ? scaled(b, valueAt(a, at)) : scaled(a, valueAt(b, at))
    case 'Reshape':
      return termsAt(a, indexOf(shapeOf(a), linear(item.shape, at)))
    default:
      return ofPart(item, at)
  }
}

function ofPart({ inputs, axis = 0 }: Pending, at: readonly number[]) {
  let place = at[axis] as number
  for (const one of inputs) {
    const side = shapeOf(one)[axis] ?? 0
    if (place < side) return termsAt(one, at.with(axis, place))
    place -= side
  }
  return []
}

/** An index of a result as an index of an operand that is stretched to it. */
function within(item: Item, at: readonly number[]): readonly number[] {
  const shape = shapeOf(item)
  return shape.map((side, i) => (side === 1 ? 0 : (at[at.length - shape.length + i] as number)))
}

function valueAt(item: Item, at: readonly number[]): number {
  if (item.kind !== 'constant') return Number.NaN
  const strides = stretched(item.shape, at)
  const place = at.reduce((sum, index, i) => sum + index * (strides[i] as number), 0)
  return item.values[item.values.length === 1 ? 0 : place] as number
}

function linear(shape: readonly number[], at: readonly number[]): number {
  return stridesOf(shape).reduce((sum, stride, i) => sum + stride * (at[i] as number), 0)
}

function indexOf(shape: readonly number[], place: number): readonly number[] {
  return stridesOf(shape).map((stride, i) => Math.floor(place / stride) % (shape[i] as number))
}

function placeAt({ axes, offset }: View, at: readonly number[]): number {
  let place = offset
  for (const [i, atoms] of axes.entries()) {
    let left = at[i] as number
    for (const { size, stride } of atoms.toReversed()) {
      place += (left % size) * stride
      left = Math.floor(left / size)
    }
  }
  return place
}

interface Form {
  readonly isHalves: boolean
  /** The column that each feature of the first head is turned from. */
  readonly main: readonly number[]
}

/** The form whose table the shares are at every token; undefined where nothing turns. */
function formOf(
  context: NodeContext,
  { size, leaf }: Turned,
  sharesAt: (t: number, d: number) => Shares,
): Form | undefined {
  const features = Array.from({ length: size }, (_, d) => d)
  const main = features.map((d) => {
    const large = [...sharesAt(0, d)].filter(([, share]) => Math.abs(share) > tolerance)
    const [column, share] = large[0] ?? []
    return large.length === 1 && Math.abs((share as number) - 1) < tolerance
      ? (column as number)
      : -1
  })
  if (main.includes(-1) || new Set(main).size < size) return undefined
  const { context: tokens } = context.course
  const table = rotaryTableOf(tokens, size)
  const isFit = (isHalves: boolean, t: number, d: number): boolean => {
    const half = size / 2
    const pair = isHalves ? d % half : d >> 1
    const isFirst = isHalves ? d < half : d % 2 === 0
    const step = isHalves ? half : 1
    const other = main[isFirst ? d + step : d - step] as number
    const [cosine, sine] = [
      table[2 * t * size + 2 * pair],
      table[(2 * t + 1) * size + 2 * pair + 1],
    ]
    const shares = new Map(sharesAt(t, d))
    const wanted = [
      [main[d], cosine],
      [other, isFirst ? -(sine as number) : sine],
    ] as [number, number][]
    for (const [column, share] of wanted) shares.set(column, (shares.get(column) ?? 0) - share)
    return [...shares.values()].every((rest) => Math.abs(rest) < tolerance)
  }
  const isTurning = [true, false].filter((isHalves) => isFit(isHalves, 1, 0))
  const found = isTurning.find((isHalves) =>
    Array.from({ length: tokens }, (_, t) => t).every((t) =>
      features.every((d) => isFit(isHalves, t, d)),
    ),
  )
  if (found !== undefined) return { isHalves: found, main }
  if (isTurning.length === 0 || leaf.factor !== 1) return undefined
  throw refuse(
    context,
    'its rotary positions are not those of base 10000 over whole heads; use these',
  )
}

/** Puts the features in the engine's order of pairs, turns them, and shows them in the file's order. */
function addRotary(context: NodeContext, { leaf, time, size }: Turned, form: Form): View {
  const { main, isHalves } = form
  const half = size / 2
  const order = main.map((column, i) =>
    isHalves ? (main[(i >> 1) + (i % 2) * half] as number) : column,
  )
  const heads = leaf.axes.slice(0, -1).flatMap((atoms, axis) => {
    return axis === time ? [] : joinAtoms(atoms).filter(({ isBatch }) => !isBatch)
  })
  const columns = placesOf(heads).flatMap((shift) => order.map((column) => column + shift))
  const x = takePlaces(context, leaf.base, columns)
  const draft = {
    operator: 'RotaryEmbedding',
    attributes: { heads: columns.length / size },
  } as const
  const base = baseOf(addNode(context, draft, { values: [x] }))
  const outer = rehead(leaf.axes.slice(0, -1), {
    time,
    context: context.course.context,
    size,
    width: base.width,
  })
  const last: Atom[] = isHalves
    ? [
        { size: 2, stride: 1 },
        { size: half, stride: 2 },
      ]
    : [{ size, stride: 1 }]
  return { kind: 'view', base, axes: [...outer, last], offset: 0, factor: 1 }
}

/** Axes of batch, heads and tokens over a matrix whose columns are heads, then features. */
export function rehead(
  axes: View['axes'],
  sides: { time: number; context: number; size: number; width: number },
): View['axes'] {
  let stride = sides.width
  return axes.map((atoms, axis) => {
    if (axis === sides.time) return [{ size: sides.context, stride: sides.width }]
    return joinAtoms(atoms).map((atom) => {
      if (atom.isBatch) return atom
      stride /= atom.size
      return { size: atom.size, stride }
    })
  })
}
