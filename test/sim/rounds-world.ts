import { createRng, type Rng } from '#base/rng.ts'
import { listHashOf, quorumOf } from '#compute/train/certificate.ts'
import { awaitedOf, firstPace, lateAfterMs, nextPace, type Pace } from '#compute/train/pace.ts'
import {
  heldUpdates,
  nextWakeMs,
  onRound,
  openRound,
  type RoundEffect,
  type RoundEvent,
  type RoundState,
  workMsOf,
} from '#compute/train/rounds.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate, RoundList } from '#wire/segment.ts'

export type Lie = 'two votes' | 'two updates' | 'no bytes' | 'leave others out' | 'silent'

export interface Faults {
  readonly workers: number
  readonly rounds: number
  readonly dropRate: number
  readonly delayMsMax: number
  /** Worker index -> the time at which it stops for ever. */
  readonly crashes: ReadonlyMap<number, number>
  readonly liars: ReadonlyMap<number, Lie>
}

export interface Outcome {
  /** By worker index, what it took for the list of each round. */
  readonly lists: readonly (readonly RoundList[])[]
  readonly closedRounds: number
  /** Everything each worker ever signed: worker -> round -> list hashes. */
  readonly signed: ReadonlyMap<Hex, ReadonlyMap<number, ReadonlySet<Hex>>>
  readonly events: number
}

const floorMs = 400
const viewMs = 200
const closeAfterMs = 6_000
const closeWindowMs = 5_000
const resendMs = 500
const eventsMax = 100_000

type Message = { readonly round: number; readonly event: RoundEvent }

interface Member {
  readonly index: number
  readonly id: Hex
  pace: Pace
  state: RoundState
  readonly later: Message[]
  readonly lists: RoundList[]
}

/** Runs one attempt of `faults.rounds` rounds in virtual time; the same seed gives the same run. */
export function simulate(seed: number, faults: Faults): Outcome {
  return new World(createRng(seed), faults).run()
}

const idOf = (index: number): Hex => `0x${(index + 1).toString(16).padStart(40, '0')}`

class World {
  readonly rng: Rng
  readonly faults: Faults
  readonly active: readonly Hex[]
  readonly members: readonly Member[]
  readonly queue: { atMs: number; order: number; run: () => void }[] = []
  readonly closing = new Map<number, Map<Hex, ListedUpdate>>()
  readonly closed = new Map<number, readonly ListedUpdate[]>()
  readonly signed = new Map<Hex, Map<number, Set<Hex>>>()
  nowMs = 0
  order = 0
  events = 0

  constructor(rng: Rng, faults: Faults) {
    this.rng = rng
    this.faults = faults
    this.active = Array.from({ length: faults.workers }, (_, i) => idOf(i))
    this.members = this.active.map((id, index) => ({
      index,
      id,
      pace: firstPace(this.active),
      state: this.opened(0, firstPace(this.active)),
      later: [],
      lists: [],
    }))
  }

  run(): Outcome {
    for (const member of this.members) this.begin(member)
    for (;;) {
      const next = this.pop()
      if (!next || this.events >= eventsMax) break
      this.nowMs = next.atMs
      this.events += 1
      next.run()
    }
    return {
      lists: this.members.map(({ lists }) => lists),
      closedRounds: this.closed.size,
      signed: this.signed,
      events: this.events,
    }
  }

