import type { ParseEventLogsReturnType } from 'viem'
import type { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Claim } from './claim.ts'
import { type Position, afterShown, isAsserters, phases, startOf } from './position.ts'

type Log = ParseEventLogsReturnType<typeof disputeGameAbi, undefined, true>[number]

/** One of the contract's events with the time of its block. */
export type DisputeEvent = Log extends infer Each
  ? Each extends Log
    ? Pick<Each, 'eventName' | 'args'> & { readonly atSeconds: number }
    : never
  : never
type Disputed = Extract<DisputeEvent, { eventName: 'Disputed' }>

/** How a dispute ended. */
export interface Outcome {
  readonly winner: Hex
  readonly loser: Hex
  readonly lostWei: bigint
  readonly burnedWei: bigint
}

/** Everything the chain says about a dispute: enough to go on with it after a crash. Addresses are lower case. */
export interface Standing {
  readonly id: Hex
  readonly claim: Claim
  readonly asserter: Hex
  readonly challenger: Hex
  readonly position: Position
  /** The disputed step of the claim: where the range of steps begins, kept when it means tensors or terms. */
  readonly stepPlace: number
  /** What the asserter said of the places between, or the children of the node: what the challenger picks from. */
  readonly shown: readonly Hex[]
  /** The leaf that the challenger picks an element of. */
  readonly words?: Hex
  readonly lastMoveAt: number
  /** Seconds that each side had left after its last move. */
  readonly left: { readonly asserter: number; readonly challenger: number }
  readonly moves: number
  readonly outcome?: Outcome
}

/** Folds one event into where a dispute stands; undefined where nothing was opened before. */
export function foldDispute(
  before: Standing | undefined,
  event: DisputeEvent,
  clockSeconds: number,
): Standing | undefined {
  if (event.eventName === 'Disputed') return opened(event, clockSeconds)
  if (!before) return undefined
  if (event.eventName === 'Decided') {
    const { winner, loser, lostWei, burnedWei } = event.args
    return {
      ...before,
      outcome: { winner: lower(winner), loser: lower(loser), lostWei, burnedWei },
    }
  }
  // Beside these two the contract says where the dispute stands now, in the event after them.
  if (event.eventName === 'Opened') return { ...before, shown: event.args.children }
  if (event.eventName === 'LeafOpened') return { ...before, words: event.args.words }
  if (event.eventName === 'Split') {
    const { claims } = event.args
    return moved({ ...before, shown: claims }, afterShown(before.position, claims), event.atSeconds)
  }
  if (event.eventName !== 'Moved') return before
  return moved(before, event.args.position, event.atSeconds)
}

/** Takes the time since the last move from the clock of who moved. */
function moved(before: Standing, position: Position, atSeconds: number): Standing {
  const used = atSeconds - before.lastMoveAt
  const { asserter, challenger } = before.left
  const left = isAsserters(before.position.phase)
    ? { asserter: asserter - used, challenger }
    : { asserter, challenger: challenger - used }
  const { phase, low } = position
  const stepPlace = phase <= phases.openStep ? Number(low) : before.stepPlace
  return { ...before, position, stepPlace, left, lastMoveAt: atSeconds, moves: before.moves + 1 }
}

function opened({ args, atSeconds }: Disputed, clockSeconds: number): Standing {
  const { id, asserter, challenger, claim } = args
  return {
    id,
    claim,
    asserter: lower(asserter),
    challenger: lower(challenger),
    position: startOf(claim),
    stepPlace: 0,
    shown: [],
    lastMoveAt: atSeconds,
    left: { asserter: clockSeconds, challenger: clockSeconds },
    moves: 0,
  }
}

/** Unix seconds after which whoever is to move has lost. */
export function deadlineOf({ position, left, lastMoveAt }: Standing): number {
  return lastMoveAt + (isAsserters(position.phase) ? left.asserter : left.challenger)
}

function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex
}
