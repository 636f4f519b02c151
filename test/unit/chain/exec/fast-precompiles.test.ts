import type { EVM } from '@ethereumjs/evm'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bn254 } from '@noble/curves/bn254.js'
import { p256 } from '@noble/curves/nist.js'
import { describe, expect, test } from 'vitest'
import { concatBytes } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { type Rng, createRng } from '#base/rng.ts'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { createMachine } from '#chain/exec/embedded/machine.ts'

const crypto = await loadCrypto()
const common = createChainCommon(78787, crypto)
const own = (await createMachine(common, crypto)).evm
const stock = (await createMachine(common, crypto, { kind: 'stock' })).evm

/** What a call of a precompile gives; how it fails is not told, only that it does. */
async function outcomeOf(evm: EVM, address: number, input: Uint8Array) {
  const precompile = evm.precompiles.get(address.toString(16).padStart(40, '0'))
  if (precompile === undefined) throw new RangeError('no such precompile')
  const gasLimit = 10_000_000n
  const result = await precompile({ data: input, gasLimit, common, _EVM: evm })
  const hasFailed = result.exceptionError !== undefined
  return { gas: result.executionGasUsed, hasFailed, output: toHex(result.returnValue) }
}

async function expectSame(address: number, input: Uint8Array) {
  const expected = await outcomeOf(stock, address, input)
  expect(await outcomeOf(own, address, input), toHex(input)).toEqual(expected)
  return expected
}

function bytesOf(value: bigint, sizeBytes: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * sizeBytes, '0'))
}

function randomBelow(rng: Rng, bound: bigint): bigint {
  let value = 0n
  for (let i = 0; i < 13; i += 1) value = (value << 32n) | BigInt(rng.nextU32())
  return value % bound
}

const { G1, G2, fields } = bls12_381
const p = fields.Fp.ORDER
const order = fields.Fr.ORDER

/** Points in the subgroup, on the curve only, infinity, and things that are no point. */
function blsFirst(rng: Rng): Uint8Array {
  const kind = rng.below(8)
  if (kind === 0) return new Uint8Array(128)
  if (kind === 1) return offSubgroup(rng)
  const { x, y } = G1.Point.BASE.multiply(1n + randomBelow(rng, 9n)).toAffine()
  if (kind === 2) return concatBytes(bytesOf(x, 64), bytesOf(p - y, 64))
  if (kind === 3) return concatBytes(bytesOf(x, 64), bytesOf((y + 1n) % p, 64))
  if (kind === 4) return concatBytes(bytesOf(x + p, 64), bytesOf(y, 64))
  return concatBytes(bytesOf(x, 64), bytesOf(y, 64))
}

/** y^2 = x^3 + 4 has a root for every other x; hardly any of these lies in the subgroup. */
function offSubgroup(rng: Rng): Uint8Array {
  for (;;) {
    const x = randomBelow(rng, p)
    const square = fields.Fp.add(fields.Fp.pow(x, 3n), 4n)
    const y = fields.Fp.pow(square, (p + 1n) / 4n)
    if (fields.Fp.eql(fields.Fp.sqr(y), square)) return concatBytes(bytesOf(x, 64), bytesOf(y, 64))
  }
}

/** A point of the twist that lies in its subgroup by no more than chance. */
function twisted(rng: Rng, curve: typeof bls12_381 | typeof bn254): readonly bigint[] {
  const { Fp, Fp2 } = curve.fields
  const { b } = curve.G2.Point.CURVE()
  for (;;) {
    const x = { c0: randomBelow(rng, Fp.ORDER), c1: randomBelow(rng, Fp.ORDER) }
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), b))
      return [x.c0, x.c1, y.c0, y.c1]
    } catch {
      // no root for this one
    }
  }
}

