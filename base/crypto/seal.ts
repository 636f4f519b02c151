import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { assert } from '../assert.ts'
import { concatBytes } from '../bytes.ts'
import { AppError } from '../error.ts'

/** An X25519 key pair, 32 bytes each. */
export interface SealKeys {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** Plain bytes per segment of an encrypted stream. */
export const streamSegmentBytes = 1_048_576
/** Random bytes at the head of an encrypted stream; never twice with one key. */
export const streamPrefixBytes = 7

const tagBytes = 16
const encBytes = 32

/** HPKE base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
function suite(): CipherSuite {
  return new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  })
}

/** The X25519 key pair of 32 or more secret bytes, always the same for the same bytes. */
export async function sealKeysOf(seed: Uint8Array): Promise<SealKeys> {
  const { kem } = suite()
  const pair = await kem.deriveKeyPair(ownBuffer(seed))
  return {
    publicKey: new Uint8Array(await kem.serializePublicKey(pair.publicKey)),
    privateKey: new Uint8Array(await kem.serializePrivateKey(pair.privateKey)),
  }
}

/** Seals a few bytes (a key) to the owner of `publicKey`: enc (32) | ciphertext | tag (16). `context` is bound to it. */
export async function seal(
  plain: Uint8Array,
  publicKey: Uint8Array,
  context: Uint8Array,
): Promise<Uint8Array> {
  const hpke = suite()
  const recipientPublicKey = await hpke.kem.deserializePublicKey(ownBuffer(publicKey))
  const options = { recipientPublicKey, info: ownBuffer(context) }
  const { enc, ct } = await hpke.seal(options, ownBuffer(plain))
  return concatBytes(new Uint8Array(enc), new Uint8Array(ct))
}

/** Opens what was sealed to this key pair under the same context. Throws SEAL_INVALID. */
export async function unseal(
  sealed: Uint8Array,
  privateKey: Uint8Array,
  context: Uint8Array,
): Promise<Uint8Array> {
  try {
    const hpke = suite()
    const recipientKey = await hpke.kem.deserializePrivateKey(ownBuffer(privateKey))
    const enc = ownBuffer(sealed.subarray(0, encBytes))
    const options = { recipientKey, enc, info: ownBuffer(context) }
    return new Uint8Array(await hpke.open(options, ownBuffer(sealed.subarray(encBytes))))
  } catch (error) {
    throw new AppError({ code: 'SEAL_INVALID', sizeBytes: sealed.length }, { cause: error })
  }
}

/**
 * Encrypts a byte stream with AES-256-GCM in the STREAM construction: prefix (7), then segments of 1 MiB,
 * each with its tag; nonce = prefix | counter as u32be | 1 in the last segment. Chunks may have any size.
 */
export async function* encryptStream(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  key: Uint8Array,
  prefix: Uint8Array,
): AsyncGenerator<Uint8Array> {
  assert(
    key.length === 32 && prefix.length === streamPrefixBytes,
    'a key of 32, a prefix of 7 bytes',
  )
  yield prefix
  let counter = 0
  for await (const { bytes, isLast } of cut(chunks, streamSegmentBytes)) {
    yield encryptSegment(bytes, key, nonceOf(prefix, counter, isLast))
    counter += 1
  }
}

/** Decrypts what `encryptStream` wrote, segment by segment; throws SEAL_INVALID on any change, cut or swap. */
export async function* decryptStream(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array> {
  assert(key.length === 32, 'a key of 32 bytes')
  const source = splitHead(chunks, streamPrefixBytes)
  const head = await source.next()
  const prefix = head.done === true ? new Uint8Array() : head.value
  if (prefix.length !== streamPrefixBytes) throw new AppError({ code: 'SEAL_INVALID', segment: 0 })
  let counter = 0
  for await (const { bytes, isLast } of cut(source, streamSegmentBytes + tagBytes)) {
    yield decryptSegment(bytes, key, nonceOf(prefix, counter, isLast))
    counter += 1
  }
}

/** `encryptStream` for bytes that are in memory. */
export async function encryptBytes(
  plain: Uint8Array,
  key: Uint8Array,
  prefix: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return concatBytes(...(await Array.fromAsync(encryptStream([plain], key, prefix))))
}

/** `decryptStream` for bytes that are in memory. Throws SEAL_INVALID. */
export async function decryptBytes(
  sealed: Uint8Array,
  key: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return concatBytes(...(await Array.fromAsync(decryptStream([sealed], key))))
}

function encryptSegment(bytes: Uint8Array, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return concatBytes(cipher.update(bytes), cipher.final(), cipher.getAuthTag())
}

function decryptSegment(bytes: Uint8Array, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  try {
    const bodyEnd = bytes.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAuthTag(bytes.subarray(bodyEnd))
    return concatBytes(decipher.update(bytes.subarray(0, bodyEnd)), decipher.final())
  } catch (error) {
    throw new AppError({ code: 'SEAL_INVALID', sizeBytes: bytes.length }, { cause: error })
  }
}

function nonceOf(prefix: Uint8Array, counter: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12)
  nonce.set(prefix)
  new DataView(nonce.buffer).setUint32(streamPrefixBytes, counter)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

/** Cuts chunks of any size into pieces of `size` bytes; the last one (shorter, perhaps empty) is marked. */
async function* cut(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ bytes: Uint8Array; isLast: boolean }> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    held.push(chunk)
    heldBytes += chunk.length
    if (heldBytes <= size) continue
    const all = concatBytes(...held)
    let at = 0
    for (; all.length - at > size; at += size) {
      yield { bytes: all.subarray(at, at + size), isLast: false }
    }
    held = [all.subarray(at)]
    heldBytes = all.length - at
  }
  yield { bytes: concatBytes(...held), isLast: true }
}

/** The first `size` bytes as one chunk, then the rest as it comes. */
async function* splitHead(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array()
  for await (const chunk of chunks) {
    if (head === undefined) {
      yield chunk
      continue
    }
    head = concatBytes(head, chunk)
    if (head.length < size) continue
    yield head.subarray(0, size)
    yield head.subarray(size)
    head = undefined
  }
  if (head !== undefined) yield head
}

function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
