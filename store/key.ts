/** Bytes as a string of one character a byte: a cheap key for maps, in the same order as the bytes. */
export function toKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** The bytes of such a key. */
export function fromKey(key: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i += 1) bytes[i] = key.charCodeAt(i)
  return bytes
}
