import { sizeOf } from '#compute/graph/graph.ts'
import { slicesOf, permOf, scalarOf } from './constants.ts'
import { settle, viewAt } from './settle.ts'
import {
  type Handler,
  type Item,
  type NodeContext,
  type View,
  axisOf,
  constantAt,
  integerOf,
  itemAt,
  listAt,
  pendingOf,
  refuse,
  shapeOf,
} from './item.ts'
import { reshapeView, sliceView } from './view.ts'

/** The same elements in another shape: of constants, of tokens, of views, and of parts of rotary positions. */
function reshaped(context: NodeContext, item: Item, shape: readonly number[]): Item {
  const isFit = sizeOf(shape) === sizeOf(shapeOf(item)) && shape.every((side) => side >= 0)
  if (!isFit || !Number.isSafeInteger(sizeOf(shape))) {
    const text = `[${shapeOf(item).join(', ')}] cannot become [${shape.join(', ')}]`
    throw refuse(context, text, 'ONNX_SHAPE')
  }
  if (item.kind === 'constant') return { ...item, shape }
  if (item.kind === 'tokens') {
    if (shape.join() === item.shape.join()) return item
    throw refuse(context, 'the tokens must keep their shape [batch, tokens]')
  }
  const view = settle(context, item)
  if (!view) return pendingOf(context, [item], { shape, operator: 'Reshape' })
  const found = reshapeView(view, shape)
  if (found) return found
  const text = `[${shapeOf(view).join(', ')}] cannot become [${shape.join(', ')}] without mixing rows`
  throw refuse(context, text)
}

/** 0 keeps a side, -1 is what is left. */
export const reshape: Handler = (context) => {
  const x = itemAt(context, 0)
  const given = shapeOf(x)
  const isKeeping = integerOf(context, 'allowzero', 0) === 0
  const sides = (listAt(context, 1) ?? []).map((side, i) => {
    return side === 0 && isKeeping ? (given[i] ?? 1) : side
  })
  const known = sizeOf(sides.filter((side) => side !== -1))
  return reshaped(
    context,
    x,
    sides.map((side) => (side === -1 ? sizeOf(given) / known : side)),
  )
}

export const flatten: Handler = (context) => {
  const x = itemAt(context, 0)
  const shape = shapeOf(x)
  const axis = integerOf(context, 'axis', 1)
  const at = axis < 0 ? axis + shape.length : axis
  return reshaped(context, x, [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))])
}

export const squeeze: Handler = (context) => {
  const x = itemAt(context, 0)
  const shape = shapeOf(x)
  const axes = listAt(context, 1, 'axes')?.map((axis) => axisOf(context, axis, shape.length))
  const isGone = (side: number, axis: number) => (axes ? axes.includes(axis) : side === 1)
  return reshaped(
    context,
    x,
    shape.filter((side, axis) => !isGone(side, axis)),
  )
}

export const unsqueeze: Handler = (context) => {
  const x = itemAt(context, 0)
  const shape = shapeOf(x)
  const given = listAt(context, 1, 'axes') ?? []
  const rank = shape.length + given.length
  const axes = new Set(given.map((axis) => axisOf(context, axis, rank)))
  const left = [...shape].toReversed()
  const sides = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (left.pop() ?? 1)))
  return reshaped(context, x, sides)
}

export const transpose: Handler = (context) => {
  const view = viewAt(context, 0)
  const perm = permOf(context, view.axes.length)
  return { ...view, axes: perm.map((axis) => view.axes[axis] ?? []) }
}

function sliced(
  context: NodeContext,
  view: View,
  { axis, ...run }: { axis: number; start: number; count: number; step: number },
): View {
  const found = sliceView(view, axis, run)
  if (found) return found
  throw refuse(context, `${run.count} places of the axis ${axis} are no run of its features`)
}

export const slice: Handler = (context) => {
  let view = viewAt(context, 0)
  for (const run of slicesOf(context, shapeOf(view))) view = sliced(context, view, run)
  return view
}

export const split: Handler = (context) => {
  const view = viewAt(context, 0)
  const shape = shapeOf(view)
  const axis = axisOf(context, integerOf(context, 'axis', 0), shape.length)
  const side = shape[axis] as number
  const { outputs } = context.node
  const even = Math.ceil(side / outputs.length)
  const counts =
    listAt(context, 1, 'split') ??
    outputs.map((_, i) => Math.max(0, Math.min(even, side - i * even)))
  const isWhole = counts.length === outputs.length && counts.every((count) => count > 0)
  if (!isWhole || counts.reduce((sum, count) => sum + count, 0) !== side) {
    throw refuse(context, `its parts [${counts.join(', ')}] are no split of ${side}`, 'ONNX_SHAPE')
  }
  let start = 0
  return counts.map((count) => {
    const part = sliced(context, view, { axis, start, count, step: 1 })
    start += count
    return part
  })
}

