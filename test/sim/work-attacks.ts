import { drawLot } from '#chain/core/election.ts'
import {
  type Commitment,
  type Led,
  type Rules,
  World,
  feeOf,
  market,
  segmentIdOf,
} from './work-world.ts'

export const attacker = 1
const clients = 100
const usualRate = 0.9
/** What eight honest workers have of the honest compute. */
const honestShares = [1, 2, 3, 4, 5, 6, 7, 8].map((part) => part / 36)

export interface Run {
  readonly attack: Attack
  /** The attacker's share of the compute. */
  readonly share: number
  readonly rules: Rules
  readonly seed: number
  readonly heights?: number
  /** Segments that all compute brings at one height. */
  readonly rate?: number
  /** Units of an honest segment. */
  readonly units?: number
  /** Tips of a block at a height. */
  readonly tipsGwei?: (height: number) => bigint
}

/** The attacker at a height: how many segments its compute has just finished. */
export interface Turn {
  readonly world: World
  readonly run: Run
  readonly finished: number
  /** A new segment that was really computed. */
  make(overrides?: Partial<Commitment>): Commitment
}

export interface Attack {
  readonly commit: (turn: Turn) => void
  /** Called with what an honest worker is about to commit; true where the attacker was faster. */
  readonly intercept?: (world: World, commitment: Commitment) => boolean
  /** Whether the attacker keeps silent though it was elected. */
  readonly isSilentAt?: (height: number) => boolean
}

export interface Outcome {
  /** The attacker's part of the blocks that were led by work. */
  readonly ledShare: number
  /** The largest such part in 50 work-led blocks one after another. */
  readonly worstShare: number
  /** Of the blocks at every fourth work height, the attacker's part. */
  readonly fourthShare: number
  readonly balanceGwei: bigint
  readonly world: World
}

/** Compute finishes at an even pace, so that chance is in the draws alone. */
function paceOf(perHeight: number): () => number {
  let credit = 0
  return () => {
    credit += perHeight
    const finished = Math.floor(credit + 1e-9)
    credit -= finished
    return finished
  }
}

export function simulateWork(run: Run): Outcome {
  const { heights = 3_600, rate = usualRate, share } = run
  const world = new World(run.rules, run.seed)
  const make = makerOf(world, run)
  const own = paceOf(rate * share)
  const honest = honestShares.map((part) => paceOf(rate * (1 - share) * part))
  while (world.height < heights) {
    for (const [i, finish] of honest.entries()) {
      for (let n = finish(); n > 0; n -= 1) commitHonest(world, run, make({ leader: 2 + i }))
    }
    run.attack.commit({ world, run, finished: own(), make })
    const election = world.open()
    const isAttacker = election.kind === 'work' && election.seat === attacker
    const isSilent = isAttacker && run.attack.isSilentAt?.(world.height) === true
    world.close(election, { isSilent, tipsGwei: run.tipsGwei?.(world.height) ?? 0n })
  }
  return outcomeOf(world)
}

function commitHonest(world: World, run: Run, commitment: Commitment): void {
  if (run.attack.intercept?.(world, commitment) !== true) world.commit(commitment)
}

function makerOf(world: World, { units = 1 }: Run): Turn['make'] {
  let count = 0
  return (overrides = {}) => {
    const leader = overrides.leader ?? attacker
    return {
      work: overrides.work ?? `${(count += 1)}`,
      leader,
      client: clients,
      flops: market.unitFlops * BigInt(units),
      feeGwei: feeOf(units),
      beaconHeight: world.height,
      doneHeight: world.height,
      seedLeader: leader,
      fakeShare: 0,
      pointer: 0,
      ...overrides,
    }
  }
}

function outcomeOf(world: World): Outcome {
  const led = world.led.filter(({ height }) => height >= 300)
  const partOf = (blocks: readonly Led[]) =>
    blocks.filter(({ leader }) => leader === attacker).length / blocks.length
  const windows = led.slice(50).map((_, i) => partOf(led.slice(i, i + 50)))
  return {
    ledShare: partOf(led),
    worstShare: Math.max(0, ...windows),
    fourthShare: partOf(led.filter(({ height }) => isFourth(height))),
    balanceGwei: world.balances.get(attacker) ?? 0n,
    world,
  }
}

