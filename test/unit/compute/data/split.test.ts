import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { shuffle, splitRows } from '#compute/data/split.ts'
import { fuzz } from './scratch.ts'

const { seed, numRuns } = fuzz(300)
const range = (length: number) => Uint32Array.from({ length }, (_, i) => i)

describe('splitRows', () => {
  test(`gives each row to one part, each class its share (seed ${seed})`, () => {
    const input = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
      share: fc.integer({ min: 1, max: 60 }),
      splitSeed: fc.nat(),
    })
    fc.assert(
      fc.property(input, ({ sizes, share, splitSeed }) => {
        const testShare = share / 100
        const classes = Int32Array.from(sizes.flatMap((size, i) => Array<number>(size).fill(i)))
        const rows = range(classes.length).map((row) => row * 3)
        const split = splitRows(rows, { testShare, rng: createRng(splitSeed), classes })
        expect([...split.train, ...split.test].toSorted((a, b) => a - b)).toEqual([...rows])
        expect(split.test.length).toBeLessThanOrEqual(Math.round(rows.length * testShare))
        for (const [i, size] of sizes.entries()) {
          const held = [...split.test].filter((row) => classes[row / 3] === i).length
          expect(Math.abs(held - size * testShare)).toBeLessThan(2)
          expect(held).toBeLessThan(size)
        }
      }),
      { seed, numRuns },
    )
  })

  test('holds out the exact share where classes allow it', () => {
    const classes = Int32Array.from({ length: 10_000 }, (_, i) => (i * i) % 7)
    const split = splitRows(range(10_000), { testShare: 0.2, rng: createRng(1), classes })
    expect([split.train.length, split.test.length]).toEqual([8000, 2000])
  })

  test('depends on the seed alone', () => {
    const split = (of: number) => splitRows(range(20), { testShare: 0.2, rng: createRng(of) })
    expect(split(5)).toEqual(split(5))
    expect(split(5)).not.toEqual(split(6))
    expect([...split(5).test]).toEqual([16, 8, 19, 13])
  })
})

describe('shuffle', () => {
  test('puts every row everywhere about equally often', () => {
    const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0])
    const rng = createRng(3)
    for (let i = 0; i < 8000; i++) {
      for (const [at, row] of shuffle(range(4), rng).entries()) {
        ;(counts[row] as number[])[at] = (counts[row]?.[at] ?? 0) + 1
      }
    }
    // 2000 expected in each place, deviation 39
    expect(Math.min(...counts.flat())).toBeGreaterThan(1800)
    expect(Math.max(...counts.flat())).toBeLessThan(2200)
  })
})
