import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, u32be, u64be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type DrawPlace, drawLot, elect } from '#chain/core/election.ts'
import { type UrnSegment, type WorkFacts, unitsCreated, workEvery } from '#chain/core/urn.ts'

const seed = 4_2026
const bytes32 = (n: number): Hex => toHex(sha256(u32be(n)))

function segmentOf(n: number, overrides: Partial<UrnSegment> = {}): UrnSegment {
  const usual = { leader: 1 + (n % 5), units: 4, spent: 0n, bornHeight: 1_000 }
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
    spent: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    bornHeight: fc.integer({ min: 700, max: 1_110 }),
  }),
  { selector: ({ n }) => n, maxLength: 24 },
)
const urns = segments.map((all) =>
  all.map(({ n, units, spent, bornHeight }) =>
    segmentOf(n, { units, spent: spent & ((1n << BigInt(units)) - 1n), bornHeight }),
  ),
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
      const units = five.flatMap(({ segmentId, leader }) =>
        [0, 1, 2, 3].map((j) => ({ unit: { segmentId, j }, leader })),
      )
      const lot = (unit: (typeof units)[number]) => toHex(drawLot(placeOf(n), unit.unit))
      const lowest = units.toSorted((a, b) => (lot(a) < lot(b) ? -1 : 1))[0]
      expect(elect(placeOf(n), factsOf(five))).toEqual({ kind: 'work', ...lowest })
    }
  })

  test('goes by stake when it is off, between work heights, and with too few units', () => {
    const reasonOf = (facts: WorkFacts, height: number) => {
      const election = elect(placeOf(1, height), facts)
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

  test('has half as many work heights with fewer than four leaders', () => {
    const three = five.slice(0, 3)
    expect(workEvery(factsOf(three), 1_100)).toBe(4)
    expect(elect(placeOf(1, 1_102), factsOf(three))).toMatchObject({ reason: 'height' })
    expect(elect(placeOf(1, 1_102), factsOf(five)).kind).toBe('work')
  })

  test('a unit lives from the height after its own for 256 heights', () => {
    const only = (bornHeight: number) => factsOf([segmentOf(1, { units: 8, bornHeight })])
    const kindOf = (bornHeight: number) => elect(placeOf(1, 1_100), only(bornHeight)).kind
    expect(kindOf(1_100)).toBe('stake')
    expect(kindOf(1_099)).toBe('work')
    expect(kindOf(844)).toBe('work')
    expect(kindOf(843)).toBe('stake')
    expect(unitsCreated(only(844), 1_100)).toBe(8)
    expect(unitsCreated(only(843), 1_100)).toBe(0)
  })

  test('a unit that was elected is never elected again, in the state or in blocks above it', () => {
    let facts = factsOf(five)
    const seen = new Set<string>()
    for (let height = 1_100; seen.size < 12; height += 2) {
      const election = elect(placeOf(height, height), facts)
      if (election.kind === 'stake') break
      const { segmentId, j } = election.unit
      expect(seen).not.toContain(`${segmentId}/${j}`)
      seen.add(`${segmentId}/${j}`)
      const above = elect(placeOf(height, height), facts, [election.unit])
      if (above.kind === 'work') expect(above.unit).not.toEqual(election.unit)
      const spend = (segment: UrnSegment) =>
        segment.segmentId === segmentId
          ? { ...segment, spent: segment.spent | (1n << BigInt(j)) }
          : segment
      facts = factsOf(facts.segments.map(spend))
    }
    expect(seen.size).toBe(12) // 20 units, and with fewer than 8 unspent the height goes by stake
  })

  test(`elects only units that live and are unspent, in whatever order they are read (seed ${seed})`, () => {
    fc.assert(
      fc.property(urns, fc.nat(1_000), (urn, n) => {
        const election = elect(placeOf(n), factsOf(urn))
        expect(elect(placeOf(n), factsOf(urn.toReversed()))).toEqual(election)
        if (election.kind === 'stake') return
        const segment = urn.find(({ segmentId }) => segmentId === election.unit.segmentId)!
        expect(election.leader).toBe(segment.leader)
        expect(election.unit.j).toBeLessThan(segment.units)
        expect((segment.spent >> BigInt(election.unit.j)) & 1n).toBe(0n)
        expect(1_100 - segment.bornHeight).toBeGreaterThan(0)
        expect(1_100 - segment.bornHeight).toBeLessThanOrEqual(256)
      }),
      { seed, numRuns: 200 },
    )
  })

  test(`no loser changes the winner (seed ${seed})`, () => {
    fc.assert(
      fc.property(urns, fc.nat(1_000), fc.nat(23), (urn, n, place) => {
        const election = elect(placeOf(n), factsOf(urn))
        const loser = urn[place % Math.max(urn.length, 1)]
        if (election.kind === 'stake' || loser === undefined) return
        if (loser.segmentId === election.unit.segmentId) return
        const without = elect(placeOf(n), factsOf(urn.filter((segment) => segment !== loser)))
        if (without.kind === 'work') expect(without).toEqual(election)
      }),
      { seed, numRuns: 200 },
    )
  })

  test('leads in proportion to units: chi-square over 4,000 draws', () => {
    const shares = [1, 2, 4, 8, 16, 33]
    const urn = shares.map((units, n) => segmentOf(n, { units, leader: 1 + n }))
    const led = shares.map(() => 0)
    const draws = 4_000
    for (let n = 0; n < draws; n += 1) {
      const election = elect(placeOf(n), factsOf(urn))
      if (election.kind === 'work') led[election.leader - 1]! += 1
    }
    const expected = shares.map((units) => (draws * units) / 64)
    const chiSquare = led.reduce((sum, of, n) => sum + (of - expected[n]!) ** 2 / expected[n]!, 0)
    expect(chiSquare).toBeLessThan(15.1) // 1 % of honest draws are above, 5 degrees of freedom
  })
})
