import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { assert } from '#base/assert.ts'
import { concatBytes, utf8 } from '#base/bytes.ts'
import { toHex } from '#base/hex.ts'
import { sha256 } from '../sha256.ts'

const groupOrder = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n
const okmBytes = 48

/**
 * A BLS12-381 secret key (32 bytes) from at least 32 secret bytes: KeyGen of draft-irtf-cfrg-bls-signature,
 * version 4.
 */
export function blsSecretKey(secret: Uint8Array): Uint8Array {
  assert(secret.length >= 32, 'a key needs 32 bytes of secret')
  const ikm = concatBytes(secret, Uint8Array.of(0))
  let salt: Uint8Array = utf8('BLS-SIG-KEYGEN-SALT-')
  for (;;) {
    salt = sha256(salt)
    const prk = extract(nobleSha256, ikm, salt)
    const okm = expand(nobleSha256, prk, Uint8Array.of(0, okmBytes), okmBytes)
    const scalar = BigInt(toHex(okm)) % groupOrder
    if (scalar !== 0n) return bytesOf(scalar)
  }
}

function bytesOf(scalar: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((scalar >> BigInt(8 * (31 - i))) & 0xffn))
}
