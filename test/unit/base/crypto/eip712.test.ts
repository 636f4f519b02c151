import { hashTypedData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { recoverTyped, signTyped, typedDigest } from '#base/crypto/eip712.ts'
import { addressOf, isPrivateKey, recoverAddress, signDigest } from '#base/crypto/keys.ts'
import { fromHex, toHex } from '#base/hex.ts'

const privateKey = fromHex('4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318')
const account = privateKeyToAccount(toHex(privateKey))

const mail = {
  domain: {
    name: 'Quern',
    version: '1',
    chainId: 78787n,
    verifyingContract: '0x0000000000000000000000000000000000051005',
  },
  types: {
    Person: [
      { name: 'name', type: 'string' },
      { name: 'wallets', type: 'address[]' },
    ],
    Mail: [
      { name: 'from', type: 'Person' },
      { name: 'to', type: 'Person[2]' },
      { name: 'amount', type: 'uint128' },
      { name: 'change', type: 'int64' },
      { name: 'tag', type: 'bytes4' },
      { name: 'body', type: 'bytes' },
      { name: 'root', type: 'bytes32' },
      { name: 'isUrgent', type: 'bool' },
    ],
  },
  primaryType: 'Mail',
  message: {
    from: { name: 'Ada', wallets: ['0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826'] },
    to: [
      { name: 'Bob', wallets: [] },
      { name: 'Zoë', wallets: ['0x00000000000000000000000000000000000000ff'] },
    ],
    amount: 2n ** 128n - 1n,
    change: -5,
    tag: '0xdeadbeef',
    body: '0x010203',
    root: `0x${'ab'.repeat(32)}`,
    isUrgent: true,
  },
} as const

describe('typedDigest', () => {
  test('is what viem computes, with nested structs, lists and negative numbers', () => {
    expect(toHex(typedDigest(mail))).toBe(hashTypedData(mail as never))
  })

  test('knows a domain of one field', () => {
    const small = { ...mail, domain: { name: 'Quern' } }
    expect(toHex(typedDigest(small))).toBe(hashTypedData(small as never))
  })

  test.each([
    ['an integer too large', { amount: 2n ** 128n }],
    ['a negative unsigned integer', { amount: -1 }],
    ['a fraction', { amount: 1.5 }],
    ['a missing field', { amount: undefined }],
    ['bytes of the wrong length', { tag: '0xdeadbe' }],
    ['a list of the wrong length', { to: [] }],
  ])('refuses %s', (_title, change) => {
    const wrong = { ...mail, message: { ...mail.message, ...change } }
    expect(() => typedDigest(wrong)).toThrow('assertion failed')
  })
})

describe('signTyped', () => {
  test('gives viem’s signature, which recovers to the signer', async () => {
    const signature = signTyped(mail, privateKey)
    expect(signature).toBe(await account.signTypedData(mail as never))
    expect(recoverTyped(mail, signature)).toBe(account.address.toLowerCase())
  })

  test('recovers to somebody else when the message has changed', () => {
    const changed = { ...mail, message: { ...mail.message, change: -6 } }
    expect(recoverTyped(changed, signTyped(mail, privateKey))).not.toBe(addressOf(privateKey))
  })
})

describe('recoverAddress', () => {
  const digest = typedDigest(mail)
  const signature = signDigest(digest, privateKey)

  test.each([
    ['the wrong length', signature.slice(0, -2)],
    ['not hex', '0xzz'],
    ['v of 29', `${signature.slice(0, -2)}1d`],
    ['zero', `0x${'00'.repeat(64)}1b`],
  ])('SIGNATURE_INVALID: %s', (_title, wrong) => {
    const error = expect.objectContaining({ code: 'SIGNATURE_INVALID' })
    expect(() => recoverAddress(digest, wrong)).toThrow(error)
  })

  test('SIGNATURE_INVALID: the mirrored signature with a high s', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0')
    const mirrored = `${signature.slice(0, 66)}${s}${signature.endsWith('1b') ? '1c' : '1b'}`
    const error = expect.objectContaining({ code: 'SIGNATURE_INVALID' })
    expect(() => recoverAddress(digest, mirrored)).toThrow(error)
  })
})

describe('addressOf', () => {
  test('is the account viem derives, in lower case', () => {
    expect(addressOf(privateKey)).toBe(account.address.toLowerCase())
  })

  test('KEY_INVALID: zero and the order of the curve', () => {
    const order = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
    for (const wrong of [new Uint8Array(32), order, new Uint8Array(31)]) {
      expect(isPrivateKey(wrong)).toBe(false)
      expect(() => addressOf(wrong)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }))
    }
  })
})
