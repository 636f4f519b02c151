import { describe, expect, test } from 'vitest'
import {
  type Terms,
  decodeTerms,
  encodeTerms,
  packTerms,
  packedArgs,
  unpackTerms,
} from '#chain/client/terms.ts'
import { account, hash, terms } from './jobs.ts'

describe('packTerms', () => {
  test('gives six words from which every field comes back', () => {
    const packed = packTerms(terms)
    expect(Object.keys(packed)).toHaveLength(6)
    expect(unpackTerms(packed)).toEqual(terms)
    expect(encodeTerms(terms)).toHaveLength(2 + 6 * 64)
    expect(decodeTerms(encodeTerms(terms))).toEqual(terms)
  })

  test('has a place of its own for every field', () => {
    const others: Terms = {
      ...(Object.fromEntries(
        Object.entries(terms).map(([name, value]) => [
          name,
          name.endsWith('Wei') ? 9_000_000_000n : typeof value === 'bigint' ? value + 1n : 7,
        ]),
      ) as unknown as Terms),
      client: account('b'),
      engineId: hash('b'),
      specDigest: hash('c'),
    }
    const before = packTerms(terms)
    for (const name of Object.keys(terms) as (keyof Terms)[]) {
      const changed = { ...terms, [name]: others[name] }
      expect(packTerms(changed), name).not.toEqual(before)
      expect(unpackTerms(packTerms(changed)), name).toEqual(changed)
    }
  })

  test.each<[string, Partial<Terms>]>([
    ['rewardWei', { rewardWei: 1_000_000_001n }],
    ['rewardWei', { rewardWei: 2n ** 64n * 10n ** 9n }],
    ['rewardWei', { rewardWei: -(10n ** 9n) }],
    ['nonce', { nonce: 2n ** 64n }],
    ['workerCount', { workerCount: 256 }],
    ['runSeconds', { runSeconds: 2 ** 32 }],
  ])('refuses a value of %s that does not fit', (field, changed) => {
    expect(() => packTerms({ ...terms, ...changed })).toThrow(
      expect.objectContaining({
        code: 'TERMS_INVALID',
        fields: expect.objectContaining({ field }),
      }),
    )
  })

  test('leaves arguments alone that are packed or no terms', () => {
    expect(packedArgs([terms, 1])).toEqual([packTerms(terms), 1])
    expect(packedArgs([packTerms(terms), 1])).toEqual([packTerms(terms), 1])
    expect(packedArgs([hash('a')])).toEqual([hash('a')])
  })
})
