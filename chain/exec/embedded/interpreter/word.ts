const mask64 = (1n << 64n) - 1n

/** The word at a place; the view reaches at least 32 bytes further. */
export function readWord(view: DataView, at: number): bigint {
  const a = view.getBigUint64(at)
  const b = view.getBigUint64(at + 8)
  const c = view.getBigUint64(at + 16)
  const d = view.getBigUint64(at + 24)
  if (a === 0n && b === 0n) return c === 0n ? d : (c << 64n) | d
  return (((a << 64n) | b) << 128n) | ((c << 64n) | d)
}

/** Writes a word to its 32 bytes. */
export function writeWord(view: DataView, at: number, word: bigint): void {
  if (word <= mask64) {
    view.setBigUint64(at, 0n)
    view.setBigUint64(at + 8, 0n)
    view.setBigUint64(at + 16, 0n)
    view.setBigUint64(at + 24, word)
    return
  }
  view.setBigUint64(at, word >> 192n)
  view.setBigUint64(at + 8, BigInt.asUintN(64, word >> 128n))
  view.setBigUint64(at + 16, BigInt.asUintN(64, word >> 64n))
  view.setBigUint64(at + 24, BigInt.asUintN(64, word))
}

/** Bytes, most significant first, as a number. */
export function wordOf(bytes: Uint8Array): bigint {
  if (bytes.length === 32) {
    return readWord(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0)
  }
  let word = 0n
  for (const byte of bytes) word = (word << 8n) | BigInt(byte)
  return word
}
