import { describe, expect, test } from 'vitest'
import { metricMicrosOf } from '#evaluator/held-out.ts'

describe('metricMicrosOf', () => {
  test.each<[number, bigint]>([
    [0, 0n],
    [1, 1_000_000n],
    [29 / 30, 966_667n],
    [-0.25, -250_000n],
    [Number.NaN, 0n],
    [Number.POSITIVE_INFINITY, 0n],
    [-1e300, -9_007_199_254_740_991n],
  ])('%d is %d', (metric, micros) => {
    expect(metricMicrosOf({ metric })).toBe(micros)
  })
})
