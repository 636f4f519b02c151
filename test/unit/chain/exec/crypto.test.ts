import { describe, expect, test } from 'vitest'
import { keccak256, addressOf, signDigest } from '#base/crypto/keys.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'

describe.each(['native', 'wasm'] as const)('loadCrypto (%s)', (recoverer) => {
  test('hashes and recovers like the portable code', async () => {
    const crypto = await loadCrypto({ recoverer })
    expect(crypto.recoverer).toBe(recoverer)
    const rng = createRng(7)
    for (let i = 1; i <= 40; i += 1) {
      const bytes = Uint8Array.from({ length: i * 7 }, () => rng.below(256))
      const digest = crypto.keccak256(bytes)
      expect(toHex(digest)).toBe(toHex(keccak256(bytes)))
      const key = new Uint8Array(32).fill(i)
      const signature = fromHex(signDigest(digest, key))
      const recovery = (signature[64] ?? 0) - 27
      const publicKey = crypto.recover(digest, signature.subarray(0, 64), recovery)
      expect(toHex(keccak256(publicKey).subarray(12))).toBe(addressOf(key))
    }
  })

  test('throws where no key can have signed', async () => {
    const { recover } = await loadCrypto({ recoverer })
    expect(() => recover(new Uint8Array(32).fill(1), new Uint8Array(64), 0)).toThrow()
    expect(() => recover(new Uint8Array(32).fill(1), new Uint8Array(64).fill(255), 0)).toThrow()
  })
})

test('this machine uses the native binding', async () => {
  expect((await loadCrypto()).recoverer).toBe('native')
})
