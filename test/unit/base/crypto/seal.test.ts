import { describe, expect, test } from 'vitest'
import { concatBytes, utf8 } from '#base/bytes.ts'
import {
  decryptBytes,
  decryptStream,
  encryptBytes,
  encryptStream,
  seal,
  sealKeysOf,
  streamSegmentBytes,
  unseal,
} from '#base/crypto/seal.ts'
import { createRng } from '#base/rng.ts'

const rng = createRng(11)
const random = (size: number) => Uint8Array.from({ length: size }, () => rng.nextU32())
const key = random(32)
const prefix = random(7)
const invalid = { code: 'SEAL_INVALID' }

describe('seal', () => {
  const context = utf8('quern/heldout/1')

  test('opens with the right key and context only', async () => {
    const [own, other] = [await sealKeysOf(random(32)), await sealKeysOf(random(32))]
    const sealed = await seal(key, own.publicKey, context)
    expect(sealed.length).toBe(32 + 32 + 16)
    expect(await unseal(sealed, own.privateKey, context)).toEqual(key)
    await expect(unseal(sealed, other.privateKey, context)).rejects.toMatchObject(invalid)
    await expect(unseal(sealed, own.privateKey, utf8('other'))).rejects.toMatchObject(invalid)
    await expect(unseal(sealed.subarray(0, 40), own.privateKey, context)).rejects.toMatchObject(
      invalid,
    )
    await expect(unseal(new Uint8Array(), own.privateKey, context)).rejects.toMatchObject(invalid)
  })

  test('the key pair of a seed is always the same', async () => {
    const seed = random(32)
    expect(await sealKeysOf(seed)).toEqual(await sealKeysOf(seed.slice()))
  })

  test('the same key sealed twice looks different', async () => {
    const own = await sealKeysOf(random(32))
    const [a, b] = [
      await seal(key, own.publicKey, context),
      await seal(key, own.publicKey, context),
    ]
    expect(a).not.toEqual(b)
  })
})

describe('encryptStream', () => {
  test.each([0, 1, streamSegmentBytes - 1, streamSegmentBytes, streamSegmentBytes + 1])(
    'opens to the same %i bytes',
    async (size) => {
      const plain = new Uint8Array(size).fill(7)
      const sealed = await encryptBytes(plain, key, prefix)
      const segments = Math.max(1, Math.ceil(size / streamSegmentBytes))
      expect(sealed.length).toBe(7 + size + 16 * segments)
      expect(Buffer.compare(await decryptBytes(sealed, key), plain)).toBe(0)
    },
  )

  test('does not depend on how the bytes are cut into chunks', async () => {
    const plain = random(10_000)
    const cut = (bytes: Uint8Array, size: number) =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
    const whole = await encryptBytes(plain, key, prefix)
    const inParts = await Array.fromAsync(encryptStream(cut(plain, 777), key, prefix))
    expect(concatBytes(...inParts)).toEqual(whole)
    for (const size of [3, 1000]) {
      const opened = await Array.fromAsync(decryptStream(cut(whole, size), key))
      expect(concatBytes(...opened)).toEqual(plain)
    }
  })

  test('SEAL_INVALID: a bit flipped, an end cut off, segments swapped, another key', async () => {
    const plain = new Uint8Array(2 * streamSegmentBytes + 9)
    const sealed = await encryptBytes(plain, key, prefix)
    const segment = streamSegmentBytes + 16
    const flipped = sealed.slice()
    flipped[segment + 50]! ^= 1
    const swapped = concatBytes(
      sealed.subarray(0, 7),
      sealed.subarray(7 + segment, 7 + 2 * segment),
      sealed.subarray(7, 7 + segment),
      sealed.subarray(7 + 2 * segment),
    )
    const changed = [
      flipped,
      swapped,
      sealed.subarray(0, 7 + segment), // ends at a border of segments
      sealed.subarray(0, -1),
      sealed.subarray(0, 5),
      sealed.subarray(0, 7),
      concatBytes(sealed, sealed.subarray(7, 100)),
    ]
    for (const bytes of changed)
      await expect(decryptBytes(bytes, key)).rejects.toMatchObject(invalid)
    await expect(decryptBytes(sealed, random(32))).rejects.toMatchObject(invalid)
  })
})
