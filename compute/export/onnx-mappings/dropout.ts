import { sizeOf } from '#compute/graph/graph.ts'
import { integer, real } from '#compute/graph/operator.ts'
import { elementTypes } from '../onnx-writer.ts'
import { type Mapping, type Scope, reshaped, sidesOf } from '../onnx-mapping.ts'

const rounds = 10
const word = 2 ** 32
const half = 2 ** 16
const multipliers = [0xd2511f53, 0xcd9e8d57] as const
const weyl = [0x9e3779b9, 0xbb67ae85] as const

/** The name of the input that holds the keys of this step's streams, i32 [layers, 4]. */
export const noiseInput = 'noise'

/** x scale or 0 by the stream of SPEC.md: the same values are dropped as in the exact engine. */
export const dropout: Mapping = ({ inputs: [x], attributes }, scope) => {
  const layer = integer(attributes, 'layer')
  const limit = Math.min(half - 1, Math.round(real(attributes, 'rate') * half))
  const shape = sidesOf(x)
  const mask = scope.once(`dropout ${layer}`, () => {
    const bits = bitsOf(scope, layer, sizeOf(shape))
    const isKept = scope.apply('GreaterOrEqual', [bits, whole(scope, limit)])
    const kept = scope.apply('Cast', [isKept], { to: elementTypes.f32 })
    const scaled = scope.apply('Mul', [kept, scope.scalar(Math.fround(half / (half - limit)))])
    return reshaped(scope, scaled, shape)
  })
  return [scope.apply('Mul', [scope.nameOf(x), mask])]
}

/** A 64-bit scalar. */
function whole(scope: Scope, value: number): string {
  return scope.constant({ type: 'i64', shape: [], values: [value] })
}

/** The first `count` runs of 16 bits of a layer's stream: lower halves before upper ones. */
function bitsOf(scope: Scope, layer: number, count: number): string {
  const { apply } = scope
  const blocks = apply(
    'Range',
    [0, Math.ceil(count / 8), 1].map((value) => whole(scope, value)),
  )
  const key = [0, 1, 2, 3].map((place) => keyWord(scope, layer, place))
  const halves = philox(scope, blocks, key).flatMap((one) => [
    apply('Mod', [one, whole(scope, half)]),
    apply('Div', [one, whole(scope, half)]),
  ])
  const columns = halves.map((one) => apply('Unsqueeze', [one, scope.integers(1)]))
  const flat = reshaped(scope, apply('Concat', columns, { axis: 1 }), [-1])
  return apply('Slice', [flat, scope.integers(0), scope.integers(count)])
}

/** A word of the key as a number from 0 to 2^32 - 1. */
function keyWord(scope: Scope, layer: number, place: number): string {
  const row = scope.apply('Gather', [noiseInput, whole(scope, layer)], { axis: 0 })
  const one = scope.apply('Gather', [row, whole(scope, place)], { axis: 0 })
  const wide = scope.apply('Cast', [one], { to: elementTypes.i64 })
  return scope.apply('Mod', [wide, whole(scope, word)])
}

/** Philox4x32-10 (Salmon et al. 2011) of many blocks at once, in 64-bit integers: four words [blocks]. */
function philox(scope: Scope, blocks: string, key: readonly string[]): readonly string[] {
  const { apply } = scope
  const [first = '', second = '', third = '', fourth = ''] = key
  const mix = (...[a, b, c]: [string, string, string]) =>
    apply('BitwiseXor', [apply('BitwiseXor', [a, b]), c])
  const advance = (one: string, by: number) =>
    apply('Mod', [apply('Add', [one, whole(scope, by)]), whole(scope, word)])
  let [w0, w1, w2, w3] = [blocks, whole(scope, 0), third, fourth]
  let [k0, k1] = [first, second]
  for (let round = 0; round < rounds; round += 1) {
    const [upper0, lower0] = product(scope, w0, multipliers[0])
    const [upper1, lower1] = product(scope, w2, multipliers[1])
    ;[w0, w1, w2, w3] = [mix(upper1, w1, k0), lower1, mix(upper0, w3, k1), lower0]
    ;[k0, k1] = [advance(k0, weyl[0]), advance(k1, weyl[1])]
  }
  return [w0, w1, w2, w3]
}

/** Upper and lower word of a product with a constant, by parts that fit into 63 bits. */
function product(scope: Scope, x: string, by: number): readonly [upper: string, lower: string] {
  const { apply } = scope
  const times = (factor: number) => apply('Mul', [x, whole(scope, factor)])
  const low = times(by % half)
  const middle = apply('Add', [
    times(Math.floor(by / half)),
    apply('Div', [low, whole(scope, half)]),
  ])
  const shifted = apply('Mul', [apply('Mod', [middle, whole(scope, half)]), whole(scope, half)])
  const lower = apply('Add', [shifted, apply('Mod', [low, whole(scope, half)])])
  return [apply('Div', [middle, whole(scope, half)]), lower]
}
