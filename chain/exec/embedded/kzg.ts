import type { CustomCrypto } from '@ethereumjs/common'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { AppError } from '#base/error.ts'
import { fromHex } from '#base/hex.ts'

type Kzg = NonNullable<CustomCrypto['kzg']>

const { G1, G2, fields, pairingBatch } = bls12_381

/** [tau]_2 of Ethereum's KZG ceremony: all of the trusted setup that checking one point needs. */
export const tauG2 =
  'b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d' +
  '2914e5870cb452d2afaaab24f3499f72185cbfee53492714734429b7b38608e2' +
  '3926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2'

/** What the point evaluation precompile needs; blobs themselves are not carried by this chain. */
export const pointEvaluation: Kzg = {
  verifyProof: (commitment, z, y, proof) => verifyPoint({ commitment, z, y, proof }),
  blobToKzgCommitment: unsupported,
  computeBlobProof: unsupported,
  verifyBlobProofBatch: unsupported,
  computeCells: unsupported,
  computeCellsAndProofs: unsupported,
  recoverCellsAndProofs: unsupported,
  verifyCellKzgProofBatch: unsupported,
}

interface PointProof {
  readonly commitment: string
  readonly z: string
  readonly y: string
  readonly proof: string
}

/**
 * Whether the committed polynomial takes the value y at z: e(C - [y]G1, G2) = e(proof, [tau - z]G2), as in
 * EIP-4844. Throws C_KZG_BADARGS, the name the interpreter looks for, where a point or scalar is none.
 */
function verifyPoint({ commitment, z, y, proof }: PointProof): boolean {
  const shifted = G2.Point.fromHex(tauG2).subtract(G2.Point.BASE.multiplyUnsafe(scalarOf(z)))
  const difference = pointOf(commitment).subtract(G1.Point.BASE.multiplyUnsafe(scalarOf(y)))
  const pairs = [
    { g1: difference, g2: G2.Point.BASE.negate() },
    { g1: pointOf(proof), g2: shifted },
  ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0()) // e(0, Q) = e(P, 0) = 1
  if (pairs.length === 0) return true
  return fields.Fp12.eql(pairingBatch(pairs), fields.Fp12.ONE)
}

function pointOf(hex: string) {
  try {
    const point = G1.Point.fromBytes(fromHex(hex))
    if (!point.is0()) point.assertValidity()
    return point
  } catch (error) {
    throw new AppError({ code: 'C_KZG_BADARGS' }, { cause: error })
  }
}

function scalarOf(hex: string): bigint {
  const scalar = BigInt(hex)
  if (scalar >= fields.Fr.ORDER) throw new AppError({ code: 'C_KZG_BADARGS' })
  return scalar
}

function unsupported(): never {
  throw new AppError({ code: 'BLOBS_UNSUPPORTED' })
}
