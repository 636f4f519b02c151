import { isSameShape } from '#compute/graph/graph.ts'
import type { RowValue } from '../assembly.ts'
import { type Atom, type Base, type NodeContext, type View, refuse, shapeOf } from './item.ts'

/** A matrix [context, width] that is in the graph already. */
export function baseOf(value: RowValue): Base {
  const [, width = 0] = value.shape
  return {
    width,
    take(context, columns) {
      if (columns === undefined) return value
      const text =
        'it takes some columns of a computed value; only the output of a linear layer can be cut'
      throw refuse(context, text)
    },
  }
}

/** All of a base: [batch, context, width]. */
function wholeOf(base: Base, { course: { batch, context } }: NodeContext): View {
  const axes: Atom[][] = [
    batch > 1 ? [{ size: batch, stride: 0, isBatch: true }] : [],
    [{ size: context, stride: base.width }],
    base.width > 1 ? [{ size: base.width, stride: 1 }] : [],
  ]
  return { kind: 'view', base, axes, offset: 0, factor: 1 }
}

/** All of a base in a shape of the file. Throws ONNX_SHAPE. */
export function viewOf(context: NodeContext, base: Base, shape: readonly number[]): View {
  const view = reshapeView(wholeOf(base, context), shape)
  if (view) return view
  throw refuse(context, `its output has no shape [${shape.join(', ')}]`, 'ONNX_SHAPE')
}

/** A new value of the graph in a shape of the file. */
export function placed(context: NodeContext, value: RowValue, shape: readonly number[]): View {
  return viewOf(context, baseOf(value), shape)
}

/** The same run of places in as few atoms as can be. */
export function joinAtoms(atoms: readonly Atom[]): readonly Atom[] {
  const joined: Atom[] = []
  for (const atom of atoms) {
    const last = joined.at(-1)
    const isNext = last && !last.isBatch && !atom.isBatch && last.stride === atom.stride * atom.size
    if (isNext) joined[joined.length - 1] = { size: last.size * atom.size, stride: atom.stride }
    else joined.push(atom)
  }
  return joined
}

/** The same elements in another shape; undefined where a side would cut through the batch or unevenly. */
export function reshapeView(view: View, shape: readonly number[]): View | undefined {
  if (isSameShape(shapeOf(view), shape)) return view
  const left = [...joinAtoms(view.axes.flat())].toReversed()
  const axes: Atom[][] = []
  for (const side of shape) {
    const axis: Atom[] = []
    for (let need = side; need > 1;) {
      const atom = left.pop()
      if (!atom) return undefined
      if (atom.size <= need) {
        if (need % atom.size !== 0) return undefined
        axis.push(atom)
        need /= atom.size
        continue
      }
      if (atom.isBatch || atom.size % need !== 0) return undefined
      const size = atom.size / need
      axis.push({ size: need, stride: atom.stride * size })
      left.push({ size, stride: atom.stride })
      need = 1
    }
    axes.push(axis)
  }
  return left.length === 0 ? { ...view, axes } : undefined
}

/** `count` places of an axis from `start` on, `step` apart; undefined where they are no run. */
export function sliceView(
  view: View,
  axis: number,
  { start, count, step }: { start: number; count: number; step: number },
): View | undefined {
  if (count === shapeOf(view)[axis] && start === 0 && step === 1) return view
  const [atom, ...rest] = joinAtoms(view.axes[axis] ?? [])
  if (!atom || rest.length > 0 || atom.isBatch) return undefined
  const run = count === 1 ? [] : [{ size: count, stride: atom.stride * step }]
  const axes = view.axes.with(axis, run)
  return { ...view, axes, offset: view.offset + start * atom.stride }
}

/** Whether two views show the same elements in the same shape. */
export function isSameView(a: View, b: View): boolean {
  const isSamePlace = a.base === b.base && a.offset === b.offset && a.factor === b.factor
  return (
    isSamePlace && JSON.stringify(a.axes.map(joinAtoms)) === JSON.stringify(b.axes.map(joinAtoms))
  )
}

/** Every place that atoms run over, from an offset on. */
export function placesOf(atoms: readonly Atom[], offset = 0): readonly number[] {
  let places = [offset]
  for (const { size, stride } of atoms) {
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * stride))
  }
  return places
}

/** Whether an atom runs over all tokens of a row. */
export function isTime({ size, stride, isBatch }: Atom, { base }: View, context: number): boolean {
  return !isBatch && size === context && stride === base.width
}

const columnsMax = 1_048_576

/**
 * Puts a view into the graph as a matrix [context, columns]: its last axis runs over columns, those before over the
 * batch and the tokens. Throws ONNX_UNSUPPORTED.
 */
export function matrixOf(context: NodeContext, view: View): RowValue {
  const { course } = context
  const [last = [], ...before] = view.axes.map(joinAtoms).toReversed()
  const outer = before.toReversed().flat()
  const [time, ...others] = outer.filter(({ isBatch }) => !isBatch)
  const isOrdered = outer.every(({ isBatch }, i) => !isBatch || i === 0)
  const isMatrix = time && others.length === 0 && isOrdered && isTime(time, view, course.context)
  if (!isMatrix || last.some(({ isBatch }) => isBatch)) {
    const text = `its input [${shapeOf(view).join(', ')}] is no [batch, tokens, features] of all tokens`
    throw refuse(context, `${text}; keep the tokens together and all of them, to the logits`)
  }
  if (view.factor !== 1) {
    const text = `its input is multiplied by ${view.factor}; fold such a factor into weights`
    throw refuse(context, text)
  }
  return takeColumns(context, view, last)
}

function takeColumns(context: NodeContext, view: View, atoms: readonly Atom[]): RowValue {
  const size = atoms.reduce((product, atom) => product * atom.size, 1)
  if (size > columnsMax) throw refuse(context, `${size} columns are too many`, 'ONNX_TOO_LARGE')
  return takePlaces(context, view.base, placesOf(atoms, view.offset))
}

/** Columns of a base by their places. Throws ONNX_UNSUPPORTED. */
export function takePlaces(context: NodeContext, base: Base, places: readonly number[]): RowValue {
  const isAll = places.length === base.width && places.every((place, i) => place === i)
  if (isAll) return base.take(context)
  const isInside = places.every((place) => place >= 0 && place < base.width)
  if (isInside && new Set(places).size === places.length) return base.take(context, places)
  const text = 'it repeats columns of its input; use as many key and value heads as query heads'
  throw refuse(context, text)
}
