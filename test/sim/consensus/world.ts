import type { Hex } from '#base/hex.ts'
import { type Rng, createRng } from '#base/rng.ts'
import { type Heap, createHeap } from '#chain/core/heap.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import { type Anchor, type Rules, proposersBy } from '#chain/core/consensus/rules.ts'
import {
  type ValidatorSet,
  createValidatorSet,
  stakeLeader,
} from '#chain/core/consensus/validators.ts'
import { Adversary } from './adversary.ts'
import { Host } from './host.ts'
import { Oracle, SimulationError } from './oracle.ts'
import { type Plan, planOf } from './plan.ts'

const eventsMax = 150_000
/** How far behind the disturbed time the next blocks have to be final. */
const blocksAfterHealing = 6
const viewsAfterHealingMax = 60
const afterHealingMsMax = 60_000

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

interface EpochRules {
  readonly set: ValidatorSet
  readonly seed: Hex
  readonly machines: readonly number[]
  readonly proposersOf: Rules['proposersOf']
}

/** What a run came to. */
export interface Outcome {
  readonly seed: number
  readonly events: number
  readonly virtualMs: number
  readonly blocks: number
  readonly views: number
  readonly convicted: number
  readonly adversaries: number
  /** Median time from a block's making to its finality on a machine, after healing. */
  readonly finalityMs: number
}

/** Runs a seed; throws a SimulationError at the first thing that must not be. */
export function simulate(seed: number): Outcome {
  return new World(planOf(seed)).run()
}

