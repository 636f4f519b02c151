import { u32be, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { type Hex, toHex } from '#base/hex.ts'
import { type Rng, createRng } from '#base/rng.ts'
import { nextBeacon } from '#chain/core/beacon.ts'
import { type Election, elect } from '#chain/core/election.ts'
import { type Unit, type UrnSegment, type WorkFacts, unitsCreated } from '#chain/core/urn.ts'
import {
  type LeaderPlace,
  leaderBonusGwei,
  leaderTipsMaxGwei,
  shareTips,
  unitsOf,
  workRules,
} from '#chain/core/work-rules.ts'

/** The rules that keep the election sound; each can be switched off alone to see what it is for. */
export const soundRules = {
  /** A segment is committed once: one hash for each unit. */
  isOnce: true,
  /** The lots are drawn with a beacon that nobody knew at the commitment. */
  isDrawnAfter: true,
  /** The beacon of the assignment is in the seed: nobody works before it. */
  isSeeded: true,
  /** Committed within `inclusionHeights` of that beacon. */
  isIncludedInTime: true,
  /** Units and bonus are bounded by burned fees. */
  isBurned: true,
  /** The leader's tips are capped. */
  isTipCapped: true,
  /** Only the assigned worker, whose name is in the seed. */
  isAssigned: true,
  /** An elected unit is spent though its leader stays silent. */
  isSpentEitherWay: true,
  /** Units count metered FLOP, not segments. */
  isMetered: true,
  /** A step drawn after the commitment is repeated. */
  isAudited: true,
}
export type Rules = typeof soundRules

export const market = {
  unitFlops: 1_000n,
  unitPriceGwei: 10_000n,
  betaBps: 8_000n,
  powEvery: 2,
  /** F: from the beacon in the seed to the commitment. */
  inclusionHeights: 16,
  /** A: from the commitment to maturity. */
  auditHeights: 8,
  /** Lost by who is caught, beside the reward. */
  bondFees: 4n,
} as const
const fullFeeBps = 10_000n
const [workerBps, burnBps] = [9_000n, 500n]

/** A worker's word that it did a segment of a job. */
export interface Commitment {
  readonly work: string
  readonly leader: number
  readonly client: number
  readonly flops: bigint
  readonly feeGwei: bigint
  /** The height whose beacon is in the seed, and the worker that the seed names. */
  readonly beaconHeight: number
  readonly seedLeader: number
  /** The height at which the work was really done. */
  readonly doneHeight: number
  /** Part of the steps that were not computed. */
  readonly fakeShare: number
  /** What the worker is free to write into its commitment, `dataPointer` for instance. */
  readonly pointer: number
}

export interface Led {
  readonly height: number
  readonly leader: number
}

/** Fee that burns what `units` units need. */
export const feeOf = (units: number): bigint =>
  (market.unitPriceGwei * BigInt(units) * fullFeeBps) / burnBps

export const segmentIdOf = ({ work, pointer, leader }: Commitment): Hex =>
  toHex(sha256(utf8(work), u32be(pointer), u32be(leader)))

/** One chain: it admits commitments, matures them, and elects with the rules of `chain/core`. */
export class World {
  readonly led: Led[] = []
  readonly balances = new Map<number, bigint>()
  readonly refused = new Map<string, number>()
  readonly rng: Rng
  readonly rules: Rules
  height = 0
  beacon: Hex
  private readonly epochBeacon: Hex
  private readonly committed = new Set<string>()
  private pending: { readonly commitment: Commitment; readonly height: number }[] = []
  private urn: readonly UrnSegment[] = []
  /** The urn after each of the last heights, the newest first. */
  private readonly past: (readonly UrnSegment[])[] = [[], []]
  private spent: readonly Unit[] = []
  private readonly spentAt = new Map<number, Unit>()

  constructor(rules: Rules, seed: number) {
    this.rules = rules
    this.rng = createRng(seed)
    this.beacon = toHex(sha256(utf8('sim'), u32be(seed)))
    this.epochBeacon = this.beacon
  }

  /** Admits a commitment, or says why not. */
  commit(commitment: Commitment): boolean {
    const reason = this.refusal(commitment)
    if (reason !== undefined) {
      this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
      return false
    }
    this.committed.add(keyOf(commitment))
    this.pending.push({ commitment, height: this.height })
    const { feeGwei, client, leader } = commitment
    this.pay(client, -feeGwei)
    this.pay(leader, (feeGwei * workerBps) / fullFeeBps)
    return true
  }

  /** The beacon that later draws use, as far as it is known now. */
  knownBeacon(): Hex {
    return this.rules.isDrawnAfter ? this.beacon : this.epochBeacon
  }

  /** What the election of the next height says; the world goes on by `close`. */
  open(): Election {
    this.mature()
    const place = { chainId: 1, height: this.height, parentBeacon: this.knownBeacon() }
    return elect(place, this.factsOf(this.past[1]!), this.spent)
  }

  /** Ends the height. `isSilent`: the elected leader proposes nothing and a stake leader takes the height. */
  close(election: Election, options: { readonly isSilent: boolean; readonly tipsGwei: bigint }) {
    const spends = election.kind === 'work' && (!options.isSilent || this.rules.isSpentEitherWay)
    if (election.kind === 'work' && !options.isSilent) {
      this.led.push({ height: this.height, leader: election.seat })
      this.reward(election.seat, options.tipsGwei)
    }
    if (spends) this.spentAt.set(this.height, election.unit)
    this.spentAt.delete(this.height - workRules.liveHeights)
    this.spent = [...this.spentAt.values()]
    this.past.unshift(this.urn)
    this.past.length = 2
    this.beacon = nextBeacon(this.beacon, toHex(u32be(this.rng.nextU32())))
    this.height += 1
  }

  private refusal(commitment: Commitment): string | undefined {
    const { rules, height } = this
    if (this.committed.has(keyOf(commitment)) && rules.isOnce) return 'twice'
    if (rules.isAssigned && commitment.seedLeader !== commitment.leader) return 'foreign'
    // Steps of a seed that was not known yet do not survive an audit.
    if (rules.isSeeded && commitment.doneHeight < commitment.beaconHeight) return 'early'
    const age = height - commitment.beaconHeight
    if (rules.isIncludedInTime && age > market.inclusionHeights) return 'stale'
    return undefined
  }

  private mature(): void {
    const isDue = (at: number) => this.height - at >= market.auditHeights
    for (const { commitment, height } of this.pending) {
      if (!isDue(height)) continue
      if (this.isCaught(commitment)) {
        const lost = (commitment.feeGwei * workerBps) / fullFeeBps
        this.pay(commitment.leader, -lost - market.bondFees * commitment.feeGwei)
      } else this.put(commitment)
    }
    this.pending = this.pending.filter(({ height }) => !isDue(height))
  }

  private isCaught({ fakeShare }: Commitment): boolean {
    const isDrawnAmiss = fakeShare > 0 && this.rng.below(1_000) < fakeShare * 1_000
    return this.rules.isAudited && isDrawnAmiss
  }

  private put(commitment: Commitment): void {
    const segmentId = segmentIdOf(commitment)
    const units = this.unitsOf(commitment)
    if (units === 0) return
    const oldest = this.height - workRules.liveHeights
    this.urn = [
      ...this.urn.filter(({ bornHeight }) => bornHeight >= oldest),
      { segmentId, seat: commitment.leader, units, bornHeight: this.height },
    ]
  }

  private unitsOf({ flops, feeGwei }: Commitment): number {
    if (!this.rules.isMetered) return 1
    const most = 1n << 64n
    const burnedGwei = this.rules.isBurned ? (feeGwei * burnBps) / fullFeeBps : most
    return unitsOf({ flops, burnedGwei }, market)
  }

  private reward(leader: number, tipsGwei: bigint): void {
    const created = unitsCreated(this.factsOf(this.past[1]!), this.height)
    const place: LeaderPlace = { ...market, unitsCreated: created, every: market.powEvery }
    const bonus = this.rules.isBurned ? leaderBonusGwei(place) : flatBonusGwei
    const { leaderGwei } = shareTips(tipsGwei, leaderTipsMaxGwei(place))
    this.pay(leader, bonus + (this.rules.isTipCapped ? leaderGwei : tipsGwei))
  }

  private factsOf(segments: readonly UrnSegment[]): WorkFacts {
    return { ...market, segments }
  }

  private pay(account: number, amountGwei: bigint): void {
    this.balances.set(account, (this.balances.get(account) ?? 0n) + amountGwei)
  }
}

/** A reward that has nothing to do with what was burned: the price of 100 units for each block. */
const flatBonusGwei = 100n * market.unitPriceGwei

/** Who may commit a piece of work only once: the job's segment, whoever brings it first. */
const keyOf = ({ work }: Commitment): string => work