function blsSecond(rng: Rng): Uint8Array {
  const kind = rng.below(8)
  if (kind === 0) return new Uint8Array(256)
  if (kind === 7) {
    return concatBytes(...twisted(rng, bls12_381).map((part) => bytesOf(part, 64)))
  }
  const point = G2.Point.BASE.multiply(1n + randomBelow(rng, 9n))
  const { x, y } = (kind === 1 ? point.negate() : point).toAffine()
  const parts = [x.c0, x.c1, y.c0, y.c1]
  if (kind === 2) parts[2] = ((parts[2] ?? 0n) + 1n) % p
  if (kind === 3) parts[1] = (parts[1] ?? 0n) + p
  if (kind === 4) parts.reverse()
  return concatBytes(...parts.map((part) => bytesOf(part, 64)))
}

const q = bn254.fields.Fp.ORDER

function bnFirst(rng: Rng): Uint8Array {
  const kind = rng.below(7)
  if (kind === 0) return new Uint8Array(64)
  const { x, y } = bn254.G1.Point.BASE.multiply(1n + randomBelow(rng, 5n)).toAffine()
  if (kind === 1) return concatBytes(bytesOf(x, 32), bytesOf(q - y, 32))
  if (kind === 2) return concatBytes(bytesOf(x, 32), bytesOf((y + 1n) % q, 32))
  if (kind === 3) return concatBytes(bytesOf(x + q, 32), bytesOf(y, 32))
  return concatBytes(bytesOf(x, 32), bytesOf(y, 32))
}

function bnSecond(rng: Rng): Uint8Array {
  const kind = rng.below(8)
  if (kind === 0) return new Uint8Array(128)
  if (kind === 7) {
    const [x0 = 0n, x1 = 0n, y0 = 0n, y1 = 0n] = twisted(rng, bn254)
    return concatBytes(...[x1, x0, y1, y0].map((part) => bytesOf(part, 32)))
  }
  const { x, y } = bn254.G2.Point.BASE.multiply(1n + randomBelow(rng, 5n)).toAffine()
  const parts = [x.c1, x.c0, y.c1, y.c0]
  if (kind === 1) parts[2] = ((parts[2] ?? 0n) + 1n) % q
  if (kind === 2) parts[0] = (parts[0] ?? 0n) + q
  return concatBytes(...parts.map((part) => bytesOf(part, 32)))
}

const scalarOf = (rng: Rng) =>
  bytesOf(rng.below(6) === 0 ? order : randomBelow(rng, 1n << 256n), 32)

const noise = (rng: Rng, sizeBytes: number) =>
  Uint8Array.from({ length: sizeBytes }, () => rng.below(256))

function compression(rng: Rng): Uint8Array {
  const rounds = bytesOf(BigInt(rng.below(40)), 4)
  return concatBytes(rounds, noise(rng, 208), Uint8Array.of(rng.below(10) === 0 ? 2 : rng.below(2)))
}

/** Signatures right and wrong, of keys right and wrong. */
function signature(rng: Rng): Uint8Array {
  const key = 1n + randomBelow(rng, p256.Point.Fn.ORDER - 1n)
  const publicKey = p256.getPublicKey(bytesOf(key, 32), false).slice(1)
  const kind = rng.below(8)
  const digest = kind === 0 ? new Uint8Array(32) : noise(rng, 32)
  const signed = p256.sign(digest, bytesOf(key, 32), { prehash: false, lowS: rng.below(2) === 0 })
  if (kind === 1) return concatBytes(noise(rng, 32), signed, publicKey)
  if (kind === 2) return concatBytes(digest, bytesOf(p256.Point.Fn.ORDER, 32), signed, publicKey)
  if (kind === 3) return concatBytes(digest, signed, noise(rng, 64))
  if (kind === 4) return concatBytes(doubling(key), publicKey)
  return concatBytes(digest, signed, publicKey)
}

/** A right signature for which the sum of the two points is one of a point and itself. */
function doubling(key: bigint): Uint8Array {
  const { Fn } = p256.Point
  const k = 12345n
  const r = Fn.create(p256.Point.BASE.multiply(k).toAffine().x)
  const digest = Fn.mul(key, r)
  const s = Fn.div(Fn.add(digest, digest), k)
  return concatBytes(bytesOf(digest, 32), bytesOf(r, 32), bytesOf(s, 32))
}

