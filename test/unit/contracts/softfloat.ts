import { encodeFunctionData, parseAbi } from 'viem'
import { fromHex } from '#base/hex.ts'
import type { Rng } from '#base/rng.ts'
import { type Call, callerOf, codeOf } from './compile.ts'

type Word = (word: number) => number

const view = new DataView(new ArrayBuffer(4))
const nan = 0x7fc00000

function floatOf(bits: number): number {
  view.setUint32(0, bits)
  return view.getFloat32(0)
}

function bitsOf(value: number): number {
  if (Number.isNaN(value)) return nan
  view.setFloat32(0, value)
  return view.getUint32(0)
}

const magic = 12582912

/** In the order of contracts/mocks/Binary32Batch.sol: each by the host's own arithmetic, rounded once. */
export const operations: readonly {
  readonly name: string
  readonly of: (a: number, b: number) => number
  /** Changes the first word of a pair into one that the operation takes. */
  readonly domain?: Word
}[] = [
  { name: 'add', of: binary((x, y) => x + y) },
  { name: 'sub', of: binary((x, y) => x - y) },
  { name: 'mul', of: binary((x, y) => x * y) },
  { name: 'div', of: binary((x, y) => x / y) },
  { name: 'sqrt', of: binary((x) => Math.sqrt(x)) },
  { name: 'lt', of: (a, b) => Number(floatOf(a) < floatOf(b)) },
  { name: 'le', of: (a, b) => Number(floatOf(a) <= floatOf(b)) },
  { name: 'eq', of: (a, b) => Number(floatOf(a) === floatOf(b)) },
  { name: 'min', of: (a, b) => (floatOf(b) < floatOf(a) ? b : a) },
  { name: 'max', of: (a, b) => (floatOf(a) < floatOf(b) ? b : a) },
  { name: 'fromInt', of: (a) => bitsOf(a | 0) },
  {
    name: 'toInt',
    of: (a) => (bitsOf(Math.fround(floatOf(a) + magic)) - bitsOf(magic)) >>> 0,
    // Below 2^22 in size: exponents up to 148.
    domain: (word) =>
      (((word >>> 23) & 0xff) > 148 ? (word & 0x807fffff) | 0x3f800000 : word) >>> 0,
  },
]

/**
 * Rounds to binary32 what binary64 has already rounded. That is the same as rounding once for + - * / and sqrt
 * of binary32 values (Figueroa 1995: 53 >= 2 * 24 + 2), denormal results included: sums there and products are
 * exact, and a quotient is a tie or at least 2^-49 of itself away from one.
 */
function binary(exact: (x: number, y: number) => number) {
  return (a: number, b: number) => bitsOf(Math.fround(exact(floatOf(a), floatOf(b))))
}

/** Words around every rule of the format: zeros, denormals, ties, powers of two, the greatest, infinities, NaNs. */
export const specialWords: readonly number[] = [
  0, 1, 2, 3, 0x3fffff, 0x400000, 0x400001, 0x7ffffe, 0x7fffff, 0x800000, 0x800001, 0x800002,
  0xffffff, 0x1000000, 0x1000001, 0x0c000000, 0x0c800000, 0x1f800000, 0x20000000, 0x33000000,
  0x33800000, 0x33800001, 0x34000000, 0x34000001, 0x3effffff, 0x3f000000, 0x3f000001, 0x3f7fffff,
  0x3f800000, 0x3f800001, 0x3f800002, 0x3fc00000, 0x3fffffff, 0x40000000, 0x40400000, 0x40490fdb,
  0x4affffff, 0x4b000000, 0x4b000001, 0x4b400000, 0x4b7fffff, 0x4b800000, 0x4b800001, 0x4f000000,
  0x5f000000, 0x5f7fffff, 0x5f800000, 0x7e800000, 0x7effffff, 0x7f000000, 0x7f7ffffe, 0x7f7fffff,
  0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fffffff,
].flatMap((word) => [word, (word | 0x80000000) >>> 0])

