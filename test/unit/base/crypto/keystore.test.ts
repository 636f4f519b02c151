import { describe, expect, test } from 'vitest'
import { decryptKey, encryptKey, parseKeystore, scryptLight } from '#base/crypto/keystore.ts'
import { addressOf } from '#base/crypto/keys.ts'
import { fromHex, toHex } from '#base/hex.ts'

const privateKey = fromHex('7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d')
const random = Uint8Array.from({ length: 64 }, (_, i) => i)

/** A file that ethers 5 wrote. */
const foreign = {
  address: '008aeeda4d805471df9b2a5b0f38a0c3bcba786b',
  id: '8ad3a11d-4c8a-43b0-9fa9-4d97b4a3ae95',
  version: 3,
  Crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '11316b691b7412eabf81851238e54285' },
    ciphertext: '4c09aaa6276729b1e9652d6e0d27e96ec6a0fa92982b6c1e687afca5121ec959',
    kdf: 'scrypt',
    kdfparams: {
      salt: '8b88bec78ff55033da143f3bd56540806224eee6c39fa50650c83e17c8ebe484',
      n: 8192,
      dklen: 32,
      p: 1,
      r: 8,
    },
    mac: 'bcf64f0190ece9e798e1fcbba9a818fba32ab1b255199c82af83de1c847aa7f5',
  },
}

describe('encryptKey', () => {
  test('opens with its password', async () => {
    const keystore = await encryptKey(privateKey, 'secret', { random, scrypt: scryptLight })
    const read = parseKeystore(JSON.stringify(keystore))
    expect(read).toEqual(keystore)
    expect(`0x${read.address}`).toBe(addressOf(privateKey))
    expect(await decryptKey(read, 'secret')).toEqual(privateKey)
  })

  test('WRONG_PASSWORD', async () => {
    const keystore = await encryptKey(privateKey, 'secret', { random, scrypt: scryptLight })
    for (const wrong of ['Secret', '', 'secret ']) {
      await expect(decryptKey(keystore, wrong)).rejects.toMatchObject({ code: 'WRONG_PASSWORD' })
    }
  })

  test('KEYSTORE_INVALID: the file names another account', async () => {
    const keystore = await encryptKey(privateKey, 'secret', { random, scrypt: scryptLight })
    const renamed = { ...keystore, address: '00'.repeat(20) }
    await expect(decryptKey(renamed, 'secret')).rejects.toMatchObject({ code: 'KEYSTORE_INVALID' })
  })
})

describe('parseKeystore', () => {
  test('opens a file of another program', async () => {
    const keystore = parseKeystore(JSON.stringify(foreign))
    expect(toHex(await decryptKey(keystore, 'testpassword'))).toBe(toHex(privateKey))
  })

  const withKdf = (change: object) => ({
    ...foreign,
    Crypto: {
      ...foreign.Crypto,
      kdfparams: { ...foreign.Crypto.kdfparams, ...change },
    },
  })

  test.each([
    ['another version', { ...foreign, version: 1 }],
    ['no crypto', { ...foreign, Crypto: null }],
    ['an address too short', { ...foreign, address: 'ff' }],
    ['n that is no power of two', withKdf({ n: 1000 })],
    ['n that would take all memory', withKdf({ n: 2 ** 30 })],
    ['n too large for r, by RFC 7914', withKdf({ n: 262_144, r: 1 })],
    ['r that would take all memory', withKdf({ n: 2 ** 20, r: 32 })],
    ['p as a text', withKdf({ p: 'many' })],
    ['a salt too short', withKdf({ salt: 'ab' })],
    ['a list', []],
    ['null', null],
  ])('KEYSTORE_INVALID: %s', (_title, content) => {
    const error = expect.objectContaining({ code: 'KEYSTORE_INVALID' })
    expect(() => parseKeystore(JSON.stringify(content))).toThrow(error)
  })

  test('KEYSTORE_INVALID: not JSON', () => {
    const error = expect.objectContaining({ code: 'KEYSTORE_INVALID' })
    expect(() => parseKeystore('{')).toThrow(error)
  })
})
