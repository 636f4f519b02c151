import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate, RoundList } from '#wire/segment.ts'
import { faultOfList, listHashOf, quorumOf } from './certificate.ts'

/**
 * One round of one attempt, as one worker sees it: which updates does it aggregate? Pure rules.
 *
 * 1. Every worker announces its update. Whoever hears of one fetches its bytes; only then is it `held`.
 * 2. The round is ready when the updates of all awaited workers are held, or when it is late. From then on
 *    the leader of view v = 0, 1, … (awaited[(round + v) mod awaited]) may propose what it holds, one view
 *    every `viewMs`. A proposal is its leader's vote.
 * 3. A worker votes for at most one list a round, and only when it holds every update in it. Before the
 *    round is late it votes only for lists that leave nobody out.
 * 4. Votes of a quorum for one list are the round's certificate. Both votes of a worker that signed two
 *    lists count, since not everybody hears of both; with less than a third of such workers there is one
 *    certificate, and two certificates prove by their signatures who signed both (`doubleSigners`).
 * 5. With no certificate at `closeMs` the worker votes no more and asks the contract to fix the list. A list
 *    fixed there counts only from then on: nobody can fix a round that has, or may get, a certificate. The
 *    contract's window must be longer than what workers differ in time, and votes need to arrive.
 */
export interface RoundRules {
  readonly self: Hex
  /** Workers of this attempt in index order. */
  readonly active: readonly Hex[]
  /** How long a view's leader has for its proposal. */
  readonly viewMs: number
}

export interface Vote {
  readonly worker: Hex
  readonly view: number
  readonly list: readonly ListedUpdate[]
  readonly signature: Hex
}

export interface KnownUpdate {
  readonly update: ListedUpdate
  /** By which the update's author signed it; what `closeRound` needs. */
  readonly signature: Hex
  readonly isHeld: boolean
  /** When its bytes were here. */
  readonly heldMs?: number
}

export interface RoundState {
  readonly round: number
  readonly awaited: readonly Hex[]
  readonly openedMs: number
  /** From then on a list may leave out who is missing. */
  readonly lateMs: number
  /** From then on the contract is asked. */
  readonly closeMs: number
  /** At most two different ones of each worker, in the order of arrival. */
  readonly updates: readonly KnownUpdate[]
  /** At most eight different ones of each worker. */
  readonly votes: readonly CountedVote[]
  readonly readyMs?: number
  /** The list that this worker voted for. */
  readonly signedHash?: Hex
  readonly isCloseAsked: boolean
  /** What the contract fixed. */
  readonly closed?: readonly ListedUpdate[]
  readonly outcome?: RoundList
}

interface CountedVote extends Vote {
  readonly hash: Hex
}

export type RoundEvent =
  | { readonly kind: 'update'; readonly update: ListedUpdate; readonly signature: Hex }
  | { readonly kind: 'held'; readonly update: ListedUpdate }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'closed'; readonly list: readonly ListedUpdate[] }
  | { readonly kind: 'tick' }

export type RoundEffect =
  /** Get the bytes, check them against the root, then report `held`. */
  | { readonly kind: 'fetch'; readonly update: ListedUpdate }
  /** Write down, sign, publish, then report it as an event like any other vote. */
  | { readonly kind: 'vote'; readonly view: number; readonly list: readonly ListedUpdate[] }
  /** The round's list is certain. */
  | { readonly kind: 'fixed'; readonly list: RoundList }
  /** Present what is held, now and later (`heldUpdates`), to the contract. */
  | { readonly kind: 'close' }

export type RoundStep = readonly [RoundState, readonly RoundEffect[]]

/** More than one is a lie, but a lie that others may have believed. */
const updatesMax = 2
const votesMax = 8

/** A round that begins. `signedHash` is what this worker signed before a restart, if it did. */
export function openRound(
  round: number,
  times: { openedMs: number; lateMs: number; closeMs: number },
  options: { awaited: readonly Hex[]; signedHash?: Hex },
): RoundState {
  return { round, ...times, ...options, updates: [], votes: [], isCloseAsked: false }
}

