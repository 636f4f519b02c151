import { describe, expect, test } from 'vitest'
import {
  type Attack,
  type Run,
  cutSteps,
  emptyJobs,
  fabricate,
  grind,
  hoard,
  honest,
  previewDraw,
  simulateWork,
  steal,
  waitForTips,
} from './work-attacks.ts'
import { type Rules, market, soundRules } from './work-world.ts'

const seed = 2
const shares = [0.05, 0.2, 0.33] as const
const without = (rule: keyof Rules): Rules => ({ ...soundRules, [rule]: false })
const usual = { seed, rules: soundRules, share: 0.2, attack: honest }
const run = (options: Partial<Run>) => simulateWork({ ...usual, ...options })
/** Largest distance from the expected share, in percent points: 1,650 draws scatter by 1.2. */
const points = 3

interface Case {
  readonly attack: Attack
  readonly rule: keyof Rules
  /** What the design's own simulation found without the rule, in percent, for 5, 20 and 33 % of the compute. */
  readonly designed: readonly [number, number, number]
  /** The attacker's part of the lots, in units of the honest ones. */
  readonly lots: (share: number) => number
  readonly off?: Partial<Run>
  readonly on?: Partial<Run>
}

const cases: Readonly<Record<string, Case>> = {
  'a hundred commitments of a segment, where it may be committed again': {
    attack: grind,
    rule: 'isOnce',
    designed: [82, 96, 98],
    lots: (share) => 100 * share,
    off: { heights: 900, rate: 0.12 },
  },
  'segments of a fiftieth, where segments count and not their work': {
    attack: cutSteps,
    rule: 'isMetered',
    designed: [71, 94, 97],
    lots: (share) => 50 * share,
    off: { heights: 900, rate: 0.3 },
    on: { units: 50, rate: 0.1 },
  },
  'empty jobs posted to oneself, where nothing has to be burned': {
    attack: emptyJobs(0),
    rule: 'isBurned',
    designed: [50, 61, 65],
    lots: (share) => share + 1,
    off: { rate: 0.8 },
  },
  'half of the results of others, where anybody may commit them': {
    attack: steal,
    rule: 'isAssigned',
    designed: [51, 59, 67],
    lots: (share) => share + (1 - share) / 2,
  },
  'ten fabricated segments for a real one, where no step is repeated': {
    attack: fabricate,
    rule: 'isAudited',
    designed: [38, 73, 83],
    lots: (share) => 11 * share,
    off: { rate: 0.5, heights: 4_800 },
  },
}

/** Stolen lots are missing on the other side. */
const expectedOf = ({ lots, attack }: Case, share: number) =>
  lots(share) / (attack === steal ? 1 : lots(share) + 1 - share)

describe.each(Object.entries(cases))(`%s (seed ${seed})`, (_, of) => {
  const { attack, rule, designed, off, on } = of

  const rows = shares.map((share, i) => ({ share, designedPercent: designed[i]! }))

  test.each(rows)(
    'with $share of the compute $designedPercent % of the blocks, with the rule its share alone',
    ({ share, designedPercent }) => {
      const open = 100 * run({ attack, share, rules: without(rule), ...off }).ledShare
      expect(Math.abs(open - 100 * expectedOf(of, share))).toBeLessThan(points)
      expect(Math.abs(open - designedPercent)).toBeLessThan(points + 2) // which is good to 2 points
      const sound = 100 * run({ attack, share, ...on }).ledShare
      expect(Math.abs(sound - 100 * share)).toBeLessThan(points)
    },
  )
})

describe(`the draw comes after the commitment (seed ${seed})`, () => {
  test('else a worker picks among its free fields the one with the lowest lot', () => {
    const rules = without('isDrawnAfter')
    expect(run({ attack: previewDraw, rules }).ledShare).toBeGreaterThan(0.28)
    expect(Math.abs(run({ attack: previewDraw }).ledShare - 0.2)).toBeLessThan(points / 100)
  })
})

describe(`the seed has a beacon in it, and the work is committed soon after (seed ${seed})`, () => {
  const plain = run({})

  test.each([
    ['else work is done before its job is there', 'isSeeded', true, 'early'],
    ['else old work is kept for one burst', 'isIncludedInTime', false, 'stale'],
  ] as const)('%s', (_, rule, isEarly, reason) => {
    const attack = hoard(600, { isEarly })
    const open = run({ attack, rules: without(rule) })
    expect(open.worstShare).toBeGreaterThan(plain.worstShare + 0.15)
    const sound = run({ attack })
    expect(sound.worstShare).toBeLessThan(plain.worstShare)
    expect(sound.world.refused.get(reason)).toBeGreaterThan(400)
  })

  test('what can be held back within the window gains little', () => {
    const held = run({ attack: hoard(market.inclusionHeights, { isEarly: false }) })
    expect(held.worstShare).toBeLessThan(plain.worstShare + 0.1)
    expect(Math.abs(held.ledShare - 0.2)).toBeLessThan(points / 100)
  })
})

describe(`money (seed ${seed})`, () => {
  const gainOf = (options: Partial<Run>) =>
    Number(run(options).balanceGwei - run({ ...options, attack: honest }).balanceGwei)

  test.each(shares)('jobs posted to oneself at the full fee lose with a share of %f', (share) => {
    expect(gainOf({ share, attack: emptyJobs(1) })).toBeLessThan(0)
  })

  test('where bonuses do not come from burned fees, they gain', () => {
    const options = { attack: emptyJobs(0), rate: 0.8 }
    expect(gainOf({ ...options, rules: without('isBurned') })).toBeGreaterThan(0)
    expect(gainOf(options)).toBe(0)
  })

  test('they lose however large the tips are, unless the leader may keep all', () => {
    const tipsGwei = () => 60n * market.unitPriceGwei
    const attack = emptyJobs(1)
    expect(gainOf({ attack, tipsGwei })).toBeLessThan(0)
    expect(gainOf({ attack, tipsGwei, rules: without('isTipCapped') })).toBeGreaterThan(0)
  })
})

describe(`an elected unit is spent though its leader keeps silent (seed ${seed})`, () => {
  test('else units wait for the blocks that pay', () => {
    const attack = waitForTips
    const options = { attack, share: 0.33, rate: 0.6, heights: 6_000 }
    const open = run({ ...options, rules: without('isSpentEitherWay') })
    expect(open.fourthShare).toBeGreaterThan(0.4)
    expect(Math.abs(run(options).fourthShare - 0.33)).toBeLessThan(points / 100)
  })
})
