import { type EVMBN254Interface, EVMError } from '@ethereumjs/evm'
import { concatBytes } from '#base/bytes.ts'
import { wordOf } from '../interpreter/word.ts'
import type { Mcl } from './mcl.ts'

/** Order of the field that coordinates are in (EIP-196). */
const p = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47n
const firstBytes = 64
const pairBytes = 192

type G1 = InstanceType<Mcl['G1']>
type G2 = InstanceType<Mcl['G2']>

/** The curve of EIP-196 and EIP-197 in WebAssembly. Throws EVMError where a point is none. */
export function createBn254(mcl: Mcl): EVMBN254Interface {
  const unit = new mcl.Fp()
  unit.setStr('1', 16)

  function element(bytes: Uint8Array) {
    const value = new mcl.Fp()
    value.setBigEndianMod(bytes)
    return value
  }

  function first(bytes: Uint8Array): G1 {
    const point = new mcl.G1()
    const [x, y] = [bytes.subarray(0, 32), bytes.subarray(32, 64)]
    const [wordX, wordY] = [coordinate(x), coordinate(y)]
    if (wordX === 0n && wordY === 0n) return point
    if ((wordY * wordY - wordX * wordX * wordX - 3n) % p !== 0n) throw notOnCurve()
    point.setX(element(x))
    point.setY(element(y))
    point.setZ(unit)
    return point
  }

  function pairOf(imaginary: Uint8Array, real: Uint8Array) {
    const value = new mcl.Fp2()
    value.set_a(element(real))
    value.set_b(element(imaginary))
    return value
  }

  /** On the twist and in its subgroup. */
  function second(bytes: Uint8Array): G2 {
    const point = new mcl.G2()
    const [x1, x0, y1, y0] = [0, 32, 64, 96].map((at) => bytes.subarray(at, at + 32)) as Four
    if ([x1, x0, y1, y0].map(coordinate).every((word) => word === 0n)) return point
    point.setX(pairOf(x1, x0))
    point.setY(pairOf(y1, y0))
    point.setZ(pairOf(new Uint8Array(32), one))
    if (!point.isValid()) throw notOnCurve()
    return point
  }

  function bytesOf(point: G1): Uint8Array {
    if (point.isZero()) return new Uint8Array(firstBytes)
    point.normalize()
    return concatBytes(point.getX().serialize().toReversed(), point.getY().serialize().toReversed())
  }

  return {
    add: (input) => bytesOf(mcl.add(first(input), first(input.subarray(firstBytes)))),
    mul(input) {
      const factor = new mcl.Fr()
      factor.setBigEndianMod(input.subarray(firstBytes, firstBytes + 32))
      return bytesOf(mcl.mul(first(input), factor))
    },
    pairing(input) {
      mcl.verifyOrderG2(true)
      let product: ReturnType<Mcl['millerLoop']> | undefined
      for (let at = 0; at < input.length; at += pairBytes) {
        const point = first(input.subarray(at, at + firstBytes))
        const other = second(input.subarray(at + firstBytes, at + pairBytes))
        if (point.isZero() || other.isZero()) continue // e(0, Q) = e(P, 0) = 1
        const factor = mcl.millerLoop(point, other)
        product = product === undefined ? factor : mcl.mul(product, factor)
      }
      const isOne = product === undefined || mcl.finalExp(product).isOne()
      return isOne ? one : new Uint8Array(32)
    },
  }
}

type Four = [Uint8Array, Uint8Array, Uint8Array, Uint8Array]

const one = new Uint8Array(32)
one[31] = 1

function coordinate(bytes: Uint8Array): bigint {
  const word = wordOf(bytes)
  if (word >= p) throw new EVMError(EVMError.errorMessages.BN254_FP_NOT_IN_FIELD)
  return word
}

function notOnCurve(): EVMError {
  return new EVMError(EVMError.errorMessages.BLS_12_381_POINT_NOT_ON_CURVE)
}
