import type { InterpreterStep } from '@ethereumjs/evm'
import { AppError } from '#base/error.ts'
import { type Hex, toHex } from '#base/hex.ts'
import type { Watcher } from './watched.ts'

export interface StepOptions {
  readonly withMemory: boolean
  readonly withStack: boolean
  readonly withStorage: boolean
  /** More than this, and the trace ends with TRACE_TOO_LARGE. */
  readonly stepsMax: number
  /** Of memory, stack and storage together. */
  readonly bytesMax: number
}

/** One instruction, before it is carried out. */
export interface StepLog {
  readonly pc: number
  readonly op: string
  readonly gas: number
  /** Without what a call hands on to the code it calls. */
  readonly gasCost: number
  readonly depth: number
  readonly stack?: readonly Hex[]
  readonly memory?: readonly string[]
  /** The words of the running contract that the transaction has touched so far. */
  readonly storage?: Readonly<Record<string, string>>
}

/** A watcher that keeps every instruction. */
export interface StepWatcher extends Watcher {
  readonly steps: readonly StepLog[]
}

/** Creates the watcher of one transaction. */
export function createStepWatcher(options: StepOptions): StepWatcher {
  const steps: StepLog[] = []
  const words = createWordLog()
  let bytes = 0

  function onStep(step: InterpreterStep): void {
    const storage = words.after(step)
    const log: StepLog = {
      pc: step.pc,
      op: step.opcode.name,
      gas: Number(step.gasLeft),
      gasCost: Number(step.opcode.dynamicFee ?? step.opcode.fee),
      depth: step.depth + 1,
      ...(options.withStack ? { stack: step.stack.map(hexOf) } : {}),
      ...(options.withMemory ? { memory: linesOf(step.memory) } : {}),
      ...(options.withStorage && storage !== undefined ? { storage } : {}),
    }
    bytes += sizeOf(log)
    if (steps.length >= options.stepsMax || bytes > options.bytesMax) {
      throw new AppError({ code: 'TRACE_TOO_LARGE', steps: steps.length, bytes })
    }
    steps.push(log)
  }

  return { steps, onStep }
}

/** Storage words as SLOAD and SSTORE show them, by contract. */
function createWordLog() {
  const known = new Map<string, Record<string, string>>()
  let loading: { owner: string; slot: string } | undefined

  /** The words to show at a step; undefined where it does not touch storage. */
  function after({ opcode, stack, address }: InterpreterStep) {
    const owner = address.toString()
    const top = stack.at(-1)
    if (loading !== undefined) {
      // The word that an SLOAD gave lies on the stack when the next instruction begins.
      if (loading.owner === owner && top !== undefined) put(owner, loading.slot, top)
      loading = undefined
    }
    if (top === undefined || (opcode.name !== 'SLOAD' && opcode.name !== 'SSTORE')) return undefined
    if (opcode.name === 'SLOAD') loading = { owner, slot: wordOf(top) }
    else put(owner, wordOf(top), stack.at(-2) ?? 0n)
    return known.get(owner) ?? {}
  }

  function put(owner: string, slot: string, value: bigint): void {
    known.set(owner, { ...known.get(owner), [slot]: wordOf(value) })
  }

  return { after }
}

function hexOf(value: bigint): Hex {
  return `0x${value.toString(16)}`
}

function wordOf(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

function linesOf(memory: Uint8Array): readonly string[] {
  const lines: string[] = []
  for (let at = 0; at < memory.length; at += 32) {
    lines.push(toHex(memory.subarray(at, at + 32)).slice(2))
  }
  return lines
}

function sizeOf({ stack = [], memory = [], storage = {} }: StepLog): number {
  return 64 + 66 * stack.length + 66 * memory.length + 134 * Object.keys(storage).length
}
