import fc from 'fast-check'
import { expect } from 'vitest'
import { AppError } from '#base/error.ts'

/** One edit of a file; places are shares of its length, so that a case fits every file. */
type Edit =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'byte'; readonly at: number; readonly value: number }
  | {
      readonly kind: 'length'
      readonly at: number
      readonly width: 1 | 2 | 4 | 8
      readonly value: bigint
      readonly isLittle: boolean
    }
  | { readonly kind: 'cut'; readonly at: number }
  | {
      readonly kind: 'copy'
      readonly at: number
      readonly from: number
      readonly sizeBytes: number
    }
  | { readonly kind: 'drop'; readonly at: number; readonly sizeBytes: number }
  | { readonly kind: 'digits'; readonly at: number; readonly text: string }

/** One case: which of the good files, and what is done to it. */
export type Mutation = { readonly file: number; readonly edits: readonly Edit[] }

/** Sizes that lie: around every power of two that matters, and negative ones. */
const lies = [
  0n,
  1n,
  127n,
  255n,
  65_535n,
  2n ** 16n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
]
const hugeTexts = [
  '0',
  '-1',
  '4294967296',
  '9223372036854775808',
  '1e400',
  '99999999999999999999',
  '"',
  '[',
  '{',
  '}',
  ',',
  ':',
]

const at = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('byte' as const), at, value: fc.nat(255) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('length' as const),
      at,
      width: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
      value: fc.constantFrom(...lies),
      isLittle: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      at,
      from: at,
      sizeBytes: fc.nat(64),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('drop' as const), at, sizeBytes: fc.nat(16) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('digits' as const),
      at,
      text: fc.constantFrom(...hugeTexts),
    }),
  },
)

function apply(good: Uint8Array, edits: readonly Edit[]): Uint8Array<ArrayBuffer> {
  return edits.reduce<Uint8Array<ArrayBuffer>>(applyOne, Uint8Array.from(good))
}

function applyOne(bytes: Uint8Array<ArrayBuffer>, one: Edit): Uint8Array<ArrayBuffer> {
  const place = Math.floor(one.at * bytes.length)
  if (one.kind === 'cut') return bytes.slice(0, place)
  if (one.kind === 'drop') return splice(bytes, place, { remove: one.sizeBytes })
  if (one.kind === 'copy') {
    const from = Math.floor(one.from * bytes.length)
    return splice(bytes, place, { insert: bytes.slice(from, from + one.sizeBytes) })
  }
  if (one.kind === 'digits') {
    return splice(bytes, place, { remove: 1, insert: new TextEncoder().encode(one.text) })
  }
  if (place >= bytes.length) return bytes
  if (one.kind === 'flip') bytes[place] = (bytes[place] as number) ^ (1 << one.bit)
  else if (one.kind === 'byte') bytes[place] = one.value
  else {
    for (let i = 0; i < one.width && place + i < bytes.length; i++) {
      const shift = BigInt(8 * (one.isLittle ? i : one.width - 1 - i))
      bytes[place + i] = Number((one.value >> shift) & 255n)
    }
  }
  return bytes
}

function splice(
  bytes: Uint8Array,
  place: number,
  { remove = 0, insert = new Uint8Array(0) }: { remove?: number; insert?: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const rest = bytes.subarray(place + remove)
  const joined = new Uint8Array(place + insert.length + rest.length)
  joined.set(bytes.subarray(0, place))
  joined.set(insert, place)
  joined.set(rest, place + insert.length)
  return joined
}

const isLong = process.env.QUERN_LONG === '1'

/** Seed and count of a run over damaged files: fixed in the gate, fresh and tenfold in the long run. */
export const damage = {
  seed: isLong ? Date.now() % 2 ** 31 : 2026,
  cases: isLong ? 100_000 : 10_000,
}

/** Far above what small files and their garbage take, far below what a size that lies would. */
const heldBytesMax = 256 << 20

export interface DamageOptions {
  /** Codes that a refusal may have. */
  readonly codes: readonly string[]
  /** Fields of which an error names at least one: where it is wrong. */
  readonly places: readonly string[]
  /** Cases that failed once: they run first, every time. */
  readonly kept?: readonly Mutation[]
  readonly cases?: number
}

/**
 * Runs a decoder on damaged copies of good files, at least `damage.cases` of them. It may succeed, or refuse by one of
 * the codes and name the place; anything else fails with the case to keep.
 */
export async function survivesDamage(
  good: readonly Uint8Array[],
  decode: (bytes: Uint8Array<ArrayBuffer>) => unknown,
  options: DamageOptions,
): Promise<{ refused: number; read: number }> {
  const { kept = [], cases = damage.cases } = options
  const tally = { refused: 0, read: 0 }
  const heldBefore = process.memoryUsage().arrayBuffers
  let heldMax = 0
  for (const bytes of good) await decode(Uint8Array.from(bytes))
  const mutation = fc.record({
    file: fc.nat(good.length - 1),
    edits: fc.array(edit, { minLength: 1, maxLength: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(mutation, async ({ file, edits }) => {
      const bytes = apply(good[file] as Uint8Array, edits)
      try {
        await decode(bytes)
        tally.read += 1
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        expect(options.codes, error.message).toContain(error.code)
        const named = options.places.filter((name) => error.fields[name] !== undefined)
        expect(named, `${error.code} names a place`).not.toEqual([])
        tally.refused += 1
      }
      heldMax = Math.max(heldMax, process.memoryUsage().arrayBuffers - heldBefore)
    }),
    { seed: damage.seed, numRuns: cases, examples: kept.map((one): [Mutation] => [one]) },
  )
  expect(heldMax, 'bytes held at once').toBeLessThan(heldBytesMax)
  expect(tally.refused + tally.read).toBeGreaterThanOrEqual(cases)
  return tally
}
