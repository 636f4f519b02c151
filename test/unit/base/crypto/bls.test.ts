import { SecretKey } from '@chainsafe/blst'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { createBlstScheme } from '#base/crypto/bls/blst.ts'
import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import type { Claim, Scheme } from '#base/crypto/bls/scheme.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'

const blst = createBlstScheme()
const noble = createNobleScheme()
const secrets = Array.from({ length: 8 }, (_, i) => blsSecretKey(sha256(utf8(`key ${i}`))))
const first = secrets[0] as Uint8Array
const message = utf8('quern/vote/1 something')
const infinityKey: Hex = `0xc0${'00'.repeat(47)}`
const infinitySignature: Hex = `0xc0${'00'.repeat(95)}`

/** The message of each claim is one of two, as with the votes of one view. */
function claimsOf(scheme: Scheme): Claim[] {
  return secrets.map((secret, i) => {
    const said = utf8(`quern/vote/1 ${i % 2}`)
    return {
      publicKey: scheme.publicKey(secret),
      message: said,
      signature: scheme.sign(secret, said),
    }
  })
}

describe('the two drivers', () => {
  test('make the same keys, signatures and aggregates', () => {
    for (const secret of secrets.slice(0, 3)) {
      expect(noble.publicKey(secret)).toBe(blst.publicKey(secret))
      expect(noble.sign(secret, message)).toBe(blst.sign(secret, message))
    }
    const signatures = secrets.slice(0, 3).map((secret) => blst.sign(secret, message))
    expect(noble.aggregate(signatures)).toBe(blst.aggregate(signatures))
  })

  test('sign what the published suite says (sign_case_zero of the Ethereum consensus tests)', () => {
    const secret = fromHex('0x263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3')
    const expected =
      '0xb6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55'
    expect(blst.sign(secret, new Uint8Array(32))).toBe(expected)
    expect(noble.sign(secret, new Uint8Array(32))).toBe(expected)
  })
})

test('the loaded driver is the native one here', async () => {
  expect((await loadScheme()).driver).toBe('blst')
})

describe('blsSecretKey', () => {
  test('is KeyGen of the draft, as blst has it', () => {
    for (const seed of [new Uint8Array(32), sha256(utf8('a')), new Uint8Array(64).fill(7)]) {
      expect(toHex(blsSecretKey(seed))).toBe(toHex(SecretKey.fromKeygen(seed).toBytes()))
    }
  })
})

describe.each([blst, noble])('$driver', (scheme) => {
  const publicKey = scheme.publicKey(first)
  const signature = blst.sign(first, message)

  test('tells right from wrong', () => {
    expect(scheme.verify({ publicKey, message, signature })).toBe(true)
    expect(scheme.verify({ publicKey, message: utf8('other'), signature })).toBe(false)
    const stranger = scheme.publicKey(secrets[1] as Uint8Array)
    expect(scheme.verify({ publicKey: stranger, message, signature })).toBe(false)
  })

  test.each([
    ['infinity as key', infinityKey, signature],
    ['infinity as both', infinityKey, infinitySignature],
    ['a key of no length', '0x', signature],
    ['a point outside the curve', `0x8f${'ff'.repeat(47)}`, signature],
    ['a short signature', publicKey, '0x1234'],
    ['no hex', publicKey, '0xzz'],
  ] as const)('refuses %s', (_title, key, signed) => {
    expect(scheme.verify({ publicKey: key, message, signature: signed })).toBe(false)
    expect(scheme.verifyBatch([{ publicKey: key, message, signature: signed }])).toEqual([0])
    expect(scheme.verifyAggregate([key], message, signed)).toBe(false)
  })

  test('finds the wrong claims of a batch', () => {
    const claims = claimsOf(blst)
    expect(scheme.verifyBatch([])).toEqual([])
    expect(scheme.verifyBatch(claims)).toEqual([])
    claims[2] = { ...(claims[2] as Claim), signature: (claims[3] as Claim).signature }
    claims[7] = { ...(claims[7] as Claim), signature: '0x00' }
    expect(scheme.verifyBatch(claims)).toEqual([2, 7])
  })

  test('two wrong claims whose sum is right do not pass', () => {
    const claims = claimsOf(blst)
    const [a, c] = [claims[0] as Claim, claims[2] as Claim] // over the same message
    claims[0] = { ...a, signature: c.signature }
    claims[2] = { ...c, signature: a.signature }
    expect(scheme.verifyBatch(claims)).toEqual([0, 2])
  })

  test('checks an aggregate against exactly its signers', () => {
    const keys = secrets.slice(0, 4).map((secret) => blst.publicKey(secret))
    const sum = scheme.aggregate(secrets.slice(0, 4).map((secret) => blst.sign(secret, message)))
    expect(scheme.verifyAggregate(keys, message, sum)).toBe(true)
    expect(scheme.verifyAggregate(keys.slice(1), message, sum)).toBe(false)
    expect(scheme.verifyAggregate([], message, sum)).toBe(false)
    expect(() => scheme.aggregate(['0x11'])).toThrow(/SIGNATURE_INVALID/)
  })

  test('refuses a secret key that is none', () => {
    expect(() => scheme.publicKey(new Uint8Array(32))).toThrow(/KEY_INVALID/)
    expect(() => scheme.publicKey(new Uint8Array(31))).toThrow(/KEY_INVALID/)
  })
})