/** Virtual time, a network and disks that fail as planned, and the hosts. */
export class World {
  readonly plan: Plan
  readonly rng: Rng
  readonly oracle: Oracle
  readonly hosts: readonly Host[]
  readonly #queue: Heap<Event> = createHeap<Event>((a, b) =>
    a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs,
  )
  readonly #epochs = new Map<number, EpochRules>()
  readonly #finalityMs: number[] = []
  #sides: readonly number[] = []
  #order = 0
  #made = 0
  nowMs = 0

  constructor(plan: Plan) {
    this.plan = plan
    this.rng = createRng(plan.seed + 2 ** 40)
    this.oracle = new Oracle(plan)
    this.oracle.allowedProposers = (block) => this.#allowed(block)
    this.oracle.nextSetRoot = (block) => this.#nextSetRoot(block)
    this.hosts = Array.from({ length: plan.machines }, (_, machine) => {
      const copies = plan.adversaries.get(machine)?.has('twins') === true ? 2 : 1
      return Array.from({ length: copies }, () =>
        this.oracle.isHonest(machine) ? new Host(this, machine) : new Adversary(this, machine),
      )
    }).flat()
  }

  run(): Outcome {
    for (const { machine, atMs, backMs } of this.plan.crashes)
      this.#planCrash(machine, atMs, backMs)
    this.#shift()
    for (const host of this.hosts) this.at(this.rng.below(50), () => host.boot())
    const healed = this.#runUntil(() => this.nowMs >= this.plan.healMs)
    const goal = this.#tallest() + blocksAfterHealing
    const viewMax = this.#newestView() + viewsAfterHealingMax
    const honest = this.hosts.filter(({ machine }) => this.oracle.isHonest(machine))
    const arrived = this.#runUntil(
      () => honest.every((host) => host.chain.length >= goal),
      () => this.#isLate(viewMax),
      healed,
    )
    for (const host of honest) host.checkBounds()
    return this.#outcome(arrived)
  }

  #isLate(viewMax: number): boolean {
    if (this.nowMs > this.plan.healMs + afterHealingMsMax) return true
    return this.plan.epochs.length === 1 && this.#newestView() > viewMax // else views begin again
  }

  #outcome(events: number): Outcome {
    const times = this.#finalityMs.toSorted((a, b) => a - b)
    return {
      seed: this.plan.seed,
      events,
      virtualMs: Math.round(this.nowMs),
      blocks: this.#tallest(),
      views: this.#newestView(),
      convicted: this.oracle.convicted.size,
      adversaries: this.plan.adversaries.size,
      finalityMs: Math.round(times[times.length >> 1] ?? 0),
    }
  }

  #runUntil(isDone: () => boolean, isLate: () => boolean = () => false, before = 0): number {
    let events = before
    while (!isDone()) {
      const next = this.#queue.pop()
      events += 1
      if (next === undefined || events > eventsMax || isLate()) {
        const heights = this.hosts.map(
          (host) => `${host.machine}:${host.chain.length}@${host.view()}`,
        )
        throw new SimulationError(
          'STUCK',
          `${Math.round(this.nowMs)} ms, ${events} events, ${heights.join(' ')}`,
        )
      }
      this.nowMs = next.atMs
      next.run()
    }
    return events
  }

  #tallest(): number {
    return Math.max(0, ...this.oracle.finals.keys())
  }

  #newestView(): number {
    return Math.max(
      ...this.hosts.filter((h) => this.oracle.isHonest(h.machine)).map((host) => host.view()),
    )
  }

  at(delayMs: number, run: () => void): void {
    this.#order += 1
    this.#queue.push({ atMs: this.nowMs + delayMs, order: this.#order, run })
  }

  chance(percent: number): boolean {
    return this.rng.below(100) < percent
  }

  // The network.

  get isHealed(): boolean {
    return this.nowMs >= this.plan.healMs
  }

  /** Brings something from one host to another, as the network of this moment does. */
  carry(from: Host, to: Host, deliver: () => void): void {
    if (from === to) return
    if (this.isHealed) return this.at(1 + this.rng.below(60), deliver)
    const { lossPercent, duplicatePercent, delayMsMax } = this.plan
    // The faulty have ways of their own around a partition.
    const areHonest = this.oracle.isHonest(from.machine) && this.oracle.isHonest(to.machine)
    const isCut = areHonest && this.#sides[from.machine] !== this.#sides[to.machine]
    if (isCut || this.chance(lossPercent)) return
    this.at(1 + this.rng.below(delayMsMax), deliver)
    if (this.chance(duplicatePercent)) this.at(1 + this.rng.below(2 * delayMsMax), deliver)
  }

  #shift(): void {
    const { partition, machines, healMs } = this.plan
    const isCut = partition !== 'none'
    this.#sides = Array.from({ length: machines }, (_, machine) => {
      if (!isCut) return 0
      return partition === 'halves' ? machine % 2 : this.rng.below(2)
    })
    if (partition === 'shifting' && this.nowMs + 300 < healMs) this.at(300, () => this.#shift())
  }

  #planCrash(machine: number, atMs: number, backMs: number): void {
    for (const host of this.hosts.filter((other) => other.machine === machine)) {
      this.at(atMs, () => host.crash())
      this.at(backMs, () => host.boot())
    }
  }

  // Blocks and epochs.

  make(author: number, block: Omit<ConsensusBlock, 'beacon'>, isValid = true): Hex {
    this.#made += 1
    const root = numbered(this.#made)
    const made = { ...block, beacon: root }
    this.oracle.blocks.set(root, { block: made, isValid, author, madeMs: this.nowMs })
    return root
  }

  noteFinal(root: Hex): void {
    const madeMs = this.oracle.blocks.get(root)?.madeMs ?? 0
    if (madeMs > this.plan.healMs) this.#finalityMs.push(this.nowMs - madeMs)
  }

  genesis(): Anchor {
    return { view: 0, root: numbered(0), height: 0, elected: this.elected(numbered(0), 0) }
  }

  /** Whom chance elects for the block after this one: nobody at odd heights. */
  elected(root: Hex, epoch: number): number | undefined {
    const draw = Math.imul(Number.parseInt(root.slice(-8), 16) + 1, 0x9e3779b1) >>> 8
    const { machines } = this.epoch(epoch)
    return draw % 2 === 0 ? undefined : (draw >> 1) % machines.length
  }

  epoch(epoch: number): EpochRules {
    const known = this.#epochs.get(epoch)
    if (known !== undefined) return known
    const members = this.oracle.members(epoch)
    const set = createValidatorSet(
      epoch,
      members.map(({ machine, weight }) => ({
        seat: machine,
        address: address(machine),
        blsKey: '0x',
        weight,
      })),
    )
    const seed = numbered(this.plan.seed * 100 + epoch)
    const proposersOf = remembering(proposersBy(set, seed))
    const rules = { set, seed, machines: members.map(({ machine }) => machine), proposersOf }
    this.#epochs.set(epoch, rules)
    return rules
  }

  #nextSetRoot({ epoch, height }: ConsensusBlock): Hex | undefined {
    return height === (epoch + 1) * this.plan.blocksPerEpoch ? this.setRoot(epoch + 1) : undefined
  }

  setRoot(epoch: number): Hex {
    return validatorSetRoot(this.epoch(epoch).set)
  }

  /** Whoever may have made a block that became final: elected in the view after its parent's, or drawn. */
  #allowed(block: ConsensusBlock): readonly number[] {
    const { set, seed } = this.epoch(block.epoch)
    const parent = this.oracle.blocks.get(block.parentRoot)?.block
    const isFirst = parent === undefined || parent.epoch !== block.epoch
    const elected = this.elected(block.parentRoot, block.epoch)
    const isNext = block.view === (isFirst ? 1 : parent.view + 1)
    return [isNext && elected !== undefined ? elected : stakeLeader(set, seed, block.view)]
  }
}

/** Remembers the draws by stake, which cost a hash each. */
function remembering(proposersOf: Rules['proposersOf']): Rules['proposersOf'] {
  const byStake = new Map<number, readonly number[]>()
  return (view, parent) => {
    if (parent.elected !== undefined) return proposersOf(view, parent)
    const known = byStake.get(view) ?? proposersOf(view, parent)
    byStake.set(view, known)
    return known
  }
}

function numbered(number: number): Hex {
  return `0x${number.toString(16).padStart(64, '0')}`
}

export function address(machine: number): Hex {
  return `0x${(machine + 1).toString(16).padStart(40, '0')}`
}