/** What an event changes, and what is to be done about it. Nothing follows once the list is fixed. */
export function onRound(
  rules: RoundRules,
  state: RoundState,
  { event, nowMs }: { event: RoundEvent; nowMs: number },
): RoundStep {
  if (state.outcome) return [state, []]
  const [noted, effects] = note(rules, state, { event, nowMs })
  const [decided, more] = decide(rules, noted, nowMs)
  return [decided, [...effects, ...more]]
}

/** When a `tick` can next change something, or undefined when only messages can. */
export function nextWakeMs(
  rules: RoundRules,
  state: RoundState,
  nowMs: number,
): number | undefined {
  if (state.outcome) return undefined
  const view = ownView(rules, state)
  const turnMs =
    view === undefined || state.readyMs === undefined || state.signedHash
      ? []
      : [state.readyMs + view * rules.viewMs]
  const later = [state.lateMs, state.closeMs, ...turnMs].filter((timeMs) => timeMs > nowMs)
  return later.length === 0 ? undefined : Math.min(...later)
}

/**
 * How long the work of a round took: until the last listed update was here. Waiting for the missing does not
 * count, else every round would wait longer than the one before.
 */
export function workMsOf(state: RoundState): number | undefined {
  const list = state.outcome?.list ?? []
  const heldMs = state.updates
    .filter(({ update }) => list.some((listed) => isSame(listed, update)))
    .map((known) => known.heldMs ?? state.openedMs)
  return heldMs.length === 0 ? undefined : Math.max(...heldMs) - state.openedMs
}

/** The updates whose bytes are here, one of each worker: what the contract is shown. */
export function heldUpdates(rules: RoundRules, state: RoundState): readonly KnownUpdate[] {
  return rules.active.flatMap(
    (worker) => state.updates.find((one) => one.isHeld && one.update.worker === worker) ?? [],
  )
}

function note(
  rules: RoundRules,
  state: RoundState,
  { event, nowMs }: { event: RoundEvent; nowMs: number },
): RoundStep {
  switch (event.kind) {
    case 'update':
      return noteUpdate(rules, state, event)
    case 'held':
      return [{ ...state, updates: markHeld(state.updates, { ...event, nowMs }) }, []]
    case 'vote':
      return [noteVote(rules, state, event.vote), []]
    case 'closed':
      return [{ ...state, closed: event.list }, []]
    default:
      return [state, []]
  }
}

function noteUpdate(
  rules: RoundRules,
  state: RoundState,
  { update, signature }: { update: ListedUpdate; signature: Hex },
): RoundStep {
  const ofWorker = state.updates.filter((known) => known.update.worker === update.worker)
  const isNew = !ofWorker.some((known) => isSame(known.update, update))
  if (!isNew || ofWorker.length >= updatesMax || !rules.active.includes(update.worker)) {
    return [state, []]
  }
  const updates = [...state.updates, { update, signature, isHeld: false }]
  return [{ ...state, updates }, [{ kind: 'fetch', update }]]
}

function markHeld(
  updates: readonly KnownUpdate[],
  { update, nowMs }: { update: ListedUpdate; nowMs: number },
): readonly KnownUpdate[] {
  return updates.map((known) => {
    const isIt = !known.isHeld && isSame(known.update, update)
    return isIt ? { ...known, isHeld: true, heldMs: nowMs } : known
  })
}

function noteVote(rules: RoundRules, state: RoundState, vote: Vote): RoundState {
  if (!rules.active.includes(vote.worker) || faultOfList(vote.list, rules.active)) return state
  const hash = listHashOf(vote.list)
  const ofWorker = state.votes.filter((other) => other.worker === vote.worker)
  const isKnown = state.votes.some((other) => other.hash === hash)
  if (ofWorker.length >= votesMax && !isKnown) return state
  if (ofWorker.some((other) => other.hash === hash)) return state
  const signedHash = vote.worker === rules.self ? hash : state.signedHash
  return { ...state, signedHash, votes: [...state.votes, { ...vote, hash }] }
}

