import { type ECDH, createECDH } from 'node:crypto'
import type { PrecompileFunc } from '@ethereumjs/evm'
import { wordOf } from '../interpreter/word.ts'

/** Curve P-256 of FIPS 186-5: y^2 = x^3 - 3x + b over p, of prime order n. */
const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

const inputBytes = 160
const fee = 6_900n

/**
 * ECDSA over P-256 (EIP-7951), by OpenSSL's scalar products, which need no hash of their own: u1 G + u2 Q is u2
 * times the point Q + (u1 / u2) G. What cannot be decided so goes to `stock`.
 */
export function createP256Verify(stock: PrecompileFunc): PrecompileFunc {
  const curve = createECDH('prime256v1')

  return (options) => {
    const { data: input, gasLimit } = options
    if (input.length !== inputBytes || gasLimit < fee) return stock(options)
    const words = [0, 32, 64, 96, 128].map((at) => wordOf(input.subarray(at, at + 32)))
    const isValid = verify(curve, words as Words)
    if (isValid === undefined) return stock(options)
    const returnValue = isValid ? one : none
    return { executionGasUsed: fee, returnValue }
  }
}

const none = new Uint8Array()
const one = new Uint8Array(32)
one[31] = 1

type Words = [digest: bigint, r: bigint, s: bigint, x: bigint, y: bigint]

function verify(curve: ECDH, [digest, r, s, x, y]: Words): boolean | undefined {
  if (r === 0n || r >= n || s === 0n || s >= n || x >= p || y >= p) return undefined
  if ((x * x * x - 3n * x + b - y * y) % p !== 0n) return undefined
  const inverse = invert(r * s, n)
  const second = (((r * r) % n) * inverse) % n // u2 = r / s
  const ratio = (((digest * s) % n) * inverse) % n // u1 / u2 = digest / r
  const point = ratio === 0n ? [x, y] : plusBase(curve, ratio, [x, y])
  if (point === undefined) return undefined
  try {
    curve.setPrivateKey(bytesOf(second))
    const product = curve.computeSecret(Buffer.concat([form, ...point.map(bytesOf)]))
    return wordOf(product) % n === r
  } catch {
    return undefined
  }
}

const form = Uint8Array.of(4)

/** Q + k G; undefined where the two are the same or opposite. */
function plusBase(curve: ECDH, k: bigint, [x = 0n, y = 0n]: readonly bigint[]) {
  curve.setPrivateKey(bytesOf(k))
  const base = curve.getPublicKey()
  const [otherX, otherY] = [wordOf(base.subarray(1, 33)), wordOf(base.subarray(33, 65))]
  if (otherX === x) return undefined
  const slope = modulo((otherY - y) * invert(modulo(otherX - x, p), p), p)
  const sumX = modulo(slope * slope - x - otherX, p)
  return [sumX, modulo(slope * (x - sumX) - y, p)]
}

function modulo(value: bigint, m: bigint): bigint {
  const rest = value % m
  return rest < 0n ? rest + m : rest
}

/** Inverse modulo a prime, by Euclid's algorithm. */
function invert(value: bigint, m: bigint): bigint {
  let [a, rest] = [value % m, m]
  let [u, v] = [1n, 0n]
  while (a > 1n) {
    const quotient = rest / a
    ;[a, rest] = [rest - quotient * a, a]
    ;[u, v] = [v - quotient * u, u]
  }
  return modulo(u, m)
}

function bytesOf(word: bigint): Uint8Array {
  return Buffer.from(word.toString(16).padStart(64, '0'), 'hex')
}
