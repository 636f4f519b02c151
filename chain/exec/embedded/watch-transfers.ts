import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import type { FlatState } from './flat-state.ts'
import type { ReceiptLog } from './receipt.ts'
import type { Watcher } from './watched.ts'

/** The address that logs of coin carry, and their first topic: ERC-20's `Transfer(address,address,uint256)`. */
export const coinAddress: Hex = `0x${'ee'.repeat(20)}`
const transferTopic: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** A watcher that notes each movement of coin between the logs of code, as far as it was not undone. */
export interface TransferWatcher extends Watcher {
  /** The logs of the transaction with those of coin, in the order in which they came. */
  logsWith(logs: readonly ReceiptLog[]): readonly ReceiptLog[]
}

/** Creates the watcher of one transaction. */
export function createTransferWatcher(): TransferWatcher {
  /** Movements, and `undefined` for each log of code. */
  const entries: (Movement | undefined)[] = []
  const open: { readonly start: number; readonly birth: Movement | undefined }[] = []
  let state: FlatState | undefined

  function move(from: Uint8Array, to: Uint8Array | undefined, wei: bigint): Movement | undefined {
    if (wei === 0n) return undefined
    const movement = { from, to, wei }
    entries.push(movement)
    return movement
  }

  function onStep({ opcode: { name }, stack, address }: InterpreterStep): void {
    if (name.startsWith('LOG')) entries.push(undefined)
    const heir = stack.at(-1)
    if (name !== 'SELFDESTRUCT' || heir === undefined) return
    const wei = state?.current().account(toKey(address.bytes))?.balance ?? 0n
    move(address.bytes, wordOf(`0x${heir.toString(16)}`).subarray(12), wei)
  }

  function onMessage(message: Message): void {
    const { caller, to, value } = message
    const start = entries.length
    const movement = isBorrowing(message) ? undefined : move(caller.bytes, to?.bytes, value)
    open.push({ start, birth: to === undefined ? movement : undefined })
  }

  function onResult({ execResult, createdAddress }: EVMResult): void {
    const frame = open.pop()
    if (frame === undefined) return
    if (execResult.exceptionError !== undefined) entries.length = frame.start
    else if (frame.birth !== undefined) frame.birth.to = createdAddress?.bytes
  }

  function logsWith(logs: readonly ReceiptLog[]): readonly ReceiptLog[] {
    const rest = [...logs]
    return entries.map((entry) => (entry ? logOf(entry) : (rest.shift() as ReceiptLog)))
  }

  const onBegin = (begun: FlatState) => void (state = begun)
  return { onBegin, onStep, onMessage, onResult, logsWith }
}

/** DELEGATECALL and CALLCODE run another account's code where they stand. */
function isBorrowing(message: Message): boolean {
  const { caller, to, delegatecall } = message
  if (to === undefined) return false // a contract in the making has no address of code yet
  return delegatecall || (caller.equals(to) && !message.codeAddress.equals(to))
}

interface Movement {
  readonly from: Uint8Array
  /** Of a contract that is being made, known in the end. */
  to: Uint8Array | undefined
  readonly wei: bigint
}

function logOf({ from, to, wei }: Movement): ReceiptLog {
  return {
    address: fromHex(coinAddress),
    topics: [fromHex(transferTopic), wordOf(toHex(from)), wordOf(to ? toHex(to) : '0x')],
    payload: wordOf(`0x${wei.toString(16)}`),
  }
}

function wordOf(hex: Hex): Uint8Array {
  return fromHex(`0x${hex.slice(2).padStart(64, '0')}`)
}
