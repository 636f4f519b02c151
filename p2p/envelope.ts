import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import * as multihash from 'multiformats/hashes/digest'
import { concatBytes, u32be, u64be, utf8 } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import type { Network } from './network.ts'

/**
 * A statement that anyone can verify without having received it from its author: the author's peer key
 * signs topic, sequence and body.
 *
 * Bytes: version u8 | author length u8 | author | sequence u64 | body length u32 | body | signature.
 */
export interface Envelope {
  readonly author: string
  readonly sequence: number
  readonly body: Uint8Array
  /** The encoded form, signature included. */
  readonly bytes: Uint8Array
}

const version = 1
const sizeBytesMax = 1_048_576

/** Signs and encodes a statement of this node's peer. */
export async function sealEnvelope(
  network: Pick<Network, 'peerId' | 'sign'>,
  topic: string,
  statement: { sequence: number; body: Uint8Array },
): Promise<Envelope> {
  const { sequence, body } = statement
  const author = peerIdFromString(network.peerId).toMultihash().bytes
  const signature = await network.sign(preimage(topic, sequence, body))
  const bytes = concatBytes(
    Uint8Array.of(version, author.length),
    author,
    u64be(sequence),
    u32be(body.length),
    body,
    signature,
  )
  return { author: network.peerId, sequence, body, bytes }
}

/** Decodes without verifying. Throws ENVELOPE_INVALID. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const { author, sequence, body } = parse(bytes)
  return { author: author.toString(), sequence, body, bytes }
}

/** Decodes and verifies the author's signature. Throws ENVELOPE_INVALID or ENVELOPE_FORGED. */
export async function openEnvelope(topic: string, bytes: Uint8Array): Promise<Envelope> {
  const { author, sequence, body, signature } = parse(bytes)
  if (!(await isSignedBy(author, preimage(topic, sequence, body), signature)))
    throw new AppError({ code: 'ENVELOPE_FORGED', author: author.toString() })
  return { author: author.toString(), sequence, body, bytes }
}

/** Whether the signature is one of the peer's key. */
export async function isSignedBy(
  peer: PeerId,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { publicKey } = peer
  // Another encoding of the same key would be a second name for its owner.
  if (publicKey === undefined || !peerIdFromPublicKey(publicKey).equals(peer)) return false
  try {
    return await publicKey.verify(bytes, signature)
  } catch {
    return false // a signature of the wrong length throws
  }
}

function preimage(topic: string, sequence: number, body: Uint8Array): Uint8Array {
  const name = utf8(topic)
  return concatBytes(utf8('quern/entry/1'), u32be(name.length), name, u64be(sequence), body)
}

interface Parts {
  readonly author: PeerId
  readonly sequence: number
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

function parse(bytes: Uint8Array): Parts {
  try {
    if (bytes.length < 14 || bytes.length > sizeBytesMax || bytes[0] !== version) {
      throw new RangeError('length or version')
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const authorEnd = 2 + (bytes[1] as number)
    const sequence = Number(view.getBigUint64(authorEnd))
    const bodyEnd = authorEnd + 12 + view.getUint32(authorEnd + 8)
    if (!Number.isSafeInteger(sequence) || bodyEnd > bytes.length) throw new RangeError('bounds')
    return {
      author: peerIdFromMultihash(multihash.decode(bytes.subarray(2, authorEnd))),
      sequence,
      body: bytes.subarray(authorEnd + 12, bodyEnd),
      signature: bytes.subarray(bodyEnd),
    }
  } catch (error) {
    throw new AppError({ code: 'ENVELOPE_INVALID', sizeBytes: bytes.length }, { cause: error })
  }
}

/** Joins envelopes into one answer, each after its length, up to `totalBytesMax`. */
export function packEnvelopes(envelopes: Iterable<Envelope>, totalBytesMax: number): Uint8Array {
  const parts: Uint8Array[] = []
  let totalBytes = 0
  for (const { bytes } of envelopes) {
    totalBytes += 4 + bytes.length
    if (totalBytes > totalBytesMax) break
    parts.push(u32be(bytes.length), bytes)
  }
  return concatBytes(...parts)
}

/** The envelopes of an answer, not verified. Throws ENVELOPE_INVALID. */
export function unpackEnvelopes(packed: Uint8Array): Uint8Array[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const found: Uint8Array[] = []
  for (let offset = 0; offset < packed.length;) {
    const end = offset + 4 <= packed.length ? offset + 4 + view.getUint32(offset) : Infinity
    if (end > packed.length) throw new AppError({ code: 'ENVELOPE_INVALID', offset })
    found.push(packed.subarray(offset + 4, end))
    offset = end
  }
  return found
}
