import { describe, expect, test } from 'vitest'
import { concatBytes, equalBytes, u32be, u64be } from '#base/bytes.ts'
import { fromHex, toHex } from '#base/hex.ts'

describe('hex', () => {
  test('goes there and back for every byte', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(fromHex(toHex(bytes))).toEqual(bytes)
    expect(toHex(bytes)).toBe(`0x${Buffer.from(bytes).toString('hex')}`)
    expect(fromHex('FFa0')).toEqual(Uint8Array.of(255, 160))
  })

  test.each(['0x0', '0xzz', 'xx', '0x 1', '-1'])('HEX_INVALID: %s', (text) => {
    expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: 'HEX_INVALID' }))
  })
})

describe('bytes', () => {
  test('integers are big-endian', () => {
    expect(toHex(u32be(0xfffffffe))).toBe('0xfffffffe')
    expect(toHex(u64be(2n ** 64n - 2n))).toBe('0xfffffffffffffffe')
    expect(toHex(u64be(258))).toBe('0x0000000000000102')
  })

  test('parts are joined in order, and compared whole', () => {
    const joined = concatBytes(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3))
    expect(equalBytes(joined, Uint8Array.of(1, 2, 3))).toBe(true)
    expect(equalBytes(joined, Uint8Array.of(1, 2))).toBe(false)
    expect(equalBytes(joined, Uint8Array.of(1, 2, 4))).toBe(false)
  })
})
