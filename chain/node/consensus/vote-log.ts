import { z } from 'zod'
import { u64be } from '#base/bytes.ts'
import type { Hex } from '#base/hex.ts'
import { createTurns } from '#base/turns.ts'
import { parseMessage, plainOf } from '#chain/core/consensus/codec.ts'
import { signaturesConflict } from '#chain/core/consensus/evidence.ts'
import type { LogEntry } from '#chain/core/consensus/input.ts'
import type { Signed, Unsigned } from '#chain/core/consensus/messages.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { count } from '#wire/primitives.ts'

/** A view of an epoch: views are ordered by epoch first. */
export interface Place {
  readonly epoch: number
  readonly view: number
}

export type SignOutcome =
  | { readonly kind: 'signed'; readonly signed: Signed }
  | { readonly kind: 'refused'; readonly code: 'CONFLICT' | 'BELOW_FLOOR' }

/**
 * A node's memory of consensus above the newest final block: the core's write-ahead log, and the slashing
 * protection of its validator. A signature leaves only after it and all before it are on the disk.
 */
export interface VoteLog {
  /** Entries in the order in which they were made. */
  entries(): readonly LogEntry[]
  /** Takes an entry to the disk with the next signature, or at the next `flush`. */
  append(entry: LogEntry): void
  /** Signs what convicts nobody; on the disk when this resolves. The very same statement is signed again. */
  sign(unsigned: Unsigned, sign: () => Hex): Promise<SignOutcome>
  flush(): Promise<void>
  /**
   * The network shows a signature of ours in this view. Where we remember none so late, this directory is older
   * than our signatures: up to that view nothing is signed any more.
   */
  witness(place: Place): Promise<void>
  /** The newest view in which we signed. */
  newestSigned(): Place | undefined
  /** The lowest view in which this validator may sign. */
  floor(): Place
  /** Forgets entries of lower views, and signs nothing there any more. */
  prune(below: Place): Promise<void>
}

const prefixes = { entry: 0x56, floor: 0x76 } as const
const floorSchema = z.strictObject({ epoch: count, view: count })

/** Whether `a` is the lower view. */
export function isBelow(a: Place, b: Place): boolean {
  return a.epoch === b.epoch ? a.view < b.view : a.epoch < b.epoch
}

/** Opens the log of one node in `store`. */
export async function openVoteLog(store: KeyValueStore): Promise<VoteLog> {
  const { floors, table } = tablesOf(store)
  const entries = new Map<number, LogEntry>()
  const { waiting, write } = createWriter(store)
  let nextNumber = 0
  let floor = floors.get(null) ?? { epoch: 0, view: 0 }
  let newest: Place | undefined
  const inTurn = createTurns() // two statements cannot pass the rules beside each other
  for await (const [number, entry] of table.values([0, undefined], undefined)) {
    if (entry !== undefined) remember(number, entry)
  }

  function remember(number: number, entry: LogEntry): void {
    entries.set(number, entry)
    nextNumber = Math.max(nextNumber, number + 1)
    if (!isSigned(entry)) return
    const place = placeOf(entry)
    if (newest === undefined || isBelow(newest, place)) newest = place
  }

  function append(entry: LogEntry): void {
    const row = [nextNumber, entry] as const
    waiting.push(table.put(row, row))
    remember(...row)
  }

  async function sign(unsigned: Unsigned, make: () => Hex): Promise<SignOutcome> {
    const earlier = [...entries.values()].filter(isSigned)
    const outcome = decide(unsigned, make, { earlier, floor })
    if (outcome.kind === 'refused') return outcome
    const row = [nextNumber, outcome.signed] as const
    nextNumber += 1
    const isNew = !earlier.includes(outcome.signed)
    await write(isNew ? [table.put(row, row)] : [])
    if (isNew) remember(...row)
    return outcome
  }

  async function raiseFloor(to: Place, writes: readonly Write[]): Promise<void> {
    if (!isBelow(floor, to)) return
    await write([...writes, floors.put(null, to)])
    floor = to
  }

  async function prune(below: Place): Promise<void> {
    const old = [...entries].filter(([, entry]) => isBelow(placeOf(entry), below))
    await raiseFloor(
      below,
      old.map((one) => table.delete(one)),
    )
    for (const [number] of old) entries.delete(number)
  }

  return {
    entries: () => [...entries].toSorted(([a], [b]) => a - b).map(([, entry]) => entry),
    append,
    sign: (unsigned, make) => inTurn(() => sign(unsigned, make)),
    flush: () => inTurn(() => write()),
    async witness(place) {
      if (newest !== undefined && !isBelow(newest, place)) return
      await inTurn(() => raiseFloor({ epoch: place.epoch, view: place.view + 1 }, []))
    },
    newestSigned: () => newest,
    floor: () => floor,
    prune: (below) => inTurn(() => prune(below)),
  }
}

