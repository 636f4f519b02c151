import { type Hex, toHex } from '#base/hex.ts'
import type { AccountState, TouchedAccount } from '#chain/exec/embedded/watch-state.ts'
import { hexQuantity } from './params.ts'

/** An account as Geth's prestateTracer shows it: what is zero or empty is left out, but the balance. */
interface AccountJson {
  balance?: Hex
  nonce?: number
  code?: Hex
  storage?: Readonly<Record<Hex, Hex>>
}

type AccountsJson = Readonly<Record<Hex, AccountJson>>

const nothing: AccountState = {
  balance: 0n,
  nonce: 0n,
  code: new Uint8Array(),
  storage: new Map(),
}
const zeroWord: Hex = `0x${'00'.repeat(32)}`

/** The touched accounts before the transaction, without the contracts that it made. */
export function statesJson(touched: readonly TouchedAccount[]): AccountsJson {
  const shown = touched.filter(({ before, isCreated }) => before !== undefined || !isCreated)
  return Object.fromEntries(
    shown.map(({ address, before = nothing }) => [address, accountJson(before, before.storage)]),
  )
}

/** The changed accounts: as they were, and of each what is different now. */
export function differencesJson(touched: readonly TouchedAccount[]) {
  const pre: Record<Hex, AccountJson> = {}
  const post: Record<Hex, AccountJson> = {}
  for (const { address, before, after, isCreated } of touched) {
    if (before === undefined && after === undefined) continue
    const changes = changesOf(before ?? nothing, after ?? nothing)
    if (changes === undefined) continue
    const { storage } = before ?? nothing
    const replaced = [...storage].filter(([slot, word]) => {
      return word !== zeroWord && after?.storage.get(slot) !== word
    })
    if (before !== undefined || !isCreated) {
      pre[address] = accountJson(before ?? nothing, new Map(replaced))
    }
    if (after !== undefined) post[address] = changes
  }
  return { pre, post }
}

function accountJson(
  { balance, nonce, code }: AccountState,
  storage: ReadonlyMap<Hex, Hex>,
): AccountJson {
  return {
    balance: hexQuantity(balance),
    ...(nonce === 0n ? {} : { nonce: Number(nonce) }),
    ...(code.length === 0 ? {} : { code: toHex(code) }),
    ...(storage.size === 0 ? {} : { storage: Object.fromEntries(storage) }),
  }
}

/** What is different; of words, those that are not zero now. Undefined where nothing is. */
function changesOf(before: AccountState, after: AccountState): AccountJson | undefined {
  const changed: AccountJson = {}
  if (after.balance !== before.balance) changed.balance = hexQuantity(after.balance)
  if (after.nonce !== before.nonce) changed.nonce = Number(after.nonce)
  if (toHex(after.code) !== toHex(before.code)) changed.code = toHex(after.code)
  const words = [...after.storage].filter(([slot, word]) => {
    return (before.storage.get(slot) ?? zeroWord) !== word
  })
  const left = words.filter(([, word]) => word !== zeroWord)
  if (left.length > 0) changed.storage = Object.fromEntries(left)
  return Object.keys(changed).length + words.length === 0 ? undefined : changed
}
