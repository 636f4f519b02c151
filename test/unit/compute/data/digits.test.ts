import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateDigits } from '#compute/data/digits.ts'

describe('generateDigits', () => {
  test('gives the committed bytes', () => {
    const { pixels } = generateDigits({ seed: 1, rows: 300 })
    expect(createHash('sha256').update(pixels).digest('hex')).toBe(
      'dbc1c3c78b1dac463ad7ec3d44e5a83c520a039a2f5a570c833e4fdd8c860414',
    )
  })

  test('gives 6,000 images of ten classes by default, other ones for another seed', () => {
    const { rows, shape, labels, pixels } = generateDigits({ rows: 6000 })
    expect([rows, shape, pixels.length]).toEqual([6000, [1, 16, 16], 6000 * 256])
    const counts = new Map<number, number>()
    const values = labels?.kind === 'number' ? labels.values : []
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
    expect([...counts.values()]).toEqual(Array(10).fill(600))
    expect(generateDigits({ seed: 2, rows: 20 }).pixels).not.toEqual(pixels.subarray(0, 20 * 256))
  })

  test('draws no image twice, and ink on each', () => {
    const { pixels, rows } = generateDigits({ seed: 4, rows: 500 })
    const images = Array.from({ length: rows }, (_, i) => pixels.subarray(i * 256, (i + 1) * 256))
    expect(new Set(images.map((image) => image.join())).size).toBe(rows)
    const dark = images.map((image) => image.filter((value) => value > 100).length)
    expect(Math.min(...dark)).toBeGreaterThan(5)
    expect(Math.max(...dark)).toBeLessThan(128)
  })
})