/** Proofs that polynomials of degree 0 and 1 take a value, right and wrong. */
function evaluation(rng: Rng): Uint8Array {
  const kind = rng.below(12)
  const [z, y] = [randomBelow(rng, order), 1n + randomBelow(rng, 9n)]
  const commitment = G1.Point.BASE.multiply(y)
  const infinity = new Uint8Array(48)
  infinity[0] = 0xc0
  const shown = kind === 1 ? infinity : commitment.toBytes(true)
  if (kind === 2) shown[47] = (shown[47] ?? 0) ^ 1
  if (kind === 3) shown[0] = ((shown[0] ?? 0) & 0x1f) | (rng.below(8) << 5)
  const proof = Uint8Array.from(kind === 4 ? commitment.toBytes(true) : infinity)
  if (kind === 7) proof[rng.below(2) * 47] = rng.below(256)
  if (kind === 0) proof[0] = rng.below(8) << 5
  const versioned = sha256(shown)
  versioned[0] = 1
  const value = bytesOf(kind === 1 ? 0n : kind === 5 ? y + 1n : kind === 6 ? order : y, 32)
  return concatBytes(versioned, bytesOf(z, 32), value, shown, proof)
}

const inputs: readonly (readonly [string, number, (rng: Rng) => Uint8Array])[] = [
  ['bn254 add', 0x06, (rng) => concatBytes(bnFirst(rng), bnFirst(rng))],
  ['bn254 mul', 0x07, (rng) => concatBytes(bnFirst(rng), scalarOf(rng))],
  [
    'bn254 pairing',
    0x08,
    (rng) => repeated(rng, 2, () => concatBytes(bnFirst(rng), bnSecond(rng))),
  ],
  ['blake2f', 0x09, compression],
  ['point evaluation', 0x0a, evaluation],
  ['p256 verify', 0x100, signature],
  ['G1 add', 0x0b, (rng) => concatBytes(blsFirst(rng), blsFirst(rng))],
  ['G1 MSM', 0x0c, (rng) => repeated(rng, 3, () => concatBytes(blsFirst(rng), scalarOf(rng)))],
  ['G2 add', 0x0d, (rng) => concatBytes(blsSecond(rng), blsSecond(rng))],
  ['G2 MSM', 0x0e, (rng) => repeated(rng, 2, () => concatBytes(blsSecond(rng), scalarOf(rng)))],
  ['pairing', 0x0f, (rng) => repeated(rng, 2, () => concatBytes(blsFirst(rng), blsSecond(rng)))],
  ['map to G1', 0x10, (rng) => element(rng)],
  ['map to G2', 0x11, (rng) => concatBytes(element(rng), element(rng))],
]

function repeated(rng: Rng, most: number, part: () => Uint8Array): Uint8Array {
  return concatBytes(...Array.from({ length: rng.below(most + 1) }, part))
}

function element(rng: Rng): Uint8Array {
  const kind = rng.below(6)
  return bytesOf(kind === 0 ? p : kind === 1 ? 0n : randomBelow(rng, p), 64)
}

/** At times a byte more, a byte less, or a byte changed. */
function spoilt(rng: Rng, input: Uint8Array): Uint8Array {
  const kind = rng.below(24)
  if (kind === 0) return input.slice(0, -1)
  if (kind === 1) return concatBytes(input, Uint8Array.of(1))
  const changed = Uint8Array.from(input)
  if (kind === 2 && changed.length > 0) changed[rng.below(changed.length)] = rng.below(256)
  return changed
}

const casesEach = 40

describe('fast precompiles', () => {
  test.each(inputs)(
    'give what the package gives: %s',
    async (_name, address, inputOf) => {
      const rng = createRng(address)
      const seen = new Set<boolean>()
      for (let i = 0; i < casesEach; i += 1) {
        const { hasFailed, output } = await expectSame(address, spoilt(rng, inputOf(rng)))
        seen.add(!hasFailed && output !== '0x')
      }
      expect(seen.size, 'some give something and some do not').toBe(2)
    },
    60_000,
  )
})
