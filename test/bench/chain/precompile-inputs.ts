import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bn254 } from '@noble/curves/bn254.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concatBytes } from '#base/bytes.ts'
import { fromHex } from '#base/hex.ts'

/** A call of a precompile that is dear for its price. */
export interface PrecompileCase {
  readonly name: string
  readonly address: string
  readonly input: Uint8Array
}

const G1 = bls12_381.G1.Point
const G2 = bls12_381.G2.Point
const scalar = (1n << 254n) - 987654321n
const odd = 123456789123456789n

/** One case or more for each precompile of the rules. */
export function precompileCases(): readonly PrecompileCase[] {
  return [...hashing(), ...exponents(), ...signatures(), ...bn(), ...bls(), pointEvaluation()]
}

function caseOf(name: string, address: number, input: Uint8Array): PrecompileCase {
  return { name, address: address.toString(16).padStart(40, '0'), input }
}

function hashing(): PrecompileCase[] {
  const rounds = Uint8Array.of(0, 0x0f, 0x42, 0x40)
  const compress = concatBytes(rounds, noise(64 + 128 + 16), Uint8Array.of(1))
  return [
    caseOf('sha256 empty', 2, noise(0)),
    caseOf('sha256 32 KiB', 2, noise(32_768)),
    caseOf('ripemd160 empty', 3, noise(0)),
    caseOf('ripemd160 32 KiB', 3, noise(32_768)),
    caseOf('identity 32 KiB', 4, noise(32_768)),
    caseOf('blake2f 1,000,000 rounds', 9, compress),
  ]
}

function exponents(): PrecompileCase[] {
  const modexp = (base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array) => {
    const lengths = [base, exponent, modulus].map(({ length }) => bytesOf(BigInt(length), 32))
    return concatBytes(...lengths, base, exponent, modulus)
  }
  const full = (sizeBytes: number) => new Uint8Array(sizeBytes).fill(0xff)
  const oddModulus = (sizeBytes: number) => {
    const modulus = noise(sizeBytes)
    modulus[0] = 0xff
    modulus[sizeBytes - 1] = 1
    return modulus
  }
  const evenModulus = (sizeBytes: number) => {
    const modulus = oddModulus(sizeBytes)
    modulus[sizeBytes - 1] = 0
    return modulus
  }
  return [
    caseOf('modexp 32^32', 5, modexp(full(32), full(32), oddModulus(32))),
    caseOf('modexp 64^64 even', 5, modexp(full(64), full(64), evenModulus(64))),
    caseOf('modexp 256^256', 5, modexp(full(256), full(256), oddModulus(256))),
    caseOf('modexp 1024^3', 5, modexp(full(1024), Uint8Array.of(3), oddModulus(1024))),
    caseOf('modexp 8^1024', 5, modexp(full(8), full(1024), oddModulus(8))),
    caseOf('modexp 1024^1024', 5, modexp(full(1024), full(1024), oddModulus(1024))),
  ]
}

function signatures(): PrecompileCase[] {
  const digest = noise(32)
  const key = noise(32, 9)
  const recovered = secp256k1.sign(digest, key, { prehash: false, format: 'recovered' })
  const v = bytesOf(27n + BigInt(recovered[0] ?? 0), 32)
  const signature = p256.sign(digest, key, { prehash: false })
  const publicKey = p256.getPublicKey(key, false).slice(1)
  return [
    caseOf('ecrecover', 1, concatBytes(digest, v, recovered.slice(1))),
    caseOf('p256verify', 0x100, concatBytes(digest, signature, publicKey)),
  ]
}

function bn(): PrecompileCase[] {
  const base = bn254.G1.Point.BASE
  const point = ({ x, y }: { x: bigint; y: bigint }) => concatBytes(bytesOf(x, 32), bytesOf(y, 32))
  const { x, y } = bn254.G2.Point.BASE.toAffine()
  const second = concatBytes(...[x.c1, x.c0, y.c1, y.c0].map((c) => bytesOf(c, 32)))
  const pair = concatBytes(point(base.toAffine()), second)
  const opposite = concatBytes(point(base.negate().toAffine()), second)
  const some = point(base.multiply(odd).toAffine())
  const pairs = (count: number) =>
    concatBytes(...Array.from({ length: count }, (_, i) => (i % 2 === 0 ? pair : opposite)))
  return [
    caseOf('bn254 add', 6, concatBytes(some, point(base.toAffine()))),
    caseOf('bn254 mul', 7, concatBytes(some, bytesOf(scalar % bn254.fields.Fr.ORDER, 32))),
    caseOf('bn254 pairing of 2', 8, pairs(2)),
    caseOf('bn254 pairing of 10', 8, pairs(10)),
  ]
}

function bls(): PrecompileCase[] {
  const first = (k: bigint) => g1(G1.BASE.multiply(k))
  const second = (k: bigint) => g2(G2.BASE.multiply(k))
  const factor = (i: number) => bytesOf(scalar - BigInt(i), 32)
  const sum = (count: number, point: (k: bigint) => Uint8Array) =>
    concatBytes(
      ...Array.from({ length: count }, (_, i) => concatBytes(point(odd + BigInt(i)), factor(i))),
    )
  const pairs = (count: number) =>
    concatBytes(
      ...Array.from({ length: count }, (_, i) =>
        concatBytes(i % 2 === 0 ? g1(G1.BASE) : g1(G1.BASE.negate()), g2(G2.BASE)),
      ),
    )
  return [
    caseOf('bls12-381 G1 add', 0x0b, concatBytes(first(odd), first(1n))),
    caseOf('bls12-381 G1 MSM of 1', 0x0c, sum(1, first)),
    caseOf('bls12-381 G1 MSM of 64', 0x0c, sum(64, first)),
    caseOf('bls12-381 G2 add', 0x0d, concatBytes(second(odd), second(1n))),
    caseOf('bls12-381 G2 MSM of 1', 0x0e, sum(1, second)),
    caseOf('bls12-381 G2 MSM of 64', 0x0e, sum(64, second)),
    caseOf('bls12-381 pairing of 2', 0x0f, pairs(2)),
    caseOf('bls12-381 pairing of 8', 0x0f, pairs(8)),
    caseOf('bls12-381 map to G1', 0x10, bytesOf(odd ** 6n, 64)),
    caseOf('bls12-381 map to G2', 0x11, concatBytes(bytesOf(odd ** 6n, 64), bytesOf(odd, 64))),
  ]
}

/** A valid proof of a point, from the public vectors of the point evaluation precompile. */
function pointEvaluation(): PrecompileCase {
  const vector = [
    '01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b',
    '564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306',
    '24d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a1',
    '8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca2',
    '5f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253',
    'fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a',
  ]
  return caseOf('point evaluation', 0x0a, fromHex(vector.join('')))
}

function g1(point: InstanceType<typeof G1>): Uint8Array {
  const { x, y } = point.toAffine()
  return concatBytes(bytesOf(x, 64), bytesOf(y, 64))
}

function g2(point: InstanceType<typeof G2>): Uint8Array {
  const { x, y } = point.toAffine()
  return concatBytes(...[x.c0, x.c1, y.c0, y.c1].map((c) => bytesOf(c, 64)))
}

function bytesOf(value: bigint, sizeBytes: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * sizeBytes, '0'))
}

/** Bytes without a pattern, the same each time. */
function noise(sizeBytes: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length: sizeBytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}
