import { bls12_381 } from '@noble/curves/bls12-381.js'
import { concatBytes } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'

const fieldBytes = 48

/** A public key as the precompiles of EIP-2537 take it: x | y, 64 bytes each. Throws KEY_INVALID. */
export function keyPoint(publicKey: Hex): Hex {
  try {
    const { x, y } = bls12_381.G1.Point.fromBytes(fromHex(publicKey)).toAffine()
    return pointOf([x, y])
  } catch (error) {
    throw new AppError({ code: 'KEY_INVALID' }, { cause: error })
  }
}

/** A signature in the same way: x.c0 | x.c1 | y.c0 | y.c1, 64 bytes each. Throws SIGNATURE_INVALID. */
export function signaturePoint(signature: Hex): Hex {
  try {
    const { x, y } = bls12_381.G2.Point.fromBytes(fromHex(signature)).toAffine()
    return pointOf([x.c0, x.c1, y.c0, y.c1])
  } catch (error) {
    throw new AppError({ code: 'SIGNATURE_INVALID' }, { cause: error })
  }
}

function pointOf(coordinates: readonly bigint[]): Hex {
  const parts = coordinates.flatMap((coordinate) => [
    new Uint8Array(64 - fieldBytes),
    fromHex(coordinate.toString(16).padStart(2 * fieldBytes, '0')),
  ])
  return toHex(concatBytes(...parts))
}
