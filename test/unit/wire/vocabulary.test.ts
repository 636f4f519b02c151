import { describe, expect, test } from 'vitest'
import { byteOf, merges, tokenTexts, tokensOfBytes, vocabulary } from '#wire/vocabulary.ts'

describe('vocabulary', () => {
  test('numbers bytes as GPT-2 does', () => {
    // "Hello world\n!": the ids of these bytes in GPT-2's vocabulary
    const tokens = tokensOfBytes(new TextEncoder().encode('Hello world\n!'))
    expect([...tokens]).toEqual([39, 68, 75, 75, 78, 220, 86, 78, 81, 75, 67, 198, 0])
    expect(tokenTexts.slice(220, 221)).toEqual(['Ġ'])
    expect(tokenTexts[198]).toBe('Ċ')
  })

  test('has one token for each byte and one that is none', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const tokens = tokensOfBytes(bytes)
    expect(new Set(tokens).size).toBe(256)
    expect([...tokens].map(byteOf)).toEqual([...bytes])
    expect(byteOf(vocabulary.endOfText)).toBeUndefined()
    expect(new Set(tokenTexts).size).toBe(vocabulary.size)
  })

  test('has a merge of two tokens that gives no third', () => {
    for (const merge of merges) {
      const parts = merge.split(' ')
      expect(parts.every((part) => tokenTexts.includes(part))).toBe(true)
      expect(tokenTexts).not.toContain(parts.join(''))
    }
  })
})
