import type { FeeOf } from './arithmetic.ts'
import { type Instruction, constantAfter, stackMax } from './frame.ts'
import { wordOf } from './word.ts'

/** Constants, copies, exchanges, jumps, and what a frame knows of itself. */
export function flow(feeOf: FeeOf): Map<number, Instruction> {
  const made = new Map<number, Instruction>([
    [0x50, pop(feeOf(0x50))],
    [0x56, jump(feeOf(0x56))],
    [0x57, jumpIf(feeOf(0x57))],
    [0x5b, jumpDestination(feeOf(0x5b))],
    [0x5f, pushZero(feeOf(0x5f))],
  ])
  for (let op = 0x60; op <= 0x7f; op += 1) made.set(op, push(feeOf(op), op - 0x5f))
  for (let op = 0x80; op <= 0x8f; op += 1) made.set(op, copy(feeOf(op), op - 0x7f))
  for (let op = 0x90; op <= 0x9f; op += 1) made.set(op, exchange(feeOf(op), op - 0x8f))
  const known: Readonly<Record<number, (frame: Parameters<Instruction>[0]) => bigint>> = {
    0x30: ({ state }) => wordOf(state.env.address.bytes), // ADDRESS
    0x33: ({ state }) => wordOf(state.env.caller.bytes), // CALLER
    0x34: ({ state }) => state.env.callValue, // CALLVALUE
    0x38: ({ code }) => BigInt(code.length), // CODESIZE
    0x58: ({ pc }) => BigInt(pc), // PC
    0x59: ({ words }) => BigInt(words * 32), // MSIZE
    0x5a: ({ gas }) => BigInt(gas - feeOf(0x5a)), // GAS
  }
  for (const [op, value] of Object.entries(known)) {
    made.set(Number(op), pushValue(feeOf(Number(op)), value))
  }
  return made
}

function pushValue(fee: number, value: (frame: Parameters<Instruction>[0]) => bigint): Instruction {
  return (frame) => {
    if (frame.size >= stackMax || frame.gas < fee) return false
    frame.stack[frame.size] = value(frame)
    frame.size += 1
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function pushZero(fee: number): Instruction {
  return (frame) => {
    if (frame.size >= stackMax || frame.gas < fee) return false
    frame.stack[frame.size] = 0n
    frame.size += 1
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function push(fee: number, sizeBytes: number): Instruction {
  return (frame) => {
    if (frame.size >= stackMax || frame.gas < fee) return false
    const { pushes, pc } = frame
    frame.stack[frame.size] = pushes[pc] ??= constantAfter(frame.code, pc, sizeBytes)
    frame.size += 1
    frame.gas -= fee
    frame.pc += sizeBytes + 1
    return true
  }
}

function pop(fee: number): Instruction {
  return (frame) => {
    if (frame.size < 1 || frame.gas < fee) return false
    frame.size -= 1
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function copy(fee: number, depth: number): Instruction {
  return (frame) => {
    const { size, stack } = frame
    if (size < depth || size >= stackMax || frame.gas < fee) return false
    stack[size] = stack[size - depth] as bigint
    frame.size = size + 1
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function exchange(fee: number, depth: number): Instruction {
  return (frame) => {
    const top = frame.size - 1
    const { stack } = frame
    if (top < depth || frame.gas < fee) return false
    const word = stack[top] as bigint
    stack[top] = stack[top - depth] as bigint
    stack[top - depth] = word
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function jump(fee: number): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 0 || frame.gas < fee) return false
    const target = Number(frame.stack[top])
    if (frame.jumps[target] !== 1) return false
    frame.size = top
    frame.gas -= fee
    frame.pc = target
    return true
  }
}

function jumpIf(fee: number): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 1 || frame.gas < fee) return false
    if (frame.stack[top - 1] === 0n) frame.pc += 1
    else {
      const target = Number(frame.stack[top])
      if (frame.jumps[target] !== 1) return false
      frame.pc = target
    }
    frame.size = top - 1
    frame.gas -= fee
    return true
  }
}

function jumpDestination(fee: number): Instruction {
  return (frame) => {
    if (frame.gas < fee) return false
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}