const isFourth = (height: number) => height % (4 * market.powEvery) === 0

const times = (count: number, act: (i: number) => void) => {
  for (let i = 0; i < count; i += 1) act(i)
}
const commitOwn = ({ world, finished, make }: Turn) => times(finished, () => world.commit(make()))

export const honest: Attack = { commit: commitOwn }

/** Commits each finished segment a hundred times, with another free field each time. */
export const grind: Attack = {
  commit: ({ world, finished, make }) =>
    times(finished, () => {
      const commitment = make()
      times(100, (pointer) => world.commit({ ...commitment, pointer }))
    }),
}

/** Writes the pointer with which its segment has the lowest lot of the heights to come, as far as beacons are known. */
export const previewDraw: Attack = {
  commit: ({ world, finished, make }) =>
    times(finished, () => {
      const commitment = make()
      const from = world.height + market.auditHeights + 3
      const heights = [0, 1, 2, 3].map((i) => from + (from % 2) + 2 * i)
      let best = { lot: 1, pointer: 0 }
      times(48, (pointer) => {
        const segmentId = segmentIdOf({ ...commitment, pointer })
        for (const height of heights) {
          const place = { chainId: 1, height, parentBeacon: world.knownBeacon() }
          const [high = 0, low = 0] = drawLot(place, { segmentId, j: 0 })
          const lot = (256 * high + low) / 65_536
          if (lot < best.lot) best = { lot, pointer }
        }
      })
      world.commit({ ...commitment, pointer: best.pointer })
    }),
}

/** Cuts its work into pieces of a fiftieth, each committed as a segment with its part of the fee. */
export const cutSteps: Attack = {
  commit: ({ world, run, finished, make }) => {
    const units = run.units ?? 1
    const flops = (market.unitFlops * BigInt(units)) / 50n
    const feeGwei = feeOf(units) / 50n
    times(50 * finished, () => world.commit(make({ flops, feeGwei })))
  },
}

/** Posts jobs without work to itself, as many as all others together, for a fee of `feeUnits` units. */
export const emptyJobs = (feeUnits: number): Attack => {
  const pace = new WeakMap<World, () => number>()
  return {
    commit: (turn) => {
      const { world, run, make } = turn
      commitOwn(turn)
      if (!pace.has(world)) pace.set(world, paceOf(run.rate ?? usualRate))
      const feeGwei = feeOf(feeUnits)
      times(pace.get(world)!(), (i) =>
        world.commit(make({ work: `empty ${world.height} ${i}`, client: attacker, feeGwei })),
      )
    },
  }
}

/** Commits half of the results of others in its own name, before they do. */
export const steal: Attack = {
  commit: commitOwn,
  intercept: (world, commitment) =>
    world.rng.below(2) === 0 && world.commit({ ...commitment, leader: attacker }),
}

/** Commits ten segments that it did not compute for each one that it did. */
export const fabricate: Attack = {
  commit: (turn) => {
    commitOwn(turn)
    times(10 * turn.finished, () => turn.world.commit(turn.make({ fakeShare: 1 })))
  },
}

/**
 * Holds segments back for `heights` heights and commits them at once: as the old work that they are, or, where
 * it worked `isEarly`, as the answer to a beacon that came after it.
 */
export const hoard = (heights: number, options: { readonly isEarly: boolean }): Attack => {
  const held = new WeakMap<World, Commitment[]>()
  return {
    commit: ({ world, finished, make }) => {
      const all = held.get(world) ?? []
      held.set(world, all)
      times(finished, () => all.push(make()))
      if (world.height % heights !== heights - 1) return
      const beacons = options.isEarly ? { beaconHeight: world.height } : {}
      for (const commitment of all.splice(0)) world.commit({ ...commitment, ...beacons })
    },
  }
}

/** Leads only at heights that pay, one work height in four, and keeps silent at the others. */
export const waitForTips: Attack = {
  commit: commitOwn,
  isSilentAt: (height) => !isFourth(height),
}
