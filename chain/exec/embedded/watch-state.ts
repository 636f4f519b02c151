import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { fromKey, toKey } from '#store/key.ts'
import { delegateOf } from './authorization.ts'
import type { FlatState, ReadableState } from './flat-state.ts'
import { keccakEmpty } from './roots.ts'
import { wordOf } from './state-view.ts'
import type { Watcher } from './watched.ts'

/** An account as far as a transaction came near it. */
export interface AccountState {
  readonly balance: bigint
  readonly nonce: bigint
  readonly code: Uint8Array
  /** Words by slot, both of 32 bytes. */
  readonly storage: ReadonlyMap<Hex, Hex>
}

/** The accounts that a transaction touched, before and after it; undefined where there was none. */
export interface TouchedAccount {
  readonly address: Hex
  /** The transaction made a contract there. */
  readonly isCreated: boolean
  readonly before: AccountState | undefined
  readonly after: AccountState | undefined
}

/** A watcher that compares the states before and after. */
export interface StateWatcher extends Watcher {
  touched(): readonly TouchedAccount[]
}

export interface StateWatchOptions {
  readonly withCode: boolean
  readonly withStorage: boolean
  /** Of codes and words together; more ends the trace with TRACE_TOO_LARGE. */
  readonly bytesMax: number
  /** Accounts that are shown in any case: who got the fees. */
  readonly always: readonly Hex[]
}

/** Instructions that look at the account on top of the stack. */
const lookingAtTop = new Set([
  'BALANCE',
  'EXTCODECOPY',
  'EXTCODEHASH',
  'EXTCODESIZE',
  'SELFDESTRUCT',
])
const calling = new Set(['CALL', 'CALLCODE', 'DELEGATECALL', 'STATICCALL'])

/** Creates the watcher of one transaction. */
export function createStateWatcher(options: StateWatchOptions): StateWatcher {
  const slotsOf = new Map<string, Set<string>>(options.always.map((hex) => [keyOf(hex), new Set()]))
  const created = new Set<string>()
  let before: ReadableState | undefined
  let accounts: readonly TouchedAccount[] = []
  const read = createReader(options)

  function touch(address: string): Set<string> {
    const slots = slotsOf.get(address) ?? new Set()
    slotsOf.set(address, slots)
    return slots
  }

  function onStep({ opcode: { name }, stack, address }: InterpreterStep): void {
    const [top, second] = [stack.at(-1), stack.at(-2)]
    if (top === undefined) return
    if (name === 'SLOAD' || name === 'SSTORE')
      touch(toKey(address.bytes)).add(keyOf(hexOf(top, 32)))
    else if (lookingAtTop.has(name)) touch(keyOf(hexOf(top, 20)))
    else if (calling.has(name) && second !== undefined) touch(keyOf(hexOf(second, 20)))
  }

  function onMessage({ caller, to, depth }: Message): void {
    if (depth > 0) return
    touch(toKey(caller.bytes))
    if (to !== undefined) touch(toKey(to.bytes))
  }

  function onResult({ createdAddress }: EVMResult): void {
    if (createdAddress === undefined) return
    created.add(toKey(createdAddress.bytes))
    touch(toKey(createdAddress.bytes))
  }

  function onEnd(state: FlatState): void {
    const first = before
    if (first === undefined) return
    const last = state.current()
    // Whose authorization was used, and whom else it has changed without code.
    for (const address of state.pending().accounts.keys()) {
      if (first.account(address) !== last.account(address)) touch(address)
    }
    for (const address of slotsOf.keys()) {
      const delegate = delegateOf(codeOf(first, address))
      if (delegate !== undefined) touch(toKey(delegate))
    }
    accounts = [...slotsOf].map(([address, slots]) => ({
      address: toHex(fromKey(address)),
      isCreated: created.has(address),
      before: read(first, address, slots),
      after: read(last, address, slots),
    }))
  }

  const onBegin = (state: FlatState) => void (before = state.frozen())
  return { touched: () => accounts, onBegin, onEnd, onStep, onMessage, onResult }
}

function createReader({ withCode, withStorage, bytesMax }: StateWatchOptions) {
  let bytes = 0

  return (
    state: ReadableState,
    address: string,
    slots: ReadonlySet<string>,
  ): AccountState | undefined => {
    const stored = state.account(address)
    if (stored === null) return undefined
    const code = withCode ? codeOf(state, address) : new Uint8Array()
    const shown = withStorage ? [...slots] : []
    bytes += code.length + 64 * shown.length
    if (bytes > bytesMax) throw new AppError({ code: 'TRACE_TOO_LARGE', bytes })
    const words = shown.map((slot) => {
      return [toHex(fromKey(slot)), wordOf(state.slot(address, slot))] as const
    })
    return { balance: stored.balance, nonce: stored.nonce, code, storage: new Map(words) }
  }
}

function codeOf(state: ReadableState, address: string): Uint8Array {
  const stored = state.account(address)
  const hash = stored === null ? keccakEmpty : toKey(stored.codeHash)
  return hash === keccakEmpty ? new Uint8Array() : (state.code(hash) ?? new Uint8Array())
}

const keyOf = (hex: Hex) => toKey(fromHex(hex))

/** The lowest bytes of a word of the stack. */
function hexOf(word: bigint, sizeBytes: number): Hex {
  return `0x${word
    .toString(16)
    .padStart(64, '0')
    .slice(-2 * sizeBytes)}`
}
