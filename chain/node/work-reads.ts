import type { Hex } from '#base/hex.ts'
import type { Member } from '#chain/core/consensus/validators.ts'
import { type Seat, membersOf, seatsIn, setSlots } from '#chain/core/seats.ts'
import type { Unit, WorkFacts } from '#chain/core/urn.ts'
import {
  electedEntryIn,
  entrySlots,
  ledgerHeadIn,
  ledgerSlots,
  urnSlots,
  workFactsOf,
} from '#chain/core/work-slots.ts'
import type { ExecutionEngine } from '#chain/exec/engine.ts'
import { systemAddresses } from '#wire/addresses.ts'

const { ValidatorSet, WorkLedger } = systemAddresses
type Reader = Pick<ExecutionEngine, 'read'>

/**
 * What the election of a height takes from a state, and where the first of its segments stands in the ledger. The
 * urn is left out where the height goes by stake whatever is in it.
 */
export interface WorkView {
  readonly facts: WorkFacts
  readonly first: number
}

/**
 * Reads what the election of `height` takes from the state after the block `blockHash`, which stands two
 * heights below. Throws STATE_UNKNOWN.
 */
export async function readWork(engine: Reader, blockHash: Hex, height: number): Promise<WorkView> {
  const head = ledgerHeadIn(await engine.read(blockHash, WorkLedger, ledgerSlots))
  const isWorkHeight = head.powEvery > 0 && height % head.powEvery === 0
  const words = isWorkHeight ? await engine.read(blockHash, WorkLedger, urnSlots(head)) : []
  return { facts: workFactsOf(head, words, height), first: head.first }
}

/** What a block says of a drawn unit's segment. */
export async function readElected(engine: Reader, blockHash: Hex, view: WorkView, unit: Unit) {
  const index = view.facts.segments.findIndex(({ segmentId }) => segmentId === unit.segmentId)
  const segment = view.facts.segments[index]
  if (segment === undefined) return undefined
  const entry = await engine.read(blockHash, WorkLedger, entrySlots(view.first + index))
  return electedEntryIn(entry)
}

/** The members of an epoch's set, from the state two heights before it begins. */
export async function readMembers(
  engine: Reader,
  blockHash: Hex,
  epoch: number,
): Promise<readonly Member[]> {
  return membersOf(epoch, await engine.read(blockHash, ValidatorSet, setSlots()))
}

/** All seats in the state after a block. */
export async function readSeats(engine: Reader, blockHash: Hex): Promise<readonly Seat[]> {
  return seatsIn(await engine.read(blockHash, ValidatorSet, setSlots()))
}
