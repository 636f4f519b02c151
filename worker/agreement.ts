import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/log.ts'
import { awaitedOf, lateAfterMs, type Pace } from '#compute/train/pace.ts'
import {
  heldUpdates,
  type KnownUpdate,
  nextWakeMs,
  onRound,
  openRound,
  type RoundEffect,
  type RoundEvent,
  type RoundRules,
  type RoundState,
  workMsOf,
} from '#compute/train/rounds.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate, RoundList } from '#wire/segment.ts'
import type { RoundEntry } from './exchange.ts'
import type { AttemptJournal, CastVote } from './journal.ts'

/** How long a round waits; all in milliseconds. */
export interface RoundTimes {
  /** Least time that late workers get. */
  readonly floorMs: number
  /** The same for the first round, in which workers still fetch and start. */
  readonly firstFloorMs: number
  /** How long a view's leader has. */
  readonly viewMs: number
  /** From the moment a round is late until the contract is asked. */
  readonly closeAfterLateMs: number
}

export const roundTimesDefault: RoundTimes = {
  floorMs: 5_000,
  firstFloorMs: 20_000,
  viewMs: 2_000,
  closeAfterLateMs: 15_000,
}

/** Runs the rules of `compute/train/rounds.ts` round after round: messages and time in, effects out. */
export interface Agreement {
  /** Begins a round: what came early for it counts now. */
  open(round: number, pace: Pace): void
  /** The open round's list, if it is fixed. */
  outcome(): RoundList | undefined
  /** How long the work of the open round took, once its list is fixed. */
  workMs(): number | undefined
  /** Waits until the open round's list is fixed. */
  fixed(signal: AbortSignal): Promise<RoundList>
  /** The first update of another worker in the open round. Only cheats ask. */
  foreignUpdate(signal: AbortSignal): Promise<ListedUpdate>
  /** An entry of a worker, verified. */
  onEntry(entry: RoundEntry): void
  /** Lists that the contract fixed in this attempt. */
  onClosed(closed: ReadonlyMap<number, readonly ListedUpdate[]>): void
  stop(): Promise<void>
}

export interface AgreementDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly journal: Pick<AttemptJournal, 'vote' | 'setVote'>
  /** Resolves when the bytes are here and right. */
  readonly fetch: (round: number, update: ListedUpdate, signal: AbortSignal) => Promise<unknown>
  /** Signs and publishes; the entry comes back through `onEntry`. */
  readonly vote: (vote: CastVote) => Promise<unknown>
  /** Asks the contract until the round is closed or the signal aborts. */
  readonly close: (
    round: number,
    held: () => readonly KnownUpdate[],
    signal: AbortSignal,
  ) => Promise<unknown>
}

const fetchRetryMs = 1_000
const foreignPollMs = 50

interface AgreementOptions {
  readonly self: Hex
  readonly active: readonly Hex[]
  readonly rounds: number
  readonly times: RoundTimes
}

/** What changes while an attempt runs. */
interface Desk extends AgreementDeps, AgreementOptions {
  readonly stopping: AbortController
  /** Entries of rounds that have not begun here. */
  readonly early: Map<number, RoundEntry[]>
  readonly running: Set<Promise<unknown>>
  readonly waiters: Set<(list: RoundList) => void>
  closed: ReadonlyMap<number, readonly ListedUpdate[]>
  state: RoundState | undefined
  /** Aborts when the open round's list is fixed. */
  roundOver: AbortController
  waking: AbortController | undefined
}

/** Creates the agreement of one attempt. */
export function createAgreement(deps: AgreementDeps, options: AgreementOptions): Agreement {
  const desk: Desk = {
    ...deps,
    ...options,
    stopping: new AbortController(),
    early: new Map(),
    running: new Set(),
    waiters: new Set(),
    closed: new Map(),
    state: undefined,
    roundOver: new AbortController(),
    waking: undefined,
  }
  return {
    open: (round, pace) => openAt(desk, round, pace),
    outcome: () => desk.state?.outcome,
    workMs: () => desk.state && workMsOf(desk.state),
    fixed: (signal) => untilFixed(desk, signal),
    foreignUpdate: (signal) => foreignUpdate(desk, signal),
    onEntry: (entry) => takeEntry(desk, entry),
    onClosed(lists) {
      desk.closed = lists
      const round = desk.state?.round ?? -1
      const list = lists.get(round)
      if (list) feed(desk, round, { kind: 'closed', list })
    },
    async stop() {
      desk.stopping.abort()
      desk.waiters.clear()
      await Promise.all(desk.running)
    },
  }
}

function openAt(desk: Desk, round: number, pace: Pace): void {
  const { clock, early, journal, times } = desk
  const isFirst = pace.durationsMs.length === 0
  const openedMs = clock.nowMs()
  const lateMs = openedMs + lateAfterMs(pace, isFirst ? times.firstFloorMs : times.floorMs)
  const cast = journal.vote(round)
  const signedHash = cast && listHashOf(cast.list)
  const closeMs = lateMs + times.closeAfterLateMs
  desk.roundOver = new AbortController()
  desk.state = openRound(
    round,
    { openedMs, lateMs, closeMs },
    { awaited: awaitedOf(pace), signedHash },
  )
  const waiting = early.get(round) ?? []
  for (const past of early.keys()) if (past <= round) early.delete(past)
  const isOut = waiting.some(({ kind, worker }) => kind === 'vote' && worker === desk.self)
  if (cast && !isOut) run(desk, desk.vote(cast)) // a crash came between writing it down and sending it
  for (const entry of waiting) feed(desk, round, eventOf(entry))
  const list = desk.closed.get(round)
  if (list) feed(desk, round, { kind: 'closed', list })
  feed(desk, round, { kind: 'tick' })
}

