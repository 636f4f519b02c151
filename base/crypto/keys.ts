import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { AppError } from '../error.ts'
import { type Hex, fromHex, toHex } from '../hex.ts'

/** Keccak-256, as Ethereum uses it, 32 bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(keccak_256(bytes))
}

/** Whether the 32 bytes are a secp256k1 private key: not zero and below the order of the curve. */
export function isPrivateKey(bytes: Uint8Array): boolean {
  return bytes.length === 32 && secp256k1.utils.isValidSecretKey(bytes)
}

/** The Ethereum account of a private key, in lower case. Throws KEY_INVALID. */
export function addressOf(privateKey: Uint8Array): Hex {
  if (!isPrivateKey(privateKey)) throw new AppError({ code: 'KEY_INVALID' })
  return addressOfPublicKey(secp256k1.getPublicKey(privateKey, false))
}

/** The Ethereum account of a public key (33 or 65 bytes), in lower case. Throws KEY_INVALID. */
export function addressOfPublicKey(publicKey: Uint8Array): Hex {
  return toHex(keccak256(uncompressed(publicKey).subarray(1)).subarray(12))
}

/** Signs a 32-byte digest: r | s | v with v 27 or 28 and a low s, 65 bytes as hex. */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): Hex {
  if (!isPrivateKey(privateKey)) throw new AppError({ code: 'KEY_INVALID' })
  const signed = secp256k1.sign(digest, privateKey, { prehash: false, format: 'recovered' })
  const signature = new Uint8Array(65)
  signature.set(signed.subarray(1))
  signature[64] = 27 + (signed[0] as number)
  return toHex(signature)
}

/** The account that signed a 32-byte digest. Throws SIGNATURE_INVALID; a high s is invalid as on chain. */
export function recoverAddress(digest: Uint8Array, signature: string): Hex {
  try {
    const bytes = fromHex(signature)
    const recovery = (bytes[64] ?? 0) - 27
    if (bytes.length !== 65 || (recovery !== 0 && recovery !== 1))
      throw new RangeError('v or length')
    const parsed = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact')
    if (parsed.hasHighS()) throw new RangeError('high s')
    return addressOfPublicKey(
      parsed.addRecoveryBit(recovery).recoverPublicKey(digest).toBytes(false),
    )
  } catch (error) {
    throw new AppError({ code: 'SIGNATURE_INVALID' }, { cause: error })
  }
}

function uncompressed(publicKey: Uint8Array): Uint8Array {
  try {
    return secp256k1.Point.fromBytes(publicKey).toBytes(false)
  } catch (error) {
    throw new AppError({ code: 'KEY_INVALID' }, { cause: error })
  }
}
