import type { RowValue, Weights } from '../assembly.ts'
import {
  type Base,
  type Constant,
  type Course,
  type NodeContext,
  type View,
  addNode,
  refuse,
} from './item.ts'

/** A product x W + b before it is known which of its columns are used. */
interface Product {
  readonly x: RowValue
  /** [in, out], or [out, in] where it is turned. */
  readonly weight: Constant
  readonly isTurned: boolean
  readonly bias?: Constant
}

/** A linear layer as a base; each part of its columns that is taken becomes a layer of its own. */
export function linearBase(product: Product): Base {
  const { weight, isTurned, bias } = product
  const [first = 0, second = 0] = weight.shape
  const made = new Map<string, RowValue>()
  const base: Base = {
    width: isTurned ? first : second,
    take(context, columns) {
      const key = columns?.join() ?? ''
      const found = made.get(key) ?? addLinear(context, product, columns)
      made.set(key, found)
      return found
    },
  }
  if (bias === undefined)
    return { ...base, withBias: (added) => linearBase({ ...product, bias: added }) }
  const { bias: _, ...bare } = product
  return { ...base, withoutBias: linearBase(bare) }
}

function addLinear(
  context: NodeContext,
  { x, weight, isTurned, bias }: Product,
  columns: readonly number[] | undefined,
): RowValue {
  const { course } = context
  const cut = { columns, isTurned: false }
  const biases = bias ? [cutOf(context, bias, cut)] : []
  const embedding = columns ? undefined : tiedTo(course, weight, isTurned)
  if (embedding) {
    const tied = tableOf(context, embedding)
    const draft = { operator: 'Gemm', attributes: { transposeB: 1 } } as const
    return addNode(context, draft, { values: [x], weights: [tied, ...biases] })
  }
  const weights = [cutOf(context, weight, { columns, isTurned }), ...biases]
  return addNode(context, { operator: 'Gemm', attributes: {} }, { values: [x], weights })
}

/** The embedding, where a head has its values: exporters store a turned copy. */
function tiedTo({ embedding }: Course, weight: Constant, isTurned: boolean): Constant | undefined {
  if (!embedding || weight.values.length !== embedding.values.length) return undefined
  const [rows = 0, columns = 0] = embedding.shape
  const [first, second] = isTurned ? [rows, columns] : [columns, rows]
  if (weight.shape[0] !== first || weight.shape[1] !== second) return undefined
  if (isTurned && weight.values === embedding.values) return embedding
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const place = isTurned ? row * columns + column : column * rows + row
      if (weight.values[place] !== embedding.values[row * columns + column]) return undefined
    }
  }
  return embedding
}

/** The embedding's table as a parameter. */
export function tableOf(context: NodeContext, table: Constant): Weights {
  const { kind, gain, fanIn } = { kind: 'normal', gain: 0.0004, fanIn: 1 } as const // deviation 0.02
  return { ...cutOf(context, table, { isTurned: false }), initial: { kind, gain, fanIn } }
}

interface Cut {
  /** All where none are named. */
  readonly columns?: readonly number[] | undefined
  /** Whether columns of the parameter are rows of what is stored. */
  readonly isTurned: boolean
}

/**
 * Some columns of a stored matrix [in, columns], or places of a stored vector, as a parameter; the same columns give
 * the same parameter. Throws ONNX_UNSUPPORTED where two parameters would hold the same column.
 */
export function cutOf(context: NodeContext, constant: Constant, cut: Cut): Weights {
  const { course } = context
  const { values, name, shape } = constant
  const all = (cut.isTurned ? shape[0] : shape.at(-1)) ?? 1
  const cuts = course.cuts.get(values) ?? { taken: new Uint8Array(all), weightsOf: new Map() }
  course.cuts.set(values, cuts)
  const key = `${cut.isTurned} ${shape.join('x')} ${cut.columns?.join() ?? ''}`
  const known = cuts.weightsOf.get(key)
  if (known) return known
  const columns = cut.columns ?? Array.from({ length: all }, (_, i) => i)
  for (const column of columns) {
    if (cuts.taken[column] === 1) {
      throw refuse(context, `the weights ${name} are used in two different ways`)
    }
    cuts.taken[column] = 1
  }
  const isVector = shape.length === 1
  const depth = values.length / all
  const made: Weights = {
    name: cut.columns ? `${name}.${columns[0]}` : name,
    shape: isVector ? [columns.length] : [depth, columns.length],
    values: valuesOf(course, constant, { ...cut, all, depth }),
    initial: isVector ? { kind: 'zeros' } : { kind: 'normal', gain: 1, fanIn: depth },
  }
  cuts.weightsOf.set(key, made)
  return made
}

function valuesOf(
  course: Course,
  { values }: Constant,
  { columns, isTurned, all, depth }: Cut & { all: number; depth: number },
): Float32Array {
  if (!columns && !isTurned && values instanceof Float32Array) return values
  const count = columns?.length ?? all
  const copy = course.copyOf({ length: depth * count })
  for (let column = 0; column < count; column += 1) {
    const from = columns?.[column] ?? column
    for (let row = 0; row < depth; row += 1) {
      const place = isTurned ? from * depth + row : row * all + from
      copy[row * count + column] = values[place] as number
    }
  }
  return copy
}

/** A vector of a gain or of biases as it is stored. */
export function vectorOf(
  context: NodeContext,
  constant: Constant,
  kind: 'ones' | 'zeros',
): Weights {
  const flat = { ...constant, shape: [constant.values.length] }
  return { ...cutOf(context, flat, { isTurned: false }), initial: { kind } }
}

/** The view with a bias on its last side, where it shows a whole product without one. */
export function biased(view: View, bias: Constant): View | undefined {
  const { base, axes, offset, factor } = view
  const [last, ...others] = axes.at(-1) ?? []
  const isWhole = last?.stride === 1 && last.size === base.width && others.length === 0
  const isFit = bias.values.length === base.width && bias.shape.at(-1) === base.width
  if (!base.withBias || !isWhole || !isFit || offset !== 0 || factor !== 1) return undefined
  return { ...view, base: base.withBias(bias) }
}
