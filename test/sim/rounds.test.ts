import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { doubleSigners, listHashOf } from '#compute/train/certificate.ts'
import { canCertify, liarsMax, simulate, type Faults, type Lie } from './rounds-world.ts'

const seedsFrom = Number(process.env['QUERN_SIM_FROM'] ?? 0)
const seedCount = Number(process.env['QUERN_SIM_SEEDS'] ?? 1000)
const rounds = 5
const lies: readonly Lie[] = ['two votes', 'two updates', 'no bytes', 'leave others out', 'silent']

interface Plan extends Faults {
  readonly seed: number
}

function planOf(
  seed: number,
  options: { liars: (workers: number) => number; crashes: boolean },
): Plan {
  const rng = createRng(seed)
  const workers = 1 + rng.below(8)
  const order = Array.from({ length: workers }, (_, i) => i).toSorted(() => rng.below(3) - 1)
  const liarCount = rng.below(options.liars(workers) + 1)
  const liars = new Map(order.slice(0, liarCount).map((i) => [i, lies[rng.below(lies.length)]!]))
  const crashCount = options.crashes ? rng.below(workers - liarCount) : 0
  const crashing = order.slice(liarCount, liarCount + crashCount)
  const crashes = new Map(crashing.map((i) => [i, rng.below(3000)]))
  const dropRate = rng.below(4) / 10
  return { seed, workers, rounds, dropRate, delayMsMax: 5 + rng.below(300), crashes, liars }
}

function honestOf(plan: Plan): number[] {
  return Array.from({ length: plan.workers }, (_, i) => i).filter((i) => !plan.liars.has(i))
}

const liveOf = (plan: Plan) => honestOf(plan).filter((i) => !plan.crashes.has(i))

/** Rounds in which two honest, live workers took different lists. */
function differences(plan: Plan, lists: ReturnType<typeof simulate>['lists']): number[] {
  return Array.from({ length: rounds }, (_, round) => round).filter((round) => {
    const taken = liveOf(plan).flatMap((i) => lists[i]?.[round] ?? [])
    return new Set(taken.map(({ list }) => listHashOf(list))).size > 1
  })
}

const seeds = Array.from({ length: seedCount }, (_, i) => seedsFrom + i)
const replay = (plan: Plan) => `replay: QUERN_SIM_FROM=${plan.seed} QUERN_SIM_SEEDS=1`

describe(`rounds of 1 to 8 workers, ${seedCount} seeds from ${seedsFrom}`, () => {
  test('honest workers take the same lists under loss, delay, crashes and liars, and all go on', () => {
    for (const seed of seeds) {
      const plan = planOf(seed, { liars: liarsMax, crashes: true })
      const { lists, signed } = simulate(seed, plan)
      expect(differences(plan, lists), replay(plan)).toEqual([])
      for (const i of liveOf(plan)) expect(lists[i], replay(plan)).toHaveLength(rounds)
      for (const i of honestOf(plan)) {
        const hashes = signed.get(`0x${(i + 1).toString(16).padStart(40, '0')}`)?.values() ?? []
        for (const ofRound of hashes) expect(ofRound.size, replay(plan)).toBe(1)
      }
    }
  })

  test('whoever makes honest workers differ has signed two lists', () => {
    let splits = 0
    for (const seed of seeds.slice(0, Math.ceil(seedCount / 2))) {
      const plan = planOf(seed, { liars: (workers) => Math.ceil(workers / 3), crashes: false })
      const { lists } = simulate(seed, plan)
      for (const round of differences(plan, lists)) {
        splits += 1
        const taken = honestOf(plan).flatMap((i) => lists[i]?.[round] ?? [])
        const certified = taken.filter((list) => !list.isClosedOnChain)
        const guilty = certified.flatMap((a) => certified.flatMap((b) => doubleSigners(a, b)))
        const indices = [...new Set(guilty)].map((id) => Number.parseInt(id, 16) - 1)
        if (certified.length === taken.length)
          expect(indices.length, replay(plan)).toBeGreaterThan(0)
        for (const index of indices) expect(plan.liars.get(index), replay(plan)).toBe('two votes')
      }
    }
    if (seedCount >= 1000) expect(splits).toBeGreaterThan(0)
  })

  test('without faults every update is listed and the contract is never asked', () => {
    for (const seed of seeds.slice(0, Math.ceil(seedCount / 4))) {
      const workers = 1 + (seed % 8)
      const none = { crashes: new Map<number, number>(), liars: new Map<number, Lie>() }
      const plan = { workers, rounds, dropRate: 0, delayMsMax: 40, ...none, seed }
      const { lists, closedRounds } = simulate(seed, plan)
      expect(closedRounds, replay(plan)).toBe(0)
      for (const ofWorker of lists) {
        expect(ofWorker.map(({ list }) => list.length)).toEqual(Array(rounds).fill(workers))
      }
    }
  })

  test('too few live workers for a certificate end every round through the contract', () => {
    for (const seed of seeds.slice(0, Math.ceil(seedCount / 4))) {
      const workers = 2 + (seed % 7)
      const live = 1 + (seed % Math.ceil((2 * workers) / 3 - 1))
      expect(canCertify(workers, live)).toBe(false)
      const crashes = new Map(Array.from({ length: workers - live }, (_, i) => [live + i, 0]))
      const plan = {
        workers,
        rounds,
        dropRate: 0.1,
        delayMsMax: 40,
        crashes,
        liars: new Map(),
        seed,
      }
      const { lists, closedRounds } = simulate(seed, plan)
      expect(closedRounds, replay(plan)).toBe(rounds)
      for (const ofWorker of lists.slice(0, live)) expect(ofWorker).toHaveLength(rounds)
    }
  })
})
