import { type Shape, sizeOf } from '#compute/graph/graph.ts'
import type { OnnxTensor } from '../onnx-tensor.ts'
import {
  type Constant,
  type NodeContext,
  axisOf,
  broadcast,
  constantAt,
  integerOf,
  listAt,
  refuse,
} from './item.ts'

/** Computes a node whose inputs are all known. */
export type Fold = (context: NodeContext, inputs: readonly Constant[]) => Constant

export function constantOf(tensor: OnnxTensor): Constant {
  const { name, shape, values, kind } = tensor
  return { kind: 'constant', name, shape, values, isInteger: kind === 'integers' }
}

/** A number that stands alone; undefined for anything else. */
export function scalarOf(item: { kind: string } | undefined): number | undefined {
  if (item?.kind !== 'constant') return undefined
  const { values } = item as Constant
  return values.length === 1 ? values[0] : undefined
}

interface Made {
  readonly shape: Shape
  readonly values: ArrayLike<number>
  readonly isInteger: boolean
  readonly name?: string
}

function made({ node }: NodeContext, { name = node.outputs[0] ?? '', ...rest }: Made): Constant {
  return { kind: 'constant', name, ...rest }
}

/** Elements of a constant in another order: one stride for each side. */
function strided(
  context: NodeContext,
  { values, isInteger, name }: Constant,
  { shape, strides, offset = 0 }: { shape: Shape; strides: readonly number[]; offset?: number },
): Constant {
  const size = sizeOf(shape)
  context.course.spend(context, size)
  const Kind = values instanceof Float32Array ? Float32Array : Float64Array
  const copy = new Kind(size)
  const at = shape.map(() => 0)
  let place = offset
  for (let i = 0; i < size; i += 1) {
    copy[i] = values[place] as number
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const [side = 0, stride = 0] = [shape[axis], strides[axis]]
      at[axis] = (at[axis] as number) + 1
      place += stride
      if ((at[axis] as number) < side) break
      place -= stride * side
      at[axis] = 0
    }
  }
  return made(context, { shape, values: copy, isInteger, name })
}

export function stridesOf(shape: Shape): readonly number[] {
  return shape.map((_, i) => sizeOf(shape.slice(i + 1)))
}

/** Strides that stretch a shape to a larger one. */
export function stretched(shape: Shape, target: Shape): readonly number[] {
  const strides = stridesOf(shape)
  const missing = target.length - shape.length
  return target.map((_, i) =>
    (shape[i - missing] ?? 1) === 1 ? 0 : (strides[i - missing] as number),
  )
}

export function stretch(context: NodeContext, constant: Constant, shape: Shape): Constant {
  return strided(context, constant, { shape, strides: stretched(constant.shape, shape) })
}

/** One value from one value. */
function mapping(map: (x: number) => number): Fold {
  return (context, [x]) => {
    const { shape, values, isInteger } = x as Constant
    context.course.spend(context, values.length)
    return made(context, { shape, values: Float64Array.from(values, map), isInteger })
  }
}

/** One value from two, stretched to each other. */
function joining(
  join: (a: number, b: number) => number,
  { isInteger }: { isInteger?: boolean } = {},
): Fold {
  return (context, [a, b]) => {
    const [left, right] = [a as Constant, b as Constant]
    const shape = broadcast(context, left.shape, right.shape)
    const [x, y] = [stretch(context, left, shape), stretch(context, right, shape)]
    const ofIntegers = left.isInteger && right.isInteger
    const found = Float64Array.from(x.values, (value, i) => join(value, y.values[i] as number))
    const values = ofIntegers ? found.map(Math.trunc) : found
    return made(context, { shape, values, isInteger: isInteger ?? ofIntegers })
  }
}

const compare = (test: (a: number, b: number) => boolean) =>
  joining((a, b) => (test(a, b) ? 1 : 0), { isInteger: true })

/** The places that a Slice takes of each axis. Throws ONNX_INVALID. */
export function slicesOf(context: NodeContext, shape: Shape) {
  const starts = listAt(context, 1, 'starts') ?? []
  const ends = listAt(context, 2, 'ends') ?? []
  const axes = listAt(context, 3, 'axes') ?? starts.map((_, i) => i)
  const steps = listAt(context, 4) ?? []
  return axes.map((named, i) => {
    const axis = axisOf(context, named, shape.length)
    const side = shape[axis] as number
    const step = steps[i] ?? 1
    const place = (value: number) => Math.max(0, Math.min(side, value < 0 ? value + side : value))
    const [start, end] = [place(starts[i] ?? 0), place(ends[i] ?? side)]
    const count = Math.ceil((end - start) / step)
    if (step >= 1 && count >= 1) return { axis, start, count, step }
    throw refuse(context, `it takes nothing of its axis ${axis}, or backwards`)
  })
}