/** Writes that wait for the next flush; a failed flush keeps them. */
function createWriter(store: KeyValueStore) {
  const waiting: Write[] = []

  async function write(writes: readonly Write[] = []): Promise<void> {
    const taken = waiting.splice(0)
    if (taken.length + writes.length === 0) return
    try {
      await store.batch([...taken, ...writes], { sync: true })
    } catch (error) {
      waiting.unshift(...taken)
      throw error
    }
  }

  return { waiting, write }
}

/** What the rules say to a statement; one that stands in the log keeps its signature. */
function decide(
  unsigned: Unsigned,
  make: () => Hex,
  { earlier, floor }: { readonly earlier: readonly Signed[]; readonly floor: Place },
): SignOutcome {
  const known = earlier.find((one) => isSame(one, unsigned))
  if (known !== undefined) return { kind: 'signed', signed: known }
  if (isBelow(placeOf(unsigned), floor)) return { kind: 'refused', code: 'BELOW_FLOOR' }
  const signed = withSignature(unsigned, make())
  return earlier.some((one) => signaturesConflict(one, signed))
    ? { kind: 'refused', code: 'CONFLICT' }
    : { kind: 'signed', signed }
}

type Row = readonly [number: number, entry: LogEntry | undefined]

function tablesOf(store: KeyValueStore) {
  const rowSchema = z.tuple([count, z.unknown()])
  const table = createTable<Row, Row>(store, {
    prefix: prefixes.entry,
    key: ([number]) => u64be(number),
    encode: ([number, entry]) =>
      canonicalBytes([number, entry === undefined ? null : plainOf(entry)]),
    decode: (bytes) => {
      const [number, entry] = rowSchema.parse(parseJson(bytes))
      return [number, parseMessage(entry)]
    },
  })
  const floors = createTable<null, Place>(store, {
    prefix: prefixes.floor,
    key: () => new Uint8Array(),
    encode: canonicalBytes,
    decode: (bytes) => floorSchema.parse(parseJson(bytes)),
  })
  return { table, floors }
}

function isSigned(entry: LogEntry): entry is Signed {
  return entry.kind === 'vote' || entry.kind === 'proposal'
}

function placeOf(entry: LogEntry | Unsigned): Place {
  if (entry.kind === 'vote') return entry.vote
  if (entry.kind === 'proposal') return entry.proposal
  return entry.kind === 'certificate' ? entry.certificate : entry.block
}

function isSame(signed: Signed, unsigned: Unsigned): boolean {
  if (signed.kind === 'vote' && unsigned.kind === 'vote') {
    const [a, b] = [signed.vote, unsigned.vote]
    return a.kind === b.kind && a.epoch === b.epoch && a.view === b.view && a.block === b.block
  }
  if (signed.kind === 'proposal' && unsigned.kind === 'proposal') {
    const [a, b] = [signed.proposal, unsigned.proposal]
    const isSamePlace = a.epoch === b.epoch && a.view === b.view
    return isSamePlace && a.root === b.root && a.parentView === b.parentView
  }
  return false
}

function withSignature(unsigned: Unsigned, signature: Hex): Signed {
  return unsigned.kind === 'vote'
    ? { kind: 'vote', vote: { ...unsigned.vote, signature } }
    : { kind: 'proposal', proposal: { ...unsigned.proposal, signature } }
}
