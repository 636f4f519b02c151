import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm'
import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import type { ReceiptLog } from './receipt.ts'
import type { Watcher } from './watched.ts'

/** A message between accounts, with those that it caused. */
export interface CallFrame {
  /** CALL, STATICCALL, DELEGATECALL, CALLCODE, CREATE or CREATE2. */
  readonly type: string
  readonly from: Hex
  to: Hex | undefined
  readonly valueWei: bigint
  readonly gas: bigint
  gasUsed: bigint
  readonly input: Uint8Array
  output: Uint8Array
  /** Why it failed, as the interpreter names it. */
  error: string | undefined
  readonly calls: CallFrame[]
  /** Its own, without those of the messages that it caused; undone ones too. */
  logs: readonly ReceiptLog[]
}

/** A watcher that keeps the tree of messages. */
export interface CallWatcher extends Watcher {
  /** The transaction's own message. */
  root(): CallFrame | undefined
}

const calling = new Set(['CALL', 'STATICCALL', 'DELEGATECALL', 'CALLCODE', 'CREATE', 'CREATE2'])

/** Creates the watcher of one transaction; more than `framesMax` messages end it with TRACE_TOO_LARGE. */
export function createCallWatcher(options: { readonly framesMax: number }): CallWatcher {
  const open: CallFrame[] = []
  let root: CallFrame | undefined
  let count = 0
  let called = 'CALL'
  /** Logs of inner messages stand in the outer results too. */
  const claimed = new WeakSet<object>()

  function onStep({ opcode }: InterpreterStep): void {
    if (calling.has(opcode.name)) called = opcode.name
  }

  function onMessage(message: Message): void {
    count += 1
    if (count > options.framesMax) throw new AppError({ code: 'TRACE_TOO_LARGE', frames: count })
    const frame = frameOf(message, open.length === 0 ? undefined : called)
    if (open.length === 0) root = frame
    open.at(-1)?.calls.push(frame)
    open.push(frame)
  }

  function onResult({ execResult, createdAddress }: EVMResult): void {
    const frame = open.pop()
    if (frame === undefined) return
    frame.gasUsed = execResult.executionGasUsed
    frame.output = execResult.returnValue
    frame.error = execResult.exceptionError?.error
    if (createdAddress !== undefined) frame.to = toHex(createdAddress.bytes)
    const own = (execResult.logs ?? []).filter((log) => !claimed.has(log))
    for (const log of own) claimed.add(log)
    frame.logs = own.map(([address, topics, payload]) => ({ address, topics, payload }))
  }

  return { root: () => root, onStep, onMessage, onResult }
}

function frameOf(message: Message, called: string | undefined): CallFrame {
  const { caller, to, value, gasLimit, delegatecall } = message
  const target = delegatecall ? message.codeAddress : to
  return {
    type: called ?? (to === undefined ? 'CREATE' : 'CALL'),
    from: toHex(caller.bytes),
    to: target === undefined ? undefined : toHex(target.bytes),
    valueWei: value,
    gas: gasLimit,
    gasUsed: 0n,
    input: message.data,
    output: new Uint8Array(),
    error: undefined,
    calls: [],
    logs: [],
  }
}
