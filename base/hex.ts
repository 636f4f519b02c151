import { AppError } from './error.ts'

/** Hexadecimal bytes with their 0x prefix. */
export type Hex = `0x${string}`

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Bytes as lower-case hex with 0x. */
export function toHex(bytes: Uint8Array): Hex {
  let text = ''
  for (const byte of bytes) text += pairs[byte] ?? ''
  return `0x${text}`
}

/** The bytes of a hex text, with or without 0x. Throws HEX_INVALID. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const start = text.startsWith('0x') ? 2 : 0
  const bytes = new Uint8Array((text.length - start) >> 1)
  let isValid = text.length % 2 === 0
  for (let i = 0; i < bytes.length; i += 1) {
    const high = valueOf(text.charCodeAt(start + 2 * i))
    const low = valueOf(text.charCodeAt(start + 2 * i + 1))
    isValid &&= high >= 0 && low >= 0
    bytes[i] = 16 * high + low
  }
  if (!isValid) throw new AppError({ code: 'HEX_INVALID', length: text.length })
  return bytes
}

/** What a digit's character code stands for; -1 for another character. */
function valueOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48 // 0 to 9
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1 // a to f
}
