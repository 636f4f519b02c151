import { assert } from '#base/assert.ts'

const f = Math.fround
const laneCount = 8

/** A ternary matrix: weights are `scale` times its signs. */
export interface TernaryMatrix {
  /** -1, 0 or 1, row-major. */
  readonly signs: Int8Array
  readonly scale: number
  readonly rows: number
  readonly columns: number
}

/** The ternary weights that the engine computes with, in the order of operations of SPEC.md: w [rows, columns]. */
export function ternaryOf(
  w: Float32Array,
  [rows = 0, columns = 0]: readonly number[],
): TernaryMatrix {
  assert(w.length === rows * columns, 'the matrix has rows and columns')
  let sum = 0
  for (let i = 0; i < rows; i += 1) {
    sum = f(sum + absoluteSum(w.subarray(i * columns, (i + 1) * columns)))
  }
  const scale = f(sum / f(rows * columns))
  const half = f(scale * 0.5)
  const signs = Int8Array.from(w, (x) => (Math.abs(x) > half ? Math.sign(x) : 0))
  return { signs, scale, rows, columns }
}

/** The same as numbers: -scale, 0 or scale. */
export function ternaryValues({ signs, scale }: TernaryMatrix): Float32Array {
  return Float32Array.from(signs, (sign) => (sign === 0 ? 0 : sign * scale))
}

function absoluteSum(row: Float32Array): number {
  const lanes = new Float32Array(laneCount)
  for (let j = 0; j < row.length; j += 1) {
    lanes[j % laneCount] = (lanes[j % laneCount] as number) + Math.abs(row[j] as number)
  }
  return lanes.slice(1).reduce((sum, lane) => f(sum + lane), lanes[0] as number)
}