  pop() {
    let best = 0
    for (let i = 1; i < this.queue.length; i += 1) {
      const [a, b] = [this.queue[i]!, this.queue[best]!]
      if (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)) best = i
    }
    const next = this.queue[best]
    const last = this.queue.pop()
    if (last && last !== next) this.queue[best] = last
    return next
  }

  at(delayMs: number, run: () => void): void {
    this.queue.push({ atMs: this.nowMs + delayMs, order: (this.order += 1), run })
  }

  lives(member: Member): boolean {
    return this.nowMs < (this.faults.crashes.get(member.index) ?? Infinity)
  }

  rules(member: Member) {
    return { self: member.id, active: this.active, viewMs }
  }

  opened(round: number, pace: Pace): RoundState {
    const lateMs = this.nowMs + lateAfterMs(pace, floorMs)
    const times = { openedMs: this.nowMs, lateMs, closeMs: this.nowMs + closeAfterMs }
    return openRound(round, times, { awaited: awaitedOf(pace) })
  }

  begin(member: Member): void {
    const { round } = member.state
    const closed = this.closed.get(round)
    const waiting = member.later.filter((message) => message.round === round)
    for (const { event } of waiting) this.feed(member, { round, event })
    if (closed) this.feed(member, { round, event: { kind: 'closed', list: closed } })
    this.wake(member, round)
    this.at(10 + this.rng.below(190), () => this.announce(member, round))
  }

  announce(member: Member, round: number): void {
    const lie = this.faults.liars.get(member.index)
    if (!this.lives(member) || lie === 'silent' || member.state.round !== round) return
    for (const copy of lie === 'two updates' ? [0, 1] : [0]) {
      const update = { worker: member.id, updateRoot: rootOf(round, copy), cid: `b${copy}` }
      const event = { kind: 'update', update, signature: '0x' } as const
      this.send(member, { round, event }, (peer) => copy === 0 || peer % 2 === 0)
      this.feed(member, { round, event })
    }
  }

  send(member: Member, message: Message, isFor: (peer: number) => boolean): void {
    for (const peer of this.members) {
      if (peer === member) continue
      // What a liar hides from some, the others' gossip brings them later.
      this.at(isFor(peer.index) ? 0 : 300 + this.rng.below(1500), () => this.deliver(peer, message))
    }
  }

  deliver(to: Member, message: Message): void {
    if (this.rng.below(1000) < this.faults.dropRate * 1000) {
      // The job log brings what gossip lost: any holder answers, not only the author.
      this.at(resendMs, () => this.deliver(to, message))
      return
    }
    this.at(1 + this.rng.below(this.faults.delayMsMax), () => this.feed(to, message))
  }

  feed(member: Member, message: Message): void {
    if (!this.lives(member)) return
    if (message.round > member.state.round) {
      member.later.push(message)
      return
    }
    if (message.round < member.state.round) return
    const known = { event: message.event, nowMs: this.nowMs }
    const [state, effects] = onRound(this.rules(member), member.state, known)
    member.state = state
    for (const effect of effects) this.perform(member, effect)
    if (member.state.round === message.round) this.wake(member, message.round)
  }

  wake(member: Member, round: number): void {
    const wakeMs = nextWakeMs(this.rules(member), member.state, this.nowMs)
    if (wakeMs === undefined) return
    this.at(wakeMs - this.nowMs, () => {
      if (member.state.round === round) this.feed(member, { round, event: { kind: 'tick' } })
    })
  }

  perform(member: Member, effect: RoundEffect): void {
    const { round } = member.state
    if (effect.kind === 'fetch') this.fetch(member, effect.update, round)
    else if (effect.kind === 'vote') this.vote(member, effect.list, effect.view)
    else if (effect.kind === 'close') this.present(member, round)
    else this.fixed(member, effect.list)
  }

  fetch(member: Member, update: ListedUpdate, round: number): void {
    const author = this.active.indexOf(update.worker)
    const isMissing = this.faults.liars.get(author) === 'no bytes' && author !== member.index
    if (isMissing) return
    const delayMs = author === member.index ? 0 : 1 + this.rng.below(this.faults.delayMsMax)
    this.at(delayMs, () => {
      if (member.state.round === round)
        this.feed(member, { round, event: { kind: 'held', update } })
    })
  }

  vote(member: Member, list: readonly ListedUpdate[], view: number): void {
    const lie = this.faults.liars.get(member.index)
    const { round } = member.state
    const lists =
      lie === 'two votes'
        ? [list, list.slice(0, 1)]
        : [lie === 'leave others out' ? list.slice(0, 1) : list]
    for (const [copy, one] of lists.entries()) {
      const vote = { worker: member.id, view, list: one, signature: '0x' as Hex }
      this.remember(member.id, round, listHashOf(one))
      const message = { round, event: { kind: 'vote', vote } } as const
      this.send(member, message, (peer) => lists.length === 1 || peer % 2 === copy)
      if (copy === 0) this.at(0, () => this.feed(member, message))
    }
  }

  remember(worker: Hex, round: number, hash: Hex): void {
    const rounds = this.signed.get(worker) ?? new Map<number, Set<Hex>>()
    const hashes = rounds.get(round) ?? new Set<Hex>()
    this.signed.set(worker, rounds.set(round, hashes.add(hash)))
  }

  /** The contract: the first update opens a window; at its end the updates presented in it are the list. */
  present(member: Member, round: number): void {
    if (!this.lives(member) || member.state.round !== round || this.closed.has(round)) return
    const held = heldUpdates(this.rules(member), member.state)
    const presented = this.closing.get(round) ?? new Map<Hex, ListedUpdate>()
    for (const { update } of held) {
      if (!presented.has(update.worker)) presented.set(update.worker, update)
    }
    if (presented.size > 0 && !this.closing.has(round)) {
      this.at(closeWindowMs, () => this.close(round))
      this.closing.set(round, presented)
    }
    this.at(resendMs, () => this.present(member, round))
  }

  close(round: number): void {
    const presented = this.closing.get(round)!
    const list = this.active.flatMap((worker) => presented.get(worker) ?? [])
    this.closed.set(round, list)
    for (const member of this.members) {
      this.feed(member, { round, event: { kind: 'closed', list } })
    }
  }

  fixed(member: Member, list: RoundList): void {
    member.lists.push(list)
    member.pace = nextPace(member.pace, list.list, workMsOf(member.state))
    if (member.lists.length === this.faults.rounds) return
    member.state = this.opened(list.round + 1, member.pace)
    this.begin(member)
  }
}

function rootOf(round: number, copy: number): Hex {
  return `0x${(round * 2 + copy).toString(16).padStart(64, '0')}`
}

/** Liars a quorum of two thirds can bear without two certificates for one round. */
export const liarsMax = (workers: number): number => Math.floor((workers - 1) / 3)

/** Whether so many live workers can make certificates. */
export const canCertify = (workers: number, live: number): boolean => live >= quorumOf(workers)
