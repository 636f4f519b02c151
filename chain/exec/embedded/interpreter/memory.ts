// oxlint-disable no-underscore-dangle -- the names are the stock interpreter's
import type { FeeOf } from './arithmetic.ts'
import { type Frame, type Instruction, stackMax, viewOf } from './frame.ts'
import { readWord, wordOf, writeWord } from './word.ts'

/** Prices beside those of the instructions themselves. */
export interface MemoryPrices {
  readonly memoryGas: number
  /** Words squared are divided by this. */
  readonly quadraticDivisor: number
  readonly keccakWordGas: number
}

/** Offsets beyond cost more gas than a frame can have. */
const offsetMax = 2 ** 30

/** Instructions that read and write memory, hash it, or read the call's input. */
export function memory(
  feeOf: FeeOf,
  { keccak256, ...prices }: MemoryPrices & { readonly keccak256: (b: Uint8Array) => Uint8Array },
): Map<number, Instruction> {
  const grow = createGrow(prices)
  return new Map([
    [0x20, hash(feeOf(0x20), { grow, keccak256, wordGas: prices.keccakWordGas })],
    [0x35, loadInput(feeOf(0x35))],
    [0x36, inputSize(feeOf(0x36))],
    [0x51, load(feeOf(0x51), grow)],
    [0x52, store(feeOf(0x52), grow)],
    [0x53, storeByte(feeOf(0x53), grow)],
  ])
}

/** Pays `fee` and what memory up to `end` bytes costs more; false, with nothing changed, where gas is short. */
type Grow = (frame: Frame, fee: number, end: number) => boolean

/** Memory costs 3 gas a word and the square of its words over 512 (Yellow Paper, C_mem). */
function createGrow({ memoryGas, quadraticDivisor }: Omit<MemoryPrices, 'keccakWordGas'>): Grow {
  return (frame, fee, end) => {
    const words = Math.ceil(end / 32)
    if (words <= frame.words) {
      if (frame.gas < fee) return false
      frame.gas -= fee
      return true
    }
    const price = words * memoryGas + Math.floor((words * words) / quadraticDivisor)
    const gas = fee + price - frame.memoryGas
    if (frame.gas < gas) return false
    frame.gas -= gas
    frame.words = words
    frame.memoryGas = price
    const { memory: bytes } = frame.state
    if (bytes._store.length < words * 32) {
      bytes.extend(0, words * 32)
      frame.view = viewOf(bytes)
    }
    return true
  }
}

function load(fee: number, grow: Grow): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 0) return false
    const at = Number(frame.stack[top])
    if (at > offsetMax || !grow(frame, fee, at + 32)) return false
    frame.stack[top] = readWord(frame.view, at)
    frame.pc += 1
    return true
  }
}

function store(fee: number, grow: Grow): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 1) return false
    const at = Number(frame.stack[top])
    if (at > offsetMax || !grow(frame, fee, at + 32)) return false
    writeWord(frame.view, at, frame.stack[top - 1] as bigint)
    frame.size = top - 1
    frame.pc += 1
    return true
  }
}

function storeByte(fee: number, grow: Grow): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 1) return false
    const at = Number(frame.stack[top])
    if (at > offsetMax || !grow(frame, fee, at + 1)) return false
    frame.view.setUint8(at, Number((frame.stack[top - 1] as bigint) & 255n))
    frame.size = top - 1
    frame.pc += 1
    return true
  }
}

interface HashOptions {
  readonly grow: Grow
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  readonly wordGas: number
}

function hash(fee: number, { grow, keccak256, wordGas }: HashOptions): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 1) return false
    const size = Number(frame.stack[top - 1])
    const at = size === 0 ? 0 : Number(frame.stack[top])
    if (at > offsetMax || size > offsetMax) return false
    const price = fee + wordGas * Math.ceil(size / 32)
    if (!grow(frame, price, size === 0 ? 0 : at + size)) return false
    const { _store: bytes } = frame.state.memory
    frame.stack[top - 1] = wordOf(keccak256(bytes.subarray(at, at + size)))
    frame.size = top
    frame.pc += 1
    return true
  }
}

const scratch = new Uint8Array(32)
const scratchView = new DataView(scratch.buffer)

function loadInput(fee: number): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 0 || frame.gas < fee) return false
    const { callData: input } = frame.state.env
    const at = Number(frame.stack[top])
    const part = at >= input.length ? undefined : input.subarray(at, at + 32)
    if (part === undefined) frame.stack[top] = 0n
    else {
      scratch.fill(0, part.length)
      scratch.set(part)
      frame.stack[top] = readWord(scratchView, 0)
    }
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function inputSize(fee: number): Instruction {
  return (frame) => {
    if (frame.size >= stackMax || frame.gas < fee) return false
    frame.stack[frame.size] = BigInt(frame.state.env.callData.length)
    frame.size += 1
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}
