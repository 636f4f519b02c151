import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, u32be, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type DrawPlace, drawLot, elect } from '#chain/core/election.ts'
import {
  type Unit,
  type UrnSegment,
  type WorkFacts,
  unitsCreated,
  workEvery,
} from '#chain/core/urn.ts'

const seed = 4_2026
const bytes32 = (n: number): Hex => toHex(sha256(u32be(n)))

function segmentOf(n: number, overrides: Partial<UrnSegment> = {}): UrnSegment {
  const usual = { seat: n % 5, units: 4, bornHeight: 1_000 }
  return { segmentId: bytes32(n), ...usual, ...overrides }
}

function factsOf(segments: readonly UrnSegment[], powEvery = 2): WorkFacts {
  return { powEvery, unitFlops: 1_000n, unitPriceGwei: 10n, betaBps: 8_000n, segments }
}

function placeOf(n: number, height = 1_100): DrawPlace {
  return { chainId: 78_787, height, parentBeacon: bytes32(1_000_000 + n) }
}

const five = Array.from({ length: 5 }, (_, n) => segmentOf(n))

const segments = fc.uniqueArray(
  fc.record({
    n: fc.integer({ min: 0, max: 10_000 }),
    units: fc.integer({ min: 1, max: 128 }),
    bornHeight: fc.integer({ min: 700, max: 1_110 }),
  }),
  { selector: ({ n }) => n, maxLength: 24 },
)
const spentUnits = fc.uniqueArray(fc.nat(127), { maxLength: 8 })
const urns = segments.map((all) =>
  all.map(({ n, units, bornHeight }) => segmentOf(n, { units, bornHeight })),
)

describe('drawLot', () => {
  test('is the hash of the tag, the chain, the beacon, the height, the segment and the unit', () => {
    const place = placeOf(1)
    const unit = { segmentId: bytes32(3), j: 7 }
    const preimage = concatBytes(
      utf8('quern/draw/1'),
      u64be(place.chainId),
      fromHex(place.parentBeacon),
      u64be(place.height),
      fromHex(unit.segmentId),
      u32be(7),
    )
    expect(toHex(drawLot(place, unit))).toBe(toHex(sha256(preimage)))
  })
})

describe('elect', () => {
  test('takes the unit with the lowest lot of all that live', () => {
    for (let n = 0; n < 50; n += 1) {
      const units = five.flatMap(({ segmentId, seat }) =>
        [0, 1, 2, 3].map((j) => ({ unit: { segmentId, j }, seat })),
      )
      const lot = (unit: (typeof units)[number]) => toHex(drawLot(placeOf(n), unit.unit))
      const lowest = units.toSorted((a, b) => (lot(a) < lot(b) ? -1 : 1))[0]
      expect(elect(placeOf(n), factsOf(five), [])).toEqual({ kind: 'work', ...lowest })
    }
  })

  test('goes by stake when it is off, between work heights, and with too few units', () => {
    const reasonOf = (facts: WorkFacts, height: number) => {
      const election = elect(placeOf(1, height), facts, [])
      return election.kind === 'stake' ? election.reason : election.kind
    }
    expect(reasonOf(factsOf(five, 0), 1_100)).toBe('off')
    expect(reasonOf(factsOf(five), 1_101)).toBe('height')
    expect(reasonOf(factsOf(five.slice(0, 1)), 1_100)).toBe('fewUnits')
    expect(reasonOf(factsOf([]), 1_100)).toBe('fewUnits')
    const seven = [segmentOf(1, { units: 7 })]
    expect(reasonOf(factsOf(seven), 1_100)).toBe('fewUnits')
    expect(reasonOf(factsOf([segmentOf(1, { units: 8 })]), 1_100)).toBe('work')
  })

  test('has half as many work heights with units of fewer than four seats', () => {
    const three = five.slice(0, 3)
    expect(workEvery(factsOf(three), 1_100)).toBe(4)
    expect(elect(placeOf(1, 1_102), factsOf(three), [])).toMatchObject({ reason: 'height' })
    expect(elect(placeOf(1, 1_102), factsOf(five), []).kind).toBe('work')
  })

  test('a unit lives from the height after its own for 256 heights', () => {
    const only = (bornHeight: number) => factsOf([segmentOf(1, { units: 8, bornHeight })])
    const kindOf = (bornHeight: number) => elect(placeOf(1, 1_100), only(bornHeight), []).kind
    expect(kindOf(1_100)).toBe('stake')
    expect(kindOf(1_099)).toBe('work')
    expect(kindOf(844)).toBe('work')
    expect(kindOf(843)).toBe('stake')
    expect(unitsCreated(only(844), 1_100)).toBe(8)
    expect(unitsCreated(only(843), 1_100)).toBe(0)
  })

  test('a unit that was elected is never elected again', () => {
    const spent: Unit[] = []
    for (let height = 1_100; height < 1_140; height += 2) {
      const election = elect(placeOf(height, height), factsOf(five), spent)
      if (election.kind === 'stake') break
      expect(spent).not.toContainEqual(election.unit)
      spent.push(election.unit)
    }
    expect(spent).toHaveLength(13) // of 20; with fewer than 8 left the height goes by stake
  })

  test(`elects only units that live and are unspent, in whatever order they are read (seed ${seed})`, () => {
    fc.assert(
      fc.property(urns, spentUnits, fc.nat(1_000), (urn, numbers, n) => {
        const spent = urn.flatMap(({ segmentId }) => numbers.map((j) => ({ segmentId, j })))
        const election = elect(placeOf(n), factsOf(urn), spent)
        const reversed = elect(placeOf(n), factsOf(urn.toReversed()), spent.toReversed())
        expect(reversed).toEqual(election)
        if (election.kind === 'stake') return
        const segment = urn.find(({ segmentId }) => segmentId === election.unit.segmentId)!
        expect(election.seat).toBe(segment.seat)
        expect(election.unit.j).toBeLessThan(segment.units)
        expect(spent).not.toContainEqual(election.unit)
        expect(1_100 - segment.bornHeight).toBeGreaterThan(0)
        expect(1_100 - segment.bornHeight).toBeLessThanOrEqual(256)
      }),
      { seed, numRuns: 200 },
    )
  })

  test(`no loser changes the winner (seed ${seed})`, () => {
    fc.assert(
      fc.property(urns, fc.nat(1_000), fc.nat(23), (urn, n, place) => {
        const election = elect(placeOf(n), factsOf(urn), [])
        const loser = urn[place % Math.max(urn.length, 1)]
        if (election.kind === 'stake' || loser === undefined) return
        if (loser.segmentId === election.unit.segmentId) return
        const without = elect(placeOf(n), factsOf(urn.filter((segment) => segment !== loser)), [])
        if (without.kind === 'work') expect(without).toEqual(election)
      }),
      { seed, numRuns: 200 },
    )
  })

  test('leads in proportion to units: chi-square over 4,000 draws', () => {
    const shares = [1, 2, 4, 8, 16, 33]
    const urn = shares.map((units, n) => segmentOf(n, { units, seat: n }))
    const led = shares.map(() => 0)
    const draws = 4_000
    for (let n = 0; n < draws; n += 1) {
      const election = elect(placeOf(n), factsOf(urn), [])
      if (election.kind === 'work') led[election.seat]! += 1
    }
    const expected = shares.map((units) => (draws * units) / 64)
    const chiSquare = led.reduce((sum, of, n) => sum + (of - expected[n]!) ** 2 / expected[n]!, 0)
    expect(chiSquare).toBeLessThan(15.1) // 1 % of honest draws are above, 5 degrees of freedom
  })
})
