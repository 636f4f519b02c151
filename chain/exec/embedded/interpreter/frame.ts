// oxlint-disable no-underscore-dangle -- the names are the stock interpreter's
/** The stock interpreter's own state of a call frame, as far as the loop shares it. */
export interface StockState {
  programCounter: number
  opCode: number
  gasLeft: bigint
  memoryWordCount: bigint
  highestMemCost: bigint
  readonly stack: { _store: bigint[]; _len: number }
  readonly memory: StockMemory
  readonly env: {
    readonly callData: Uint8Array
    readonly callValue: bigint
    readonly address: { readonly bytes: Uint8Array }
    readonly caller: { readonly bytes: Uint8Array }
  }
  code: Uint8Array
  validJumps: Uint8Array
  cachedPushes: Record<number, bigint>
  shouldDoJumpAnalysis: boolean
}

export interface StockMemory {
  readonly _store: Uint8Array
  extend(offset: number, sizeBytes: number): void
}

/** A call frame while our own instructions run: numbers where the stock state has bigints. */
export interface Frame {
  readonly state: StockState
  readonly code: Uint8Array
  readonly jumps: Uint8Array
  /** Constants by the place of their instruction, once it has run. */
  readonly pushes: (bigint | undefined)[]
  readonly stack: bigint[]
  pc: number
  gas: number
  /** Words on the stack. */
  size: number
  /** Memory that is paid for, in words, and its price. */
  words: number
  memoryGas: number
  view: DataView
}

/**
 * Runs one instruction and moves on. False, with nothing changed, where it fails or is not covered: the stock
 * interpreter's step does it then, with its own errors.
 */
export type Instruction = (frame: Frame) => boolean

export const stackMax = 1024

/** The most gas that numbers count exactly, with room for any one price. */
export const frameGasMax = 2 ** 52

/** Opens a frame over the stock state. */
export function openFrame(state: StockState, { jumps, pushes }: Analysis): Frame {
  const frame: Frame = {
    state,
    code: state.code,
    jumps,
    pushes,
    stack: state.stack._store,
    pc: 0,
    gas: 0,
    size: 0,
    words: 0,
    memoryGas: 0,
    view: viewOf(state.memory),
  }
  readBack(frame)
  return frame
}

/** Writes the frame into the stock state, before the stock interpreter looks at it. */
export function writeOut(frame: Frame): void {
  const { state } = frame
  state.programCounter = frame.pc
  state.gasLeft = BigInt(frame.gas)
  state.stack._len = frame.size
  state.memoryWordCount = BigInt(frame.words)
  state.highestMemCost = BigInt(frame.memoryGas)
}

/** Takes over what the stock interpreter did. */
export function readBack(frame: Frame): void {
  const { state } = frame
  frame.pc = state.programCounter
  frame.gas = Number(state.gasLeft)
  frame.size = state.stack._len
  frame.words = Number(state.memoryWordCount)
  frame.memoryGas = Number(state.highestMemCost)
  if (frame.view.buffer !== state.memory._store.buffer) frame.view = viewOf(state.memory)
}

export function viewOf({ _store: { buffer, byteOffset, length } }: StockMemory): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** Where code may jump to, and the constants of it that were pushed so far. */
export interface Analysis {
  readonly jumps: Uint8Array
  readonly pushes: (bigint | undefined)[]
}

const push1 = 0x60
const push32 = 0x7f
const jumpDestination = 0x5b

/** Finds the places that code may jump to: those that stand in no constant. */
export function analyse(code: Uint8Array): Analysis {
  const jumps = new Uint8Array(code.length)
  for (let at = 0; at < code.length; at += 1) {
    const op = code[at] as number
    if (op === jumpDestination) jumps[at] = 1
    else if (op >= push1 && op <= push32) at += op - push1 + 1
  }
  return { jumps, pushes: Array.from({ length: code.length }) }
}

/** The constant behind a place; where the code ends before, zeros follow. */
export function constantAfter(code: Uint8Array, at: number, sizeBytes: number): bigint {
  const hex = Buffer.from(code.buffer, code.byteOffset, code.length).toString(
    'hex',
    at + 1,
    at + 1 + sizeBytes,
  )
  return BigInt(`0x${hex.padEnd(2 * sizeBytes, '0')}`)
}
