import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  leaderBonusGwei,
  leaderTipsMaxGwei,
  nextUnitPrice,
  shareTips,
  unitsOf,
  workRules,
} from '#chain/core/work-rules.ts'

const seed = 7_2026
const bounds = { minGwei: 1n, maxGwei: 10n ** 15n }
const amount = fc.bigInt({ min: 1n, max: 10n ** 14n })

describe('unitsOf', () => {
  const price = { unitFlops: 1_000n, unitPriceGwei: 50n }

  test.each([
    ['both allow three', 3_999n, 199n, 3],
    ['work is short', 1_999n, 10_000n, 1],
    ['the burned fee is short', 100_000n, 99n, 1],
    ['nothing was burned', 100_000n, 0n, 0],
    ['no work was metered', 999n, 10_000n, 0],
    ['more than a segment may have', 10n ** 12n, 10n ** 12n, 128],
  ])('%s', (_, flops, burnedGwei, units) => {
    expect(unitsOf({ flops, burnedGwei }, price)).toBe(units)
  })

  test(`a segment cut into pieces never has more units (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(amount, amount), { maxLength: 8 }), (pieces) => {
        const whole = pieces.reduce(
          (sum, [flops, burnedGwei]) => ({
            flops: sum.flops + flops,
            burnedGwei: sum.burnedGwei + burnedGwei,
          }),
          { flops: 0n, burnedGwei: 0n },
        )
        const cut = { unitFlops: 10n ** 13n, unitPriceGwei: 10n ** 13n }
        const ofPieces = pieces.map(([flops, burnedGwei]) => unitsOf({ flops, burnedGwei }, cut))
        const together = ofPieces.reduce((sum, units) => sum + units, 0)
        expect(together).toBeLessThanOrEqual(unitsOf(whole, cut))
      }),
      { seed, numRuns: 300 },
    )
  })
})

describe('nextUnitPrice', () => {
  test.each([
    ['no unit: an eighth less', 0, 70_000n],
    ['half of the target: a sixteenth less', 512, 75_000n],
    ['the target: as it was', 1_024, 80_000n],
    ['half above: a sixteenth more', 1_536, 85_000n],
    ['twice the target: an eighth more', 2_048, 90_000n],
    ['all that fit: still an eighth more', 4_096, 90_000n],
  ])('%s', (_, created, price) => {
    expect(nextUnitPrice(80_000n, created, bounds)).toBe(price)
  })

  test('stays within its bounds', () => {
    expect(nextUnitPrice(100n, 0, { minGwei: 95n, maxGwei: 200n })).toBe(95n)
    expect(nextUnitPrice(190n, 4_096, { minGwei: 95n, maxGwei: 200n })).toBe(200n)
  })

  test(`brings a steady market to the target (seed ${seed})`, () => {
    const burned = fc.bigInt({ min: 10n ** 9n, max: 10n ** 12n })
    fc.assert(
      fc.property(burned, amount, (burnedEachEpoch, startGwei) => {
        let priceGwei = startGwei
        const createdAt = (price: bigint) =>
          Number(burnedEachEpoch / price < 4_096n ? burnedEachEpoch / price : 4_096n)
        for (let epoch = 0; epoch < 250; epoch += 1) {
          priceGwei = nextUnitPrice(priceGwei, createdAt(priceGwei), bounds)
        }
        expect(Math.abs(createdAt(priceGwei) - workRules.unitsTarget)).toBeLessThan(64)
      }),
      { seed, numRuns: 50 },
    )
  })
})

describe('leaderBonusGwei and shareTips', () => {
  const place = { unitPriceGwei: 1_000n, betaBps: 8_000n, unitsCreated: 1_024, every: 2 }

  test('the bonus is beta * kappaB * the units of one work height', () => {
    expect(leaderBonusGwei(place)).toBe(6_400n) // 0.8 * 1000 * (1024 * 2 / 256)
    expect(leaderBonusGwei({ ...place, unitsCreated: 0 })).toBe(0n)
  })

  test('bonus and tips together are at most kappaB * max(1, U)', () => {
    const share = (tipsGwei: bigint, of = place) => shareTips(tipsGwei, leaderTipsMaxGwei(of))
    expect(share(1_000n)).toEqual({ leaderGwei: 1_000n, nextGwei: 0n, votersGwei: 0n })
    expect(share(9_000n)).toEqual({
      leaderGwei: 1_600n,
      nextGwei: 3_700n,
      votersGwei: 3_700n,
    })
    const few = { ...place, unitsCreated: 8 }
    expect(share(9_000n, few)).toEqual({
      leaderGwei: 950n,
      nextGwei: 4_025n,
      votersGwei: 4_025n,
    })
  })

  test(`all bonuses of a chain are below what was burned (seed ${seed})`, () => {
    const epochs = fc.array(fc.array(fc.nat(40), { minLength: 1, maxLength: 64 }), {
      minLength: 2,
      maxLength: 6,
    })
    fc.assert(
      fc.property(epochs, fc.constantFrom(1, 2, 3, 5, 8, 16), (plan, every) => {
        const { burnedGwei, paidGwei } = chainOf(plan, () => every)
        expect(paidGwei).toBeLessThanOrEqual(burnedGwei)
      }),
      { seed, numRuns: 60 },
    )
  })

  test(`also where work heights come now closer and now farther apart (seed ${seed})`, () => {
    const epochs = fc.array(fc.array(fc.nat(40), { minLength: 1, maxLength: 64 }), {
      minLength: 2,
      maxLength: 6,
    })
    const rates = fc.array(fc.boolean(), { minLength: 1, maxLength: 64 })
    fc.assert(
      fc.property(epochs, fc.nat({ max: 7 }), rates, (plan, powEvery, areFew) => {
        const every = (height: number) => (powEvery + 1) * (areFew[height % areFew.length] ? 2 : 1)
        const { burnedGwei, paidGwei } = chainOf(plan, every)
        expect(paidGwei).toBeLessThanOrEqual(burnedGwei)
      }),
      { seed, numRuns: 60 },
    )
  })

  test('without regard to the last draw, alternating rates would pay more than was burned', () => {
    const alternating = (height: number) => (height % 4 === 0 ? 4 : 2)
    const { burnedGwei, paidGwei } = chainOf([[20], [20], [20], [20]], alternating, Infinity)
    expect(paidGwei).toBeGreaterThan(burnedGwei)
  })
})

/** Units are created at the heights of a plan, at the price of their epoch; each work height is led by work. */
function chainOf(
  plan: readonly (readonly number[])[],
  everyAt: (height: number) => number,
  unknownGap?: number,
) {
  const { liveHeights } = workRules
  const created: number[] = []
  let [burnedGwei, paidGwei, unitPriceGwei, drawnHeight] = [0n, 0n, 1_000_000n, 0]
  for (let height = 0; height < (plan.length + 2) * liveHeights; height += 1) {
    const epoch = plan[Math.floor(height / liveHeights)] ?? [0]
    created.push(epoch[height % epoch.length] ?? 0)
    burnedGwei += unitPriceGwei * BigInt(created[height]!)
    if (height % liveHeights === liveHeights - 1) {
      const ofEpoch = created.slice(-liveHeights).reduce((sum, units) => sum + units, 0)
      unitPriceGwei = nextUnitPrice(unitPriceGwei, ofEpoch, bounds)
    }
    if (height % everyAt(height) !== 0) continue
    const every = Math.min(everyAt(height), unknownGap ?? height - drawnHeight)
    drawnHeight = height
    const unitsCreated = created.slice(-liveHeights - 1, -1).reduce((sum, of) => sum + of, 0)
    paidGwei += leaderBonusGwei({ unitPriceGwei, betaBps: 8_000n, unitsCreated, every })
  }
  return { burnedGwei, paidGwei }
}