const slice: Fold = (context, [x]) => {
  const constant = x as Constant
  const strides = [...stridesOf(constant.shape)]
  const shape = [...constant.shape]
  let offset = 0
  for (const { axis, start, count, step } of slicesOf(context, constant.shape)) {
    offset += start * (strides[axis] as number)
    shape[axis] = count
    strides[axis] = (strides[axis] as number) * step
  }
  return strided(context, constant, { shape, strides, offset })
}

const gather: Fold = (context, [x, places]) => {
  const [from, list] = [x as Constant, places as Constant]
  const axis = axisOf(context, integerOf(context, 'axis', 0), from.shape.length)
  const side = from.shape[axis] as number
  const inner = sizeOf(from.shape.slice(axis + 1))
  const outer = sizeOf(from.shape.slice(0, axis))
  const shape = [...from.shape.slice(0, axis), ...list.shape, ...from.shape.slice(axis + 1)]
  context.course.spend(context, sizeOf(shape))
  const Kind = from.values instanceof Float32Array ? Float32Array : Float64Array
  const values = new Kind(sizeOf(shape))
  let at = 0
  for (let i = 0; i < outer; i += 1) {
    for (let j = 0; j < list.values.length; j += 1) {
      const named = list.values[j] as number
      const place = named < 0 ? named + side : named
      if (!(place >= 0 && place < side)) {
        throw refuse(context, `the place ${named} of ${side} is none`, 'ONNX_INVALID')
      }
      for (let k = 0; k < inner; k += 1) {
        values[at] = from.values[(i * side + place) * inner + k] as number
        at += 1
      }
    }
  }
  return made(context, { shape, values, isInteger: from.isInteger, name: from.name })
}

const concat: Fold = (context, inputs) => {
  const [first] = inputs as [Constant]
  const axis = axisOf(context, integerOf(context, 'axis', 0), first.shape.length)
  const sides = inputs.map(({ shape }) => shape[axis] ?? 0)
  const shape = first.shape.with(
    axis,
    sides.reduce((sum, side) => sum + side, 0),
  )
  const isFit = inputs.every((one) => one.shape.with(axis, 0).join() === shape.with(axis, 0).join())
  if (!isFit) throw refuse(context, 'its inputs do not fit together', 'ONNX_SHAPE')
  context.course.spend(context, sizeOf(shape))
  const values = new Float64Array(sizeOf(shape))
  const inner = sizeOf(shape.slice(axis + 1))
  let at = 0
  for (let i = 0; i < sizeOf(shape.slice(0, axis)); i += 1) {
    for (const [j, one] of inputs.entries()) {
      const run = (sides[j] as number) * inner
      for (let k = 0; k < run; k += 1) values[at + k] = one.values[i * run + k] as number
      at += run
    }
  }
  return made(context, { shape, values, isInteger: inputs.every((one) => one.isInteger) })
}

const transpose: Fold = (context, [x]) => {
  const constant = x as Constant
  const axes = permOf(context, constant.shape.length)
  const strides = stridesOf(constant.shape)
  return strided(context, constant, {
    shape: axes.map((axis) => constant.shape[axis] as number),
    strides: axes.map((axis) => strides[axis] as number),
  })
}

/** The order of a Transpose. Throws ONNX_INVALID. */
export function permOf(context: NodeContext, rank: number): readonly number[] {
  const reversed = Array.from({ length: rank }, (_, i) => rank - 1 - i)
  const perm = context.node.attributes.get('perm')?.integers ?? reversed
  if (perm.length === rank && perm.toSorted((a, b) => a - b).every((axis, i) => axis === i))
    return perm
  throw refuse(context, `[${perm.join(', ')}] is no order of ${rank} sides`, 'ONNX_INVALID')
}

const matMul: Fold = (context, [a, b]) => {
  const [x, y] = [a as Constant, b as Constant]
  const [m = 1, k = 0] = x.shape.slice(-2)
  const [depth = 0, n = 1] = y.shape.slice(-2)
  if (x.shape.length < 2 || y.shape.length < 2 || k !== depth) {
    throw refuse(context, 'its inputs are no matrices that fit', 'ONNX_SHAPE')
  }
  const outer = broadcast(context, x.shape.slice(0, -2), y.shape.slice(0, -2))
  context.course.spend(context, sizeOf(outer) * m * n * k)
  const left = stretch(context, x, [...outer, m, k]).values
  const right = stretch(context, y, [...outer, k, n]).values
  const shape = [...outer, m, n]
  const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    const [group, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n]
    let sum = 0
    for (let j = 0; j < k; j += 1) {
      const place = (group * m + row) * k + j
      sum += (left[place] as number) * (right[(group * k + j) * n + column] as number)
    }
    return sum
  })
  return made(context, { shape, values, isInteger: false })
}

