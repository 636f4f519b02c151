import { describe, expect, test } from 'vitest'
import { createWords, streamKeyOf } from '#compute/exact/random.ts'
import { seed } from '../fixtures.ts'
import { bitsOf, createWorkbench } from './workbench.ts'

const bench = await createWorkbench(13)

describe('random numbers', () => {
  test('kernel and TypeScript give the same words', () => {
    const key = streamKeyOf(seed, 3, 4)
    const keyAt = bench.put(new Float32Array(new Uint8Array(key).buffer))
    const words = bench.put(new Int32Array(400))
    bench.kernels.words(words, 0, 100, keyAt)
    const next = createWords(key)
    const expected = Array.from({ length: 400 }, next)
    expect([...new Uint32Array(bench.take(words, 400).buffer)]).toEqual(expected)
  })

  test('Philox4x32-10 gives the published words', () => {
    // Random123, kat_vectors: counter and key all zero
    const next = createWords(new Uint8Array(16))
    const words = [next(), next(), next(), next()].map((word) => word.toString(16))
    expect(words).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8'])
  })

  test('normals follow their formula, with mean 0 and the asked deviation', () => {
    const key = streamKeyOf(seed, 0, 1)
    const keyAt = bench.put(new Float32Array(new Uint8Array(key).buffer))
    const count = 20_000
    const at = bench.put(new Float32Array(count))
    bench.kernels.normals(at, count, keyAt, 0.5)
    const found = bench.take(at, count)
    const next = createWords(key)
    const expected = Array.from({ length: 100 }, () => {
      let sum = -6 * 2 ** 24
      for (let i = 0; i < 12; i += 1) sum += next() >>> 8
      return Math.fround(sum) * 2 ** -24 * 0.5
    })
    expect(bitsOf(found.slice(0, 100))).toEqual(bitsOf(expected))
    const mean = found.reduce((sum, value) => sum + value, 0) / count
    const variance = found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count
    expect(Math.abs(mean)).toBeLessThan(0.01)
    expect(Math.abs(Math.sqrt(variance) - 0.5)).toBeLessThan(0.01)
  })
})