function decide(rules: RoundRules, state: RoundState, nowMs: number): RoundStep {
  const certificate = certificateOf(rules, state)
  if (certificate) return fix(state, certificate)
  // A round that was closed with nothing in it is left to votes: nobody can close it again.
  if (nowMs >= state.closeMs && state.closed?.length !== 0) return close(state)
  const ready = markReady(state, nowMs)
  if (ready.signedHash) return [ready, []]
  const choice = acceptableProposal(ready, nowMs) ?? ownProposal(rules, ready, nowMs)
  if (!choice) return [ready, []]
  const { view, list } = choice
  return [{ ...ready, signedHash: listHashOf(list) }, [{ kind: 'vote', view, list }]]
}

function close(state: RoundState): RoundStep {
  const { round, closed } = state
  if (closed) return fix(state, { round, list: [...closed], signatures: [], isClosedOnChain: true })
  if (state.isCloseAsked) return [state, []]
  return [{ ...state, isCloseAsked: true }, [{ kind: 'close' }]]
}

function fix(state: RoundState, list: RoundList): RoundStep {
  return [{ ...state, outcome: list }, [{ kind: 'fixed', list }]]
}

function certificateOf(rules: RoundRules, state: RoundState): RoundList | undefined {
  for (const { hash, list } of state.votes) {
    const agreeing = state.votes.filter((vote) => vote.hash === hash)
    if (agreeing.length < quorumOf(rules.active.length)) continue
    const signatures = agreeing
      .toSorted((a, b) => rules.active.indexOf(a.worker) - rules.active.indexOf(b.worker))
      .map(({ worker, signature }) => ({ worker, signature }))
    return { round: state.round, list: [...list], signatures, isClosedOnChain: false }
  }
  return undefined
}

function markReady(state: RoundState, nowMs: number): RoundState {
  if (state.readyMs !== undefined) return state
  const held = state.updates.filter((known) => known.isHeld)
  const isComplete = state.awaited.every((worker) =>
    held.some(({ update }) => update.worker === worker),
  )
  const isReady = isComplete || (nowMs >= state.lateMs && held.length > 0)
  return isReady ? { ...state, readyMs: nowMs } : state
}

type Choice = { readonly view: number; readonly list: readonly ListedUpdate[] }

/** The proposal of the lowest view that this worker may sign. */
function acceptableProposal(state: RoundState, nowMs: number): Choice | undefined {
  return state.votes
    .filter((vote) => vote.worker === leaderOf(state, vote.view))
    .toSorted((a, b) => a.view - b.view)
    .find(({ list }) => isHeldWhole(state, list) && (nowMs >= state.lateMs || isFull(state, list)))
}

function ownProposal(rules: RoundRules, state: RoundState, nowMs: number): Choice | undefined {
  const view = ownView(rules, state)
  if (view === undefined || state.readyMs === undefined) return undefined
  if (nowMs < state.readyMs + view * rules.viewMs) return undefined
  const list = heldUpdates(rules, state).map(({ update }) => update)
  return list.length > 0 ? { view, list } : undefined
}

/** The first view that this worker leads. */
function ownView(rules: RoundRules, state: RoundState): number | undefined {
  const place = state.awaited.indexOf(rules.self)
  const count = state.awaited.length
  return place < 0 ? undefined : (((place - state.round) % count) + count) % count
}

function leaderOf(state: RoundState, view: number): Hex | undefined {
  return state.awaited[(state.round + view) % state.awaited.length]
}

function isHeldWhole(state: RoundState, list: readonly ListedUpdate[]): boolean {
  return list.every((update) =>
    state.updates.some((known) => known.isHeld && isSame(known.update, update)),
  )
}

function isFull(state: RoundState, list: readonly ListedUpdate[]): boolean {
  return state.awaited.every((worker) => list.some((update) => update.worker === worker))
}

function isSame(a: ListedUpdate, b: ListedUpdate): boolean {
  return a.worker === b.worker && a.updateRoot === b.updateRoot && a.cid === b.cid
}
