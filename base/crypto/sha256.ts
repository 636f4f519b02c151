import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '../bytes.ts'

type Hash = (bytes: Uint8Array) => Uint8Array<ArrayBuffer>

/** The host's native SHA-256 where there is one (Node), else portable code; both give the same bytes. */
const hash: Hash = nativeHash() ?? portableSha256

/** SHA-256 of the parts one after another, 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const first = parts[0]
  return hash(parts.length === 1 && first !== undefined ? first : concatBytes(...parts))
}

/** The same without the host's help, for browsers. */
export function portableSha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(nobleSha256(bytes))
}

interface NativeCrypto {
  hash(algorithm: 'sha256', bytes: Uint8Array, encoding: 'buffer'): Uint8Array<ArrayBuffer>
}

function nativeHash(): Hash | undefined {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } })
    .process
  const native = host?.getBuiltinModule?.('node:crypto') as NativeCrypto | undefined
  if (typeof native?.hash !== 'function') return undefined
  return (bytes) => new Uint8Array(native.hash('sha256', bytes, 'buffer'))
}
