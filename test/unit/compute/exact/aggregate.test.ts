import { describe, expect, test } from 'vitest'
import { aggregateUpdates } from '#compute/exact/aggregate.ts'
import { readWasm } from '../fixtures.ts'
import * as reference from './reference.ts'
import { bitsOf, createWorkbench } from './workbench.ts'

const stream = 12
const bench = await createWorkbench(stream)

describe(`aggregation (stream ${stream})`, () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('of %i updates', async (updates) => {
    const wasm = await readWasm()
    for (const count of [1, 3, 4, 9, 70]) {
      const vectors = Array.from({ length: updates }, () => bench.values(count))
      const options = { wasm, memoryBytesMax: 1 << 20 }
      const mean = await aggregateUpdates(vectors, 'mean', options)
      expect(bitsOf(mean)).toEqual(bitsOf(reference.mean(vectors)))
      const clipped = await aggregateUpdates(vectors, 'centeredClip', options)
      expect(bitsOf(clipped)).toEqual(bitsOf(reference.centeredClip(vectors)))
    }
  })

  test('centeredClip stays with the majority', async () => {
    const honest = bench.values(50)
    const liar = bench.values(50).map((value) => value * 1e6)
    const vectors = [honest, honest.map((value) => value + 0.01), liar]
    const found = await aggregateUpdates(vectors, 'centeredClip', {
      wasm: await readWasm(),
      memoryBytesMax: 1 << 20,
    })
    for (const [i, value] of found.entries())
      expect(Math.abs(value - (honest[i] as number))).toBeLessThan(0.2)
  })

  test('MEMORY_LIMIT', async () => {
    const options = { wasm: await readWasm(), memoryBytesMax: 100 }
    const found = aggregateUpdates([new Float32Array(100)], 'mean', options)
    await expect(found).rejects.toMatchObject({ code: 'MEMORY_LIMIT' })
  })
})