/** One place of an axis, a run of them, or neighbours that change places. */
export const gatherPlaces = (context: NodeContext): Item => {
  const view = viewAt(context, 0)
  const places = constantAt(context, 1)
  const shape = shapeOf(view)
  const axis = axisOf(context, integerOf(context, 'axis', 0), shape.length)
  const side = shape[axis] as number
  const list = Array.from(places?.values ?? [], (place) => (place < 0 ? place + side : place))
  const [start = 0] = list
  const isInside = list.length > 0 && list.every((place) => place >= 0 && place < side)
  if (!isInside || (places?.shape.length ?? 0) > 1) {
    throw refuse(context, 'it gathers by no list of places')
  }
  if (list.length === side && side % 2 === 0 && list.every((place, i) => place === (i ^ 1))) {
    return swapped(context, view, axis)
  }
  if (!list.every((place, i) => place === start + i)) {
    throw refuse(context, 'it gathers places that are no run')
  }
  const part = sliced(context, view, { axis, start, count: list.length, step: 1 })
  return places?.shape.length === 0 ? { ...part, axes: part.axes.toSpliced(axis, 1) } : part
}

function swapped(context: NodeContext, view: View, axis: number): View {
  const [atom, ...rest] = view.axes[axis] ?? []
  if (!atom || rest.length > 0 || atom.isBatch) {
    throw refuse(context, 'only features of linear layers can change places')
  }
  const { size, stride } = atom
  const pairs = [
    { size: size / 2, stride: 2 * stride },
    { size: 2, stride: -stride },
  ]
  return { ...view, axes: view.axes.with(axis, pairs), offset: view.offset + stride }
}

export const concat: Handler = (context) => {
  const inputs = context.node.inputs.map((_, i) => itemAt(context, i))
  const [first] = inputs as [Item]
  const shape = shapeOf(first)
  const axis = axisOf(context, integerOf(context, 'axis', 0), shape.length)
  const isFit = inputs.every((item) => {
    return (
      shapeOf(item).length === shape.length &&
      shapeOf(item).with(axis, 0).join() === shape.with(axis, 0).join()
    )
  })
  if (!isFit) throw refuse(context, 'its inputs do not fit together', 'ONNX_SHAPE')
  const sides = inputs.map((item) => shapeOf(item)[axis] as number)
  const joined = shape.with(
    axis,
    sides.reduce((sum, side) => sum + side, 0),
  )
  return pendingOf(context, inputs, { shape: joined, axis })
}

/** Only to the shape that it has: repeated heads have no weights of their own. */
export const expand: Handler = (context) => {
  const x = itemAt(context, 0)
  const shape = shapeOf(x)
  const wanted = listAt(context, 1) ?? []
  const isKept = wanted.every((side, i) => {
    return side === 1 || side === -1 || side === (shape[i - wanted.length + shape.length] ?? 1)
  })
  if (isKept && wanted.length <= shape.length) return x
  throw refuse(context, 'it repeats a value; use as many key and value heads as query heads')
}

export const shapeOfItem: Handler = (context) => {
  const shape = shapeOf(itemAt(context, 0))
  const start = integerOf(context, 'start', 0)
  const values = shape.slice(start, integerOf(context, 'end', shape.length))
  const name = context.node.outputs[0] as string
  return { kind: 'constant', name, shape: [values.length], values, isInteger: true }
}

/** Values stay binary32; integers may become other integers or floats. */
export const cast: Handler = (context) => {
  const x = itemAt(context, 0)
  const to = integerOf(context, 'to', 1)
  const isInteger = [2, 3, 4, 5, 6, 7, 9, 12, 13].includes(to)
  if (x.kind === 'constant') {
    const values = isInteger && to !== 9 ? Float64Array.from(x.values, Math.trunc) : x.values
    const flags = to === 9 ? Float64Array.from(x.values, (value) => (value === 0 ? 0 : 1)) : values
    context.course.spend(context, x.values.length)
    return { ...x, values: isInteger ? flags : x.values, isInteger }
  }
  if (x.kind === 'tokens' ? isInteger : to === 1) return x
  throw refuse(context, `it casts to the type ${to}; export the model in float32`)
}

export const identity: Handler = (context) => itemAt(context, 0)

/** A guard against rows that are all hidden passes its value on. */
export const where: Handler = (context) => {
  const [test, a, b] = [0, 1, 2].map((index) => itemAt(context, index)) as [Item, Item, Item]
  const isGuard = test.kind === 'pending' && test.operator === 'IsNaN' && test.inputs[0] === b
  if (isGuard && scalarOf(a) !== undefined) return b
  const shape = [test, a, b].map(shapeOf).toSorted((x, y) => sizeOf(y) - sizeOf(x))[0] ?? []
  return pendingOf(context, [test, a, b], { shape })
}
