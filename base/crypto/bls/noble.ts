import { bls12_381 } from '@noble/curves/bls12-381.js'
import { concatBytes, u32be } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { sha256 } from '../sha256.ts'
import { type Claim, type Scheme, blsDomain, completeScheme } from './scheme.ts'

const { longSignatures } = bls12_381
const KeyPoint = bls12_381.G1.Point
const SignaturePoint = bls12_381.G2.Point
type KeyPoint = ReturnType<typeof KeyPoint.fromBytes>
type SignaturePoint = ReturnType<typeof SignaturePoint.fromBytes>

/** The scheme in plain JavaScript, for browsers and platforms without a prebuilt library. */
export function createNobleScheme(): Scheme {
  return completeScheme({
    driver: 'noble',
    publicKey(secretKey) {
      try {
        return toHex(longSignatures.getPublicKey(secretKey).toBytes(true))
      } catch (error) {
        throw new AppError({ code: 'KEY_INVALID' }, { cause: error })
      }
    },
    sign: (secretKey, message) =>
      toHex(longSignatures.Signature.toBytes(longSignatures.sign(hashed(message), secretKey))),
    verify: ({ publicKey, message, signature }) =>
      holds(() => longSignatures.verify(signatureOf(signature), hashed(message), keyOf(publicKey))),
    verifyAll: (claims) => holds(() => verifyAll(claims)),
    verifyAggregate: (publicKeys, message, signature) =>
      publicKeys.length > 0 &&
      holds(() => {
        const key = longSignatures.aggregatePublicKeys(publicKeys.map(keyOf))
        return longSignatures.verify(signatureOf(signature), hashed(message), key)
      }),
    aggregate(signatures) {
      try {
        const sum = longSignatures.aggregateSignatures(signatures.map(signatureOf))
        return toHex(longSignatures.Signature.toBytes(sum))
      } catch (error) {
        throw new AppError({ code: 'SIGNATURE_INVALID' }, { cause: error })
      }
    },
  })
}

/**
 * Multiplies each claim by a factor of 128 bits that depends on all claims, so that wrong signatures cannot
 * cancel out, and checks the sum: claims over one message cost one pairing together.
 */
function verifyAll(claims: readonly Claim[]): boolean {
  const seed = sha256(
    ...claims.map(({ publicKey, message, signature }) =>
      concatBytes(fromHex(publicKey), fromHex(signature), u32be(message.length), message),
    ),
  )
  const factors = claims.map((_, i) => factorOf(seed, i))
  const scaled = claims.map(({ signature }, i) => signatureOf(signature).multiply(factors[i]!))
  const keysByMessage = new Map<Hex, KeyPoint>()
  for (const [i, { publicKey, message }] of claims.entries()) {
    const key = keyOf(publicKey).multiply(factors[i]!)
    const name = toHex(message)
    keysByMessage.set(name, keysByMessage.get(name)?.add(key) ?? key)
  }
  const items = [...keysByMessage].map(([message, publicKey]) => ({
    message: hashed(fromHex(message)),
    publicKey,
  }))
  return longSignatures.verifyBatch(longSignatures.aggregateSignatures(scaled), items)
}

/** Never zero, below the order of the group. */
function factorOf(seed: Uint8Array, index: number): bigint {
  return BigInt(toHex(sha256(seed, u32be(index)).subarray(0, 16))) + 1n
}

function hashed(message: Uint8Array): SignaturePoint {
  return longSignatures.hash(message, blsDomain)
}

function keyOf(publicKey: Hex): KeyPoint {
  const key = KeyPoint.fromBytes(fromHex(publicKey))
  key.assertValidity()
  if (key.is0()) throw new RangeError('infinity')
  return key
}

function signatureOf(signature: Hex): SignaturePoint {
  const point = longSignatures.Signature.fromBytes(fromHex(signature))
  point.assertValidity()
  if (point.is0()) throw new RangeError('infinity')
  return point
}

function holds(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false // a key or signature that is none
  }
}
