import { recoverAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, test } from 'vitest'
import { keyConsentOf } from '#chain/client/key-consent.ts'

const hash = `0x${'5a'.repeat(32)}` as const

test('a consent in three words still names its signer, its end and the signature', async () => {
  for (let i = 1; i <= 8; i += 1) {
    const key = privateKeyToAccount(`0x${`0${i}`.repeat(32)}`)
    const operator = key.address.toLowerCase() as `0x${string}`
    const signature = await key.sign({ hash })
    const consent = { owner: operator, operator, validUntil: 1_900_000_000 + i, signature }
    const { signer, r, vs } = keyConsentOf(consent)
    expect(`0x${(signer & ((1n << 160n) - 1n)).toString(16).padStart(40, '0')}`).toBe(operator)
    expect(signer >> 160n).toBe(BigInt(consent.validUntil))
    const word = BigInt(vs)
    const plain = {
      r,
      s: `0x${(word & ((1n << 255n) - 1n)).toString(16).padStart(64, '0')}` as const,
    }
    const yParity = Number(word >> 255n)
    const found = await recoverAddress({ hash, signature: { ...plain, yParity } })
    expect(found.toLowerCase()).toBe(operator)
  }
})
