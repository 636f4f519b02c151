import { type PublicKey as Key, PublicKey, SecretKey, Signature } from '@chainsafe/blst'
import { aggregateSignatures, fastAggregateVerify, verify } from '@chainsafe/blst'
import { verifyMultipleAggregateSignatures } from '@chainsafe/blst'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type Claim, type Scheme, completeScheme } from './scheme.ts'

const keysMax = 4_096

/** The scheme on the native blst library, for Node. */
export function createBlstScheme(): Scheme {
  const keys = new Map<Hex, Key>()

  /** Decoding checks the subgroup and costs as much as a tenth of a verification: each key once. */
  function keyOf(publicKey: Hex): Key {
    const known = keys.get(publicKey)
    if (known !== undefined) return known
    const key = PublicKey.fromBytes(fromHex(publicKey), true)
    if (keys.size >= keysMax) keys.clear()
    keys.set(publicKey, key)
    return key
  }

  const setOf = ({ message, publicKey, signature }: Claim) => ({
    msg: message,
    pk: keyOf(publicKey),
    sig: signatureOf(signature),
  })

  return completeScheme({
    driver: 'blst',
    publicKey: (secretKey) => toHex(secretOf(secretKey).toPublicKey().toBytes()),
    sign: (secretKey, message) => toHex(secretOf(secretKey).sign(message).toBytes()),
    verify: ({ message, publicKey, signature }) =>
      holds(() => verify(message, keyOf(publicKey), signatureOf(signature))),
    verifyAll: (claims) => holds(() => verifyMultipleAggregateSignatures(claims.map(setOf))),
    verifyAggregate: (publicKeys, message, signature) =>
      publicKeys.length > 0 &&
      holds(() => fastAggregateVerify(message, publicKeys.map(keyOf), signatureOf(signature))),
    aggregate(signatures) {
      try {
        return toHex(aggregateSignatures(signatures.map(signatureOf)).toBytes())
      } catch (error) {
        throw new AppError({ code: 'SIGNATURE_INVALID' }, { cause: error })
      }
    },
  })
}

function secretOf(secretKey: Uint8Array): SecretKey {
  try {
    return SecretKey.fromBytes(secretKey)
  } catch (error) {
    throw new AppError({ code: 'KEY_INVALID' }, { cause: error })
  }
}

/** Checks that the point is in its subgroup and not infinity. */
function signatureOf(signature: Hex): Signature {
  return Signature.fromBytes(fromHex(signature), true)
}

function holds(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false // a key or signature that is none
  }
}