const range: Fold = (context, inputs) => {
  const [start = 0, limit = 0, step = 1] = inputs.map((one) => scalarOf(one))
  const count = Math.max(0, Math.ceil((limit - start) / step))
  if (!Number.isFinite(count)) throw refuse(context, 'its range has no end', 'ONNX_INVALID')
  context.course.spend(context, count)
  const values = Float64Array.from({ length: count }, (_, i) => start + i * step)
  return made(context, { shape: [count], values, isInteger: inputs.every((one) => one.isInteger) })
}

const expand: Fold = (context, [x]) => {
  const constant = x as Constant
  const wanted = shapeAt(context, 1)
  return stretch(context, constant, broadcast(context, constant.shape, wanted))
}

/** A shape among the inputs. Throws ONNX_INVALID, ONNX_TOO_LARGE. */
function shapeAt(context: NodeContext, index: number): Shape {
  const shape = listAt(context, index) ?? []
  if (!shape.every((side) => side >= 0)) throw refuse(context, 'a side is below 0', 'ONNX_INVALID')
  context.course.spend(context, sizeOf(shape))
  return shape
}

const constantOfShape: Fold = (context) => {
  const shape = shapeAt(context, 0)
  const tensor = context.node.attributes.get('value')?.tensor
  const values = new Float64Array(sizeOf(shape)).fill(tensor?.values[0] ?? 0)
  return made(context, { shape, values, isInteger: tensor?.kind === 'integers' })
}

const trilu: Fold = (context, [x]) => {
  const { shape, values, isInteger } = x as Constant
  const [rows = 1, columns = 1] = shape.slice(-2)
  const shift = scalarOf(constantAt(context, 1)) ?? 0
  const isUpper = integerOf(context, 'upper', 1) !== 0
  context.course.spend(context, values.length)
  const kept = Float64Array.from(values, (value, i) => {
    const distance = (i % columns) - (Math.floor(i / columns) % rows) - shift
    return (isUpper ? distance >= 0 : distance <= 0) ? value : 0
  })
  return made(context, { shape, values: kept, isInteger })
}

const where: Fold = (context, inputs) => {
  const [test, a, b] = inputs as [Constant, Constant, Constant]
  const shape = broadcast(context, broadcast(context, test.shape, a.shape), b.shape)
  const [t, x, y] = [test, a, b].map((one) => stretch(context, one, shape).values)
  const values = Float64Array.from(
    t as ArrayLike<number>,
    (one, i) => (one === 0 ? y?.[i] : x?.[i]) as number,
  )
  return made(context, { shape, values, isInteger: a.isInteger && b.isInteger })
}

const tile: Fold = (context, [x]) => {
  const constant = x as Constant
  const counts = shapeAt(context, 1)
  if (counts.length !== constant.shape.length) throw refuse(context, 'its repeats do not fit')
  const pairs = constant.shape.flatMap((side, i) => [counts[i] as number, side])
  const strides = stridesOf(constant.shape).flatMap((stride) => [0, stride])
  const tiled = strided(context, constant, { shape: pairs, strides })
  return { ...tiled, shape: constant.shape.map((side, i) => side * (counts[i] as number)) }
}

/** Operators whose outputs are known when their inputs are. */
export const folds: Readonly<Record<string, Fold>> = {
  Add: joining((a, b) => a + b),
  And: joining((a, b) => (a !== 0 && b !== 0 ? 1 : 0), { isInteger: true }),
  Concat: concat,
  ConstantOfShape: constantOfShape,
  Cos: mapping(Math.cos),
  Div: joining((a, b) => a / b),
  Equal: compare((a, b) => a === b),
  Exp: mapping(Math.exp),
  Expand: expand,
  Gather: gather,
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  MatMul: matMul,
  Mul: joining((a, b) => a * b),
  Neg: mapping((x) => -x),
  Not: mapping((x) => (x === 0 ? 1 : 0)),
  Or: joining((a, b) => (a !== 0 || b !== 0 ? 1 : 0), { isInteger: true }),
  Pow: joining((a, b) => a ** b),
  Range: range,
  Reciprocal: mapping((x) => 1 / x),
  Sin: mapping(Math.sin),
  Slice: slice,
  Sqrt: mapping(Math.sqrt),
  Sub: joining((a, b) => a - b),
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Where: where,
}

const pairs = ['Add', 'And', 'Div', 'Equal', 'Gather', 'Greater', 'GreaterOrEqual', 'Less']
const alsoPairs = ['LessOrEqual', 'MatMul', 'Mul', 'Or', 'Pow', 'Sub', 'Expand', 'Tile']

/** How many inputs a node must have to be folded. */
export function neededInputs(operator: string): number {
  if (operator === 'Where' || operator === 'Range') return 3
  return pairs.includes(operator) || alsoPairs.includes(operator) ? 2 : 1
}
