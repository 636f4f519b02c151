import { expect, test } from 'vitest'
import { bigramLoss } from '#test/bench/lm/bigram.ts'

const rowsOf = (tokens: number[]) => ({
  count: 1,
  x: Int32Array.from(tokens.slice(0, -1)),
  y: Int32Array.from(tokens.slice(1)),
})
const repeated = (tokens: number[], times: number) =>
  rowsOf(Array.from({ length: times }, () => tokens).flat())

test('a bigram model knows what always follows, and is even where it has seen nothing', () => {
  expect(bigramLoss(repeated([0, 1, 2], 200), repeated([0, 1, 2], 20), 4)).toBeLessThan(0.001)
  const unseen = bigramLoss(repeated([0, 1], 200), rowsOf([3, 2, 3, 2]), 4)
  expect(unseen).toBeCloseTo(Math.log(4), 6)
  const even = bigramLoss(repeated([0, 1, 0, 2], 500), repeated([0, 1, 0, 2], 50), 3)
  expect(even).toBeCloseTo(Math.LN2 / 2, 2)
})
