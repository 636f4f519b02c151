import { describe, expect, test } from 'vitest'
import { devChainId } from '#wire/addresses.ts'
import { misbehaveKindOf, misbehaveKinds } from '#worker/misbehave.ts'

describe('misbehaveKindOf', () => {
  test.each(misbehaveKinds)('%s is known on a development chain', (kind) => {
    expect(misbehaveKindOf(kind, devChainId)).toBe(kind)
  })

  test('MISBEHAVE_REFUSED on every other chain', () => {
    expect(() => misbehaveKindOf('noise', 1)).toThrow(
      expect.objectContaining({ code: 'MISBEHAVE_REFUSED' }),
    )
  })

  test('USAGE for a word that is none', () => {
    expect(() => misbehaveKindOf('lazy', devChainId)).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    )
  })
})
