import { AppError } from './error.ts'

/** Hexadecimal bytes with their 0x prefix. */
export type Hex = `0x${string}`

const digits = '0123456789abcdef'

/** Bytes as lower-case hex with 0x. */
export function toHex(bytes: Uint8Array): Hex {
  let text = ''
  for (const byte of bytes) text += digits.charAt(byte >>> 4) + digits.charAt(byte & 15)
  return `0x${text}`
}

/** The bytes of a hex text, with or without 0x. Throws HEX_INVALID. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const plain = text.startsWith('0x') ? text.slice(2) : text
  if (plain.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(plain)) {
    throw new AppError({ code: 'HEX_INVALID', length: text.length })
  }
  const bytes = new Uint8Array(plain.length / 2)
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(plain.slice(2 * i, 2 * i + 2), 16)
  }
  return bytes
}
