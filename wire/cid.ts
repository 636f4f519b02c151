import { AppError } from '#base/error.ts'
import type { Hex } from './primitives.ts'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
/** Multicodec numbers of the two kinds of block an artifact can start with. */
export const codecs = { raw: 0x55, dagPb: 0x70 } as const
const sha256Code = 0x12
const digestBytes = 32

/** The CIDv1 (base32) of a block with this SHA-256 digest. */
export function cidOfDigest(digest: Hex, codec: number = codecs.raw): string {
  return `b${base32(Uint8Array.of(1, codec, sha256Code, digestBytes, ...bytesOf(digest)))}`
}

/** The SHA-256 digest inside a CIDv1. Throws CID_INVALID on another version, codec or hash. */
export function digestOfCid(cid: string): Hex {
  const bytes = cid.startsWith('b') ? fromBase32(cid.slice(1)) : undefined
  const isKnown =
    bytes?.length === 4 + digestBytes &&
    bytes[0] === 1 &&
    (bytes[1] === codecs.raw || bytes[1] === codecs.dagPb) &&
    bytes[2] === sha256Code &&
    bytes[3] === digestBytes
  if (!bytes || !isKnown) throw new AppError({ code: 'CID_INVALID', cid })
  return `0x${[...bytes.subarray(4)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

function bytesOf(hex: Hex): number[] {
  if (!/^0x[0-9a-f]{64}$/.test(hex)) throw new AppError({ code: 'CID_INVALID', digest: hex })
  return Array.from({ length: digestBytes }, (_, i) =>
    Number.parseInt(hex.slice(2 + 2 * i, 4 + 2 * i), 16),
  )
}

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31]
  }
  return bits === 0 ? text : text + alphabet[(held << (5 - bits)) & 31]
}

function fromBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const letter of text) {
    const value = alphabet.indexOf(letter)
    if (value < 0) return undefined
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 255)
  }
  return Uint8Array.from(bytes)
}