function takeEntry(desk: Desk, entry: RoundEntry): void {
  const { early, state, rounds } = desk
  if (entry.round >= rounds) return
  if (entry.round > (state?.round ?? -1)) {
    early.set(entry.round, [...(early.get(entry.round) ?? []), entry])
  } else feed(desk, entry.round, eventOf(entry))
}

function feed(desk: Desk, round: number, event: RoundEvent): void {
  const { state, clock, stopping } = desk
  if (stopping.signal.aborted || state?.round !== round || state.outcome) return
  const rules = rulesOf(desk)
  const [next, effects] = onRound(rules, state, { event, nowMs: clock.nowMs() })
  desk.state = next
  for (const effect of effects) perform(desk, round, effect)
  if (desk.state !== next || next.outcome) return
  desk.waking?.abort()
  const wakeMs = nextWakeMs(rules, next, clock.nowMs())
  if (wakeMs !== undefined) run(desk, wakeAt(desk, round, wakeMs))
}

async function wakeAt(desk: Desk, round: number, wakeMs: number): Promise<void> {
  const waking = new AbortController()
  desk.waking = waking
  const signal = AbortSignal.any([waking.signal, desk.stopping.signal])
  await desk.clock.sleep(wakeMs - desk.clock.nowMs(), signal)
  feed(desk, round, { kind: 'tick' })
}

function perform(desk: Desk, round: number, effect: RoundEffect): void {
  const signal = AbortSignal.any([desk.stopping.signal, desk.roundOver.signal])
  if (effect.kind === 'fixed') {
    desk.roundOver.abort()
    desk.waking?.abort()
    for (const waiter of desk.waiters) waiter(effect.list)
    desk.waiters.clear()
  } else if (effect.kind === 'fetch') {
    const { update } = effect
    run(desk, hold(desk, { round, update }, wantedSignal(desk, update)))
  } else if (effect.kind === 'vote') {
    run(desk, castVote(desk, { round, view: effect.view, list: [...effect.list] }))
  } else {
    run(
      desk,
      desk.close(round, () => heldIn(desk, round), signal),
    )
  }
}

function heldIn(desk: Desk, round: number): readonly KnownUpdate[] {
  const { state } = desk
  return state?.round === round ? heldUpdates(rulesOf(desk), state) : []
}

function rulesOf({ self, active, times }: Desk): RoundRules {
  return { self, active, viewMs: times.viewMs }
}

/** Aborts when the round's list is fixed without this update: the others are needed to end the round. */
function wantedSignal(desk: Desk, update: ListedUpdate): AbortSignal {
  const unwanted = new AbortController()
  const onOver = () => {
    const listed = desk.state?.outcome?.list.some((one) => one.updateRoot === update.updateRoot)
    if (listed !== true) unwanted.abort()
  }
  desk.roundOver.signal.addEventListener('abort', onOver, { once: true })
  return AbortSignal.any([desk.stopping.signal, unwanted.signal])
}

async function hold(
  desk: Desk,
  { round, update }: { round: number; update: ListedUpdate },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await desk.fetch(round, update, signal)
      return feed(desk, round, { kind: 'held', update })
    } catch (error) {
      if (signal.aborted) return
      desk.log.debug({ err: error, round, worker: update.worker }, 'update not fetched')
    }
    await desk.clock.sleep(fetchRetryMs, signal)
  }
}

async function castVote(desk: Desk, cast: CastVote): Promise<void> {
  await desk.journal.setVote(cast)
  await desk.vote(cast)
}

/** Keeps an effect until it has ended; one that a newer event has overtaken may fail. */
function run(desk: Desk, work: Promise<unknown>): void {
  const { roundOver, running, stopping, log } = desk
  const ended = work
    .catch((error: unknown) => {
      const isOver = stopping.signal.aborted || roundOver.signal.aborted
      const isAborted = (error as Error | undefined)?.name === 'AbortError'
      if (!isOver && !isAborted) log.warn({ err: error }, 'round effect failed')
    })
    .finally(() => running.delete(ended))
  running.add(ended)
}

function untilFixed(desk: Desk, signal: AbortSignal): Promise<RoundList> {
  const { state, waiters } = desk
  if (state?.outcome) return Promise.resolve(state.outcome)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const finish = (list: RoundList) => {
      signal.removeEventListener('abort', onAbort)
      resolve(list)
    }
    const onAbort = () => {
      waiters.delete(finish)
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    waiters.add(finish)
  })
}

async function foreignUpdate(desk: Desk, signal: AbortSignal): Promise<ListedUpdate> {
  for (;;) {
    const known = desk.state?.updates.find(
      ({ update, isHeld }) => isHeld && update.worker !== desk.self,
    )
    if (known) return known.update
    await desk.clock.sleep(foreignPollMs, signal)
  }
}

function eventOf(entry: RoundEntry): RoundEvent {
  const { worker, signature } = entry
  if (entry.kind === 'vote') {
    return { kind: 'vote', vote: { worker, view: entry.view, list: entry.list, signature } }
  }
  const { updateRoot, cid } = entry
  return { kind: 'update', update: { worker, updateRoot, cid }, signature }
}
