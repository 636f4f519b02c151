import { describe, expect, test } from 'vitest'
import { exp, laneSum } from './reference.ts'
import { bitsOf, createWorkbench } from './workbench.ts'

const f = Math.fround
const bench = await createWorkbench(41)
const shapes = Array.from({ length: 40 }, (_, i) => ({
  heads: bench.integer(1, 3),
  size: i === 0 ? 1 : bench.integer(1, 21),
  context: i < 4 ? i + 1 : bench.integer(1, 40),
}))

/** One row of causal attention, one operation after another. */
function attendRow(
  q: Float32Array,
  { keys, values, scale }: { keys: Float32Array[]; values: Float32Array[]; scale: number },
): Float32Array {
  const scores = keys.map((key) => {
    return f(key.reduce((sum, value, d) => f(sum + f((q[d] as number) * value)), 0) * scale)
  })
  const most = Math.max(...scores)
  const weights = Float32Array.from(scores, (score) => exp(f(score - most)))
  const inverse = f(1 / laneSum([weights]))
  return q.map((_, d) =>
    weights.reduce(
      (sum, weight, j) => f(sum + f(f(weight * inverse) * (values[j]?.[d] as number))),
      0,
    ),
  )
}

describe('attendCached', () => {
  test.each(shapes)('$heads heads of $size, $context places', ({ heads, size, context }) => {
    bench.clear()
    const width = heads * size
    const [q, k, v] = [0, 1, 2].map(() => bench.values(context * width)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    const scale = f(1 / Math.sqrt(size))
    const keys = bench.put(new Float32Array(width * context))
    const values = bench.put(v)
    const first = bench.integer(0, context - 1)
    const rows = bench.integer(1, context - first)
    bench.kernels.cacheKeys(bench.put(k), context, width, keys, context, 0)
    const turned = Float32Array.from({ length: width * context }, (_, i) => {
      return k[(i % context) * width + Math.floor(i / context)] as number
    })
    expect(bitsOf(bench.take(keys, width * context))).toEqual(bitsOf(turned))
    const y = bench.put(new Float32Array(rows * width))
    const sides = [heads, size, context, scale] as const
    const queries = bench.put(q.slice(first * width))
    const scores = bench.scratch(4 * context)
    bench.kernels.attendCached(queries, keys, values, y, rows, first, ...sides, scores)
    const expected = new Float32Array(rows * width)
    for (let i = 0; i < rows; i += 1) {
      for (let h = 0; h < heads; h += 1) {
        const part = (x: Float32Array, row: number) =>
          x.subarray(row * width + h * size, row * width + (h + 1) * size)
        const upTo = (x: Float32Array) =>
          Array.from({ length: first + i + 1 }, (_, j) => part(x, j))
        const own = attendRow(part(q, first + i), { keys: upTo(k), values: upTo(v), scale })
        expected.set(own, i * width + h * size)
      }
    }
    expect(bitsOf(bench.take(y, rows * width))).toEqual(bitsOf(expected))
  })
})
