import { u64be } from '#base/bytes.ts'
import type { Hex } from '#base/hex.ts'
import { type Conflict, type Statement, conflictOf } from '#chain/core/consensus/signing-rule.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { hash32, hexBytes } from '#wire/primitives.ts'
import { z } from 'zod'

/** A statement with its signature, as it lies on the disk before anybody else may see it. */
export interface SignedStatement extends Statement {
  readonly signature: Hex
}

export type SignOutcome =
  | { readonly kind: 'signed'; readonly signature: Hex }
  | { readonly kind: 'refused'; readonly code: Conflict }

/**
 * The validator's memory of what it signed: slashing protection and write-ahead log in one. A signature leaves
 * only after it is on the disk. Statements of one record are signed one after another.
 */
export interface SigningRecord {
  /** Signs what the rules allow; the signature is on the disk when this resolves. */
  sign(statement: Statement, sign: () => Hex): Promise<SignOutcome>
  /**
   * The network shows a signature of ours in this view. Where we do not remember any so late, this directory is
   * older than our signatures: up to that view nothing is signed any more.
   */
  witness(view: number): Promise<void>
  /** Statements of views from `fromView` on, by view. */
  since(fromView: number): readonly SignedStatement[]
  /** The newest view with a signature; undefined before the first. */
  newestView(): number | undefined
  /** The lowest view in which this validator may sign. */
  floor(): number
  /** Forgets statements below a view, and signs nothing there any more. */
  prune(belowView: number): Promise<void>
}

const statementSchema = z.strictObject({
  kind: z.enum(['propose', 'notarize', 'nullify', 'finalize']),
  view: z.int().nonnegative(),
  block: hash32.optional(),
  signature: hexBytes,
})
const kinds = ['propose', 'notarize', 'nullify', 'finalize'] as const
const prefixes = { statement: 0x56, floor: 0x76 } as const

/** Opens the record of one validator in `store`. */
export async function openSigningRecord(store: KeyValueStore): Promise<SigningRecord> {
  const { statements, floors } = tablesOf(store)
  const byView = new Map<number, SignedStatement[]>()
  let floor = floors.get(null) ?? 0
  let newest: number | undefined
  let busy: Promise<unknown> = Promise.resolve()
  for await (const one of statements.values({ kind: 'propose', view: 0 }, undefined)) remember(one)

  function remember(one: SignedStatement): void {
    byView.set(one.view, [...(byView.get(one.view) ?? []), one])
    newest = Math.max(newest ?? 0, one.view)
  }

  /** One after another, so that two statements cannot pass the rules beside each other. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = busy.then(work, work)
    busy = turn.catch(() => undefined) // the caller hears of it
    return turn
  }

  async function signInTurn(statement: Statement, sign: () => Hex): Promise<SignOutcome> {
    const { kind, view, block } = statement
    const signed = byView.get(view) ?? []
    const known = signed.find((one) => one.kind === kind && one.block === block)
    if (known !== undefined) return { kind: 'signed', signature: known.signature }
    if (view < floor) return { kind: 'refused', code: 'BELOW_FLOOR' }
    const code = conflictOf(statement, signed)
    if (code !== undefined) return { kind: 'refused', code }
    const record: SignedStatement = { kind, view, block, signature: sign() }
    await store.batch([statements.put(record, record)], { sync: true })
    remember(record)
    return { kind: 'signed', signature: record.signature }
  }

  async function raiseFloor(view: number, writes: readonly Write[]): Promise<void> {
    if (view <= floor) return
    await store.batch([...writes, floors.put(null, view)], { sync: true })
    floor = view
  }

  async function pruneInTurn(belowView: number): Promise<void> {
    const old = [...byView.keys()].filter((view) => view < belowView)
    const gone = old.flatMap((view) => byView.get(view) ?? [])
    await raiseFloor(
      belowView,
      gone.map((one) => statements.delete(one)),
    )
    for (const view of old) byView.delete(view)
  }

  return {
    sign: (statement, sign) => inTurn(() => signInTurn(statement, sign)),
    witness: (view) =>
      inTurn(async () => {
        if (view > (newest ?? -1)) await raiseFloor(view + 1, [])
      }),
    since: (fromView) =>
      [...byView.keys()]
        .filter((view) => view >= fromView)
        .toSorted((a, b) => a - b)
        .flatMap((view) => byView.get(view) ?? []),
    newestView: () => newest,
    floor: () => floor,
    prune: (belowView) => inTurn(() => pruneInTurn(belowView)),
  }
}

function tablesOf(store: KeyValueStore) {
  const statements = createTable<Statement, SignedStatement>(store, {
    prefix: prefixes.statement,
    key: ({ kind, view }) => Uint8Array.of(...u64be(view), kinds.indexOf(kind)),
    encode: canonicalBytes,
    decode: (bytes) => statementSchema.parse(parseJson(bytes)),
  })
  const floors = createTable<null, number>(store, {
    prefix: prefixes.floor,
    key: () => new Uint8Array(),
    encode: canonicalBytes,
    decode: (bytes) => z.int().nonnegative().parse(parseJson(bytes)),
  })
  return { statements, floors }
}
