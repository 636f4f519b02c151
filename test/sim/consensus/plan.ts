import { type Rng, createRng } from '#base/rng.ts'

/** Longer than messages on their way need to arrive in any order. */
export const askOnMs = 100
/** Between blocks, once the network is whole. */
export const paceMs = 100

/** What a faulty validator does besides, or instead of, following the protocol. */
export const tricks = [
  'twins', // two copies of it run with one key
  'stale parent', // proposes on a block that is no longer the newest
  'false parent', // names one parent and extends another
  'equivocate', // proposes several blocks in a view
  'divide', // shows each block, and all votes for it, to one half of the others
  'vote for all', // notarizes, nullifies and finalizes whatever it sees
  'withhold', // shows the payload of its blocks to few or none
  'invalid', // proposes blocks that do not execute
  'junk', // sends messages that no validator may send
  'usurp', // proposes out of turn
  'selective', // says each thing to some and not to others
  'mute', // falls silent for a time
] as const
/** And `idle`: it makes no block when it has the turn. */
export type Trick = (typeof tricks)[number] | 'idle'

/** A machine loses what its disk has not confirmed at `atMs`; it starts again at `backMs`. */
export interface Crash {
  readonly machine: number
  readonly atMs: number
  readonly backMs: number
}

/** One simulated run: everything that chance decides before it begins. */
export interface Plan {
  readonly seed: number
  /** Machines of each epoch's set with their weights, 0 of those who only lead; the last one stays. */
  readonly epochs: readonly (readonly { readonly machine: number; readonly weight: number }[])[]
  readonly machines: number
  readonly blocksPerEpoch: number
  readonly deltaMs: number
  /** Until then messages are lost, late, doubled or cut off, and machines crash. */
  readonly healMs: number
  readonly lossPercent: number
  readonly duplicatePercent: number
  readonly delayMsMax: number
  readonly partition: 'none' | 'halves' | 'shifting'
  readonly crashes: readonly Crash[]
  /** Timers of machine i run at this rate. */
  readonly clockRates: readonly number[]
  /** The slowest write of machine i. */
  readonly diskMsMax: readonly number[]
  readonly adversaries: ReadonlyMap<number, ReadonlySet<Trick>>
}

const setSizes = [4, 4, 4, 4, 4, 7, 5, 3, 1, 10]

/** The plan of a seed. */
export function planOf(seed: number): Plan {
  const rng = createRng(seed)
  const size = setSizes[rng.below(setSizes.length)] as number
  const changes = rng.below(4) === 0 ? 1 + rng.below(2) : 0
  const machines = changes > 0 ? size + 1 + rng.below(2) : size
  const weights = Array.from({ length: machines }, () => 1)
  if (rng.below(4) === 0) weights.forEach((_, i) => (weights[i] = 1 + rng.below(5)))
  const epochs = withLeaders(
    seed,
    Array.from({ length: changes + 1 }, (_, epoch) =>
      shuffled(rng, range(machines))
        .slice(0, epoch === 0 ? size : 1 + rng.below(machines))
        .map((machine) => ({ machine, weight: weights[machine] as number })),
    ),
  )
  const faulty = rng.below(5) === 0 ? [] : faultyOf(rng, epochs, machines)
  const healMs = 500 + rng.below(4000)
  return {
    seed,
    epochs,
    machines,
    blocksPerEpoch: changes > 0 ? 2 + rng.below(4) : 1_000_000,
    deltaMs: 100,
    healMs,
    lossPercent: [0, 5, 15, 40][rng.below(4)] as number,
    duplicatePercent: [0, 0, 20][rng.below(3)] as number,
    delayMsMax: [60, 200, 500][rng.below(3)] as number,
    partition: (['none', 'halves', 'shifting'] as const)[rng.below(3)] as Plan['partition'],
    crashes: rng.below(2) === 0 ? [] : crashesOf(rng, machines, healMs),
    clockRates: range(machines).map(() => 0.8 + rng.below(401) / 1000),
    diskMsMax: range(machines).map(() => [1, 5, 20, 150][rng.below(4)] as number),
    adversaries: withIdle(seed, new Map(faulty.map((machine) => [machine, tricksOf(rng)]))),
  }
}

/**
 * In some runs members without a vote, all behind the voters: they only lead where they are elected. Some are
 * second seats of machines that vote, or have another such seat.
 */
function withLeaders(seed: number, epochs: Plan['epochs']): Plan['epochs'] {
  const rng = createRng(seed + 2 ** 41)
  if (rng.below(4) > 0) return epochs
  return epochs.map((members) => {
    const leaders = rng.below(members.length)
    const voters = members.length - leaders
    const seconds = shuffled(rng, members).slice(0, rng.below(3))
    return [...members, ...seconds].map((member, i) =>
      i < voters ? member : { ...member, weight: 0 },
    )
  })
}

function withIdle(seed: number, adversaries: Plan['adversaries']): Plan['adversaries'] {
  const rng = createRng(seed + 2 ** 42)
  const isIdle = () => rng.below(5) === 0
  return new Map(
    [...adversaries].map(([machine, does]) => [
      machine,
      isIdle() ? new Set([...does, 'idle']) : does,
    ]),
  )
}

/** Machines that together hold less than a third of the weight of every epoch. */
function faultyOf(rng: Rng, epochs: Plan['epochs'], machines: number): readonly number[] {
  const chosen: number[] = []
  for (const machine of shuffled(rng, range(machines))) {
    if (epochs.every((members) => isMinority(members, [...chosen, machine]))) chosen.push(machine)
  }
  return chosen
}

function isMinority(members: Plan['epochs'][number], chosen: readonly number[]): boolean {
  const sum = (of: Plan['epochs'][number]) => of.reduce((all, { weight }) => all + weight, 0)
  return 3 * sum(members.filter(({ machine }) => chosen.includes(machine))) < sum(members)
}

function tricksOf(rng: Rng): ReadonlySet<Trick> {
  const chosen = shuffled(rng, tricks).slice(0, 1 + rng.below(5))
  return new Set(chosen)
}

function crashesOf(rng: Rng, machines: number, healMs: number): readonly Crash[] {
  return Array.from({ length: 1 + rng.below(2 * machines) }, () => {
    const atMs = rng.below(healMs)
    return { machine: rng.below(machines), atMs, backMs: atMs + 1 + rng.below(healMs - atMs) }
  })
}

export function range(length: number): readonly number[] {
  return Array.from({ length }, (_, i) => i)
}

function shuffled<T>(rng: Rng, items: readonly T[]): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = rng.below(i + 1)
    const item = order[i] as T
    order[i] = order[j] as T
    order[j] = item
  }
  return order
}
