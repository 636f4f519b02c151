import type { Instruction } from './frame.ts'

/** Prices of instructions by their code. */
export type FeeOf = (op: number) => number

const wordMax = (1n << 256n) - 1n

const pairs: Readonly<Record<number, (a: bigint, b: bigint) => bigint>> = {
  0x01: (a, b) => wrap(a + b), // ADD
  0x02: (a, b) => wrap(a * b), // MUL
  0x03: (a, b) => (a >= b ? a - b : wrap(a - b)), // SUB
  0x04: (a, b) => (b === 0n ? 0n : a / b), // DIV
  0x05: (a, b) => (b === 0n ? 0n : wrap(signed(a) / signed(b))), // SDIV
  0x06: (a, b) => (b === 0n ? 0n : a % b), // MOD
  0x07: (a, b) => (b === 0n ? 0n : wrap(signed(a) % signed(b))), // SMOD
  0x0b: extend, // SIGNEXTEND
  0x10: (a, b) => (a < b ? 1n : 0n), // LT
  0x11: (a, b) => (a > b ? 1n : 0n), // GT
  0x12: (a, b) => (signed(a) < signed(b) ? 1n : 0n), // SLT
  0x13: (a, b) => (signed(a) > signed(b) ? 1n : 0n), // SGT
  0x14: (a, b) => (a === b ? 1n : 0n), // EQ
  0x16: (a, b) => a & b, // AND
  0x17: (a, b) => a | b, // OR
  0x18: (a, b) => a ^ b, // XOR
  0x1a: (at, word) => (at > 31n ? 0n : (word >> ((31n - at) * 8n)) & 255n), // BYTE
  0x1b: (by, word) => (by > 255n ? 0n : wrap(word << by)), // SHL
  0x1c: (by, word) => (by > 255n ? 0n : word >> by), // SHR
  0x1d: (by, word) => wrap(signed(word) >> (by > 255n ? 255n : by)), // SAR
}

const singles: Readonly<Record<number, (a: bigint) => bigint>> = {
  0x15: (a) => (a === 0n ? 1n : 0n), // ISZERO
  0x19: (a) => wordMax - a, // NOT
}

const triples: Readonly<Record<number, (a: bigint, b: bigint, c: bigint) => bigint>> = {
  0x08: (a, b, c) => (c === 0n ? 0n : (a + b) % c), // ADDMOD
  0x09: (a, b, c) => (c === 0n ? 0n : (a * b) % c), // MULMOD
}

/** Instructions that take words from the stack and put one back. */
export function arithmetic(feeOf: FeeOf): Map<number, Instruction> {
  const made = new Map<number, Instruction>()
  for (const [op, compute] of entries(singles)) made.set(op, single(feeOf(op), compute))
  for (const [op, compute] of entries(pairs)) made.set(op, pair(feeOf(op), compute))
  for (const [op, compute] of entries(triples)) made.set(op, triple(feeOf(op), compute))
  return made
}

function single(fee: number, compute: (a: bigint) => bigint): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 0 || frame.gas < fee) return false
    const { stack } = frame
    stack[top] = compute(stack[top] as bigint)
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function pair(fee: number, compute: (a: bigint, b: bigint) => bigint): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 1 || frame.gas < fee) return false
    const { stack } = frame
    stack[top - 1] = compute(stack[top] as bigint, stack[top - 1] as bigint)
    frame.size = top
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function triple(fee: number, compute: (a: bigint, b: bigint, c: bigint) => bigint): Instruction {
  return (frame) => {
    const top = frame.size - 1
    if (top < 2 || frame.gas < fee) return false
    const { stack } = frame
    const [a, b, c] = [stack[top] as bigint, stack[top - 1] as bigint, stack[top - 2] as bigint]
    stack[top - 2] = compute(a, b, c)
    frame.size = top - 1
    frame.gas -= fee
    frame.pc += 1
    return true
  }
}

function entries<T>(table: Readonly<Record<number, T>>): [number, T][] {
  return Object.entries(table).map(([op, entry]) => [Number(op), entry])
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(256, value)
}

function signed(word: bigint): bigint {
  return BigInt.asIntN(256, word)
}

/** Continues the sign of the lowest `at` + 1 bytes. */
function extend(at: bigint, word: bigint): bigint {
  return at > 30n ? word : wrap(BigInt.asIntN(Number(at) * 8 + 8, word))
}
