import type { CustomCrypto } from '@ethereumjs/common'
import mcl from 'mcl-wasm'
import { AppError } from '#base/error.ts'
import { fromHex } from '#base/hex.ts'
import { tauG2 } from '../kzg.ts'

type VerifyProof = NonNullable<CustomCrypto['kzg']>['verifyProof']

/** Order of the scalars of BLS12-381. */
const order = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n
const generatorG1 =
  '97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb'
const generatorG2 =
  '93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e' +
  '024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8'

/**
 * Whether a committed polynomial takes the value y at z: e(C - y G1 + z proof, -G2) e(proof, tau G2) = 1, the
 * equation of EIP-4844 with all scalars on the cheaper side. Throws C_KZG_BADARGS where a point or scalar is
 * none. `mcl` must be open on BLS12-381.
 */
export function createVerifyProof(): VerifyProof {
  mcl.setETHserialization(true)
  const base = g1(generatorG1)
  const minusG2 = new mcl.PrecomputedG2(mcl.neg(g2(generatorG2)))
  const tau = new mcl.PrecomputedG2(g2(tauG2))

  return (commitment, z, y, proof) => {
    const [c, pi] = [g1(commitment), g1(proof)]
    const value = mcl.sub(c, mcl.mul(base, scalar(y)))
    const left = mcl.add(value, mcl.mul(pi, scalar(z)))
    if (pi.isZero()) return left.isZero()
    return mcl.finalExp(mcl.precomputedMillerLoop2(left, minusG2, pi, tau)).isOne()
  }
}

const infinityG1 = `c0${'00'.repeat(47)}`

/** The library takes zeros for infinity and does not look at what follows its flag. */
function g1(hex: string) {
  const digits = hex.replace(/^0x/, '')
  const flags = Number.parseInt(digits.slice(0, 2), 16)
  const isInfinity = (flags & 0x40) !== 0
  if ((flags & 0x80) === 0 || (isInfinity && digits !== infinityG1)) {
    throw new AppError({ code: 'C_KZG_BADARGS' })
  }
  const point = new mcl.G1()
  mcl.verifyOrderG1(true)
  return read(point, hex)
}

function g2(hex: string) {
  const point = new mcl.G2()
  mcl.verifyOrderG2(true)
  return read(point, hex)
}

function read<P extends { deserialize(bytes: Uint8Array): void }>(point: P, hex: string): P {
  try {
    point.deserialize(fromHex(hex))
    return point
  } catch (error) {
    throw new AppError({ code: 'C_KZG_BADARGS' }, { cause: error })
  }
}

function scalar(hex: string) {
  const number = BigInt(hex)
  if (number >= order) throw new AppError({ code: 'C_KZG_BADARGS' })
  const value = new mcl.Fr()
  value.setStr(number.toString(16), 16)
  return value
}