/** Every special word with every one, as pairs of words. */
export function specialPairs(): Uint32Array {
  return Uint32Array.from(specialWords.flatMap((a) => specialWords.flatMap((b) => [a, b])))
}

/** Pairs of three kinds in turn: any bits; bits near each other; few bits set, so that ties and cancellation come up. */
export function randomPairs(rng: Rng, count: number): Uint32Array {
  const pairs = new Uint32Array(2 * count)
  const word = () => rng.nextU32()
  for (let i = 0; i < count; i += 1) {
    const a = word()
    const kind = i % 4
    const sparse = () => (word() & 0xff800000) | (1 << (word() % 24)) | (word() & 3)
    const near = () => a ^ (word() & 0x80000003) ^ ((word() % 27) << 23)
    const special = () => specialWords[word() % specialWords.length] as number
    const b = kind === 0 ? word() : kind === 1 ? near() : kind === 2 ? sparse() : special()
    pairs.set(kind === 2 ? [sparse(), b] : [a, b], 2 * i)
  }
  return pairs
}

/** Pairs as a training step has them: both signs, sizes from 2^-10 to 2^10. */
export function plainPairs(rng: Rng, count: number): Uint32Array {
  return Uint32Array.from({ length: 2 * count }, () => {
    const word = rng.nextU32()
    return ((word & 0x807fffff) | ((117 + rng.below(21)) << 23)) >>> 0
  })
}

const abi = parseAbi(['function run(uint256 operation, bytes pairs) pure returns (bytes results)'])
const batchPairs = 4096

/** The library in a machine of its own. */
export function openSoftfloat(): Promise<Call> {
  return callerOf(codeOf('contracts/mocks/Binary32Batch.sol'))
}

export interface Compared {
  readonly gas: number
  /** The first pair that came out wrong. */
  readonly fault?: string
}

/** Compares one operation over all pairs with the host's arithmetic, or with results; gas is that of the batches. */
export async function compareOperation(
  call: Call,
  operation: number,
  pairs: Uint32Array,
  { results }: { readonly results?: Uint32Array } = {},
): Promise<Compared> {
  const { name, of, domain = (word: number) => word } = operations[operation]!
  let gas = 0
  for (let from = 0; from < pairs.length; from += 2 * batchPairs) {
    const batch = pairs
      .slice(from, from + 2 * batchPairs)
      .map((word, i) => (i % 2 ? word : domain(word)))
    const ran = await run(call, operation, batch)
    gas += ran.gas
    for (let i = 0; i < batch.length; i += 2) {
      const [a, b, found] = [batch[i]!, batch[i + 1]!, ran.results[i / 2]!]
      const wanted = results?.[(from + i) / 2] ?? of(a, b) >>> 0
      if (found !== wanted) {
        const text = [a, b, found, wanted].map((word) => word.toString(16)).join(' ')
        return { gas, fault: `${name}: a b found wanted = ${text}` }
      }
    }
  }
  return { gas }
}

/** Gas of one operation: that of a batch, less that of a batch that does nothing. */
export async function gasOf(call: Call, operation: number, pairs: Uint32Array): Promise<number> {
  const { domain = (word: number) => word } = operations[operation]!
  const batch = pairs.map((word, i) => (i % 2 ? word : domain(word)))
  const [spent, idle] = [await run(call, operation, batch), await run(call, 255, batch)]
  return Math.round((spent.gas - idle.gas) / (pairs.length / 2))
}

async function run(call: Call, operation: number, pairs: Uint32Array) {
  const bytes = new Uint8Array(4 * pairs.length)
  const words = new DataView(bytes.buffer)
  for (const [i, word] of pairs.entries()) words.setUint32(4 * i, word)
  const input = encodeFunctionData({
    abi,
    functionName: 'run',
    args: [BigInt(operation), `0x${Buffer.from(bytes).toString('hex')}`],
  })
  const { output, gas } = await call(fromHex(input))
  const results = new DataView(output.buffer, output.byteOffset + 64, pairs.length * 2)
  return {
    gas,
    results: Uint32Array.from({ length: pairs.length / 2 }, (_, i) => results.getUint32(4 * i)),
  }
}
