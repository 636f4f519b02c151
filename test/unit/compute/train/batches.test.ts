import { describe, expect, test } from 'vitest'
import { createBatches, shardSizeOf } from '#compute/train/batches.ts'
import { seed, segmentSeed } from '../fixtures.ts'

const sorted = (rows: Iterable<number>) => [...rows].toSorted((a, b) => a - b)

describe('createBatches', () => {
  test.each([
    [100, 0, 1],
    [101, 2, 3],
    [7, 6, 7],
  ])(
    'passes every row of the shard once an epoch (%i rows, shard %i of %i)',
    (rows, index, count) => {
      const batchAt = createBatches({ segmentSeed, rows, shard: { index, count }, batchSize: 1 })
      const size = shardSizeOf(rows, { index, count })
      const own = Array.from({ length: rows }, (_, i) => i).filter((i) => i % count === index)
      expect(size).toBe(own.length)
      for (const epoch of [0, 1, 2]) {
        const taken = Array.from({ length: size }, (_, i) => batchAt(epoch * size + i)[0] as number)
        expect(sorted(taken)).toEqual(own)
      }
    },
  )

  test('does not depend on where one begins', () => {
    const options = { segmentSeed, rows: 50, shard: { index: 1, count: 2 }, batchSize: 8 }
    const all = createBatches(options)
    const batches = Array.from({ length: 12 }, (_, i) => all(i))
    expect(createBatches(options)(11)).toEqual(batches[11])
    expect(createBatches(options)(3)).toEqual(batches[3])
    expect(createBatches({ ...options, segmentSeed: seed })(0)).not.toEqual(batches[0])
  })

  test('a batch may be larger than the shard', () => {
    const batchAt = createBatches({
      segmentSeed,
      rows: 5,
      shard: { index: 0, count: 2 },
      batchSize: 7,
    })
    expect(sorted(batchAt(0))).toEqual(sorted([0, 2, 4, 0, 2, 4, batchAt(0)[6] as number]))
  })

  test('SHARD_EMPTY', () => {
    const create = () =>
      createBatches({ segmentSeed, rows: 2, shard: { index: 2, count: 3 }, batchSize: 1 })
    expect(create).toThrow(expect.objectContaining({ code: 'SHARD_EMPTY' }))
  })
})
