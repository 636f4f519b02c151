import type { Kernels } from '../exact/kernels.ts'
import { floatBytes } from '../exact/lowering.ts'

/** A ternary matrix in 2 bits a weight, and the size of its -1 and 1. */
interface Packed {
  readonly at: number
  readonly scale: number
}

/** Where ternary layers of integers work; `take` gives room for so many binary32 values. */
export interface IntegerPlaces {
  readonly integers: number
  readonly factors: number
  readonly sums: number
  /** As many zeros as the widest layer has outputs: these layers have no biases. */
  readonly zeros: number
  /** Room of each packed matrix by its name. */
  readonly packedAt: ReadonlyMap<string, number>
  /** Filled by `packTernary`. */
  readonly packed: Map<string, Packed>
}

interface Matrix {
  readonly name: string
  readonly shape: readonly number[]
}

const columnBlock = 64

/** Places of integer layers with these matrices. */
export function placeIntegers(
  matrices: readonly Matrix[],
  kernels: Kernels,
  take: (floats: number) => number,
): IntegerPlaces {
  const sideMax = Math.max(...matrices.flatMap(({ shape }) => shape))
  const floatsOf = (sizeBytes: number) => Math.ceil(sizeBytes / floatBytes)
  return {
    integers: take(sideMax + 4),
    factors: take(floatsOf(kernels.ternaryFactorsBytes(sideMax))),
    sums: take(sideMax + columnBlock),
    zeros: take(sideMax),
    packedAt: new Map(
      matrices.map(({ name, shape: [depth = 0, width = 0] }) => [
        name,
        take(floatsOf(kernels.packedTernaryBytes(depth, width))),
      ]),
    ),
    packed: new Map(),
  }
}

/** Packs the binary32 weights of a matrix, which stand at `from`. */
export function packTernary(
  kernels: Kernels,
  places: IntegerPlaces,
  { name, shape: [depth = 0, width = 0], from }: Matrix & { readonly from: number },
): void {
  const at = places.packedAt.get(name) ?? 0
  kernels.absoluteSums(from, width, places.sums, 0, depth)
  const scale = kernels.ternaryScale(places.sums, depth, depth * width)
  kernels.packTernary(from, depth, width, scale, at)
  places.packed.set(name, { at, scale })
}

/** y = x W by integers, row by row (SPEC.md, "Integer inference"): [rows, depth] -> [rows, width]. */
export function multiplyIntegers(
  kernels: Kernels,
  { integers, factors, sums, zeros }: IntegerPlaces,
  product: {
    readonly packed: Packed
    readonly from: number
    readonly to: number
    readonly shape: readonly [rows: number, depth: number, width: number]
  },
): void {
  const { packed, from, to, shape } = product
  const [rows, depth, width] = shape
  for (let row = 0; row < rows; row += 1) {
    const unit = kernels.quantizeActivations(from + row * depth * floatBytes, depth, integers)
    kernels.ternaryFactors(integers, depth, factors)
    kernels.ternarySums(packed.at, factors, depth, sums, 0, Math.ceil(width / 16))
    const y = to + row * width * floatBytes
    kernels.scaleSums(sums, Math.fround(unit * packed.scale), zeros, y, width)
  }
}
