import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'

describe('createRng', () => {
  test('gives the same numbers for the same seed, for ever', () => {
    const rng = createRng(1)
    expect([rng.nextU32(), rng.nextU32(), rng.nextU32()]).toEqual([
      3073360450, 3502178853, 574295437,
    ])
  })

  test('gives others for seeds that differ only above 32 bits', () => {
    expect(createRng(1).nextU32()).not.toBe(createRng(1 + 2 ** 32).nextU32())
  })

  test('fills the buckets of below() evenly', () => {
    const rng = createRng(7)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 20_000; i += 1) counts[rng.below(10)]! += 1
    const chiSquare = counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)
    expect(chiSquare).toBeLessThan(27.9) // 99.9 % point at 9 degrees of freedom
  })

  test('stays below a bound that does not divide 2^32', () => {
    const rng = createRng(3)
    const drawn = Array.from({ length: 1000 }, () => rng.below(3_000_000_000))
    expect(Math.max(...drawn)).toBeLessThan(3_000_000_000)
    expect(drawn.filter((value) => value > 2 ** 31).length).toBeGreaterThan(200)
  })
})
