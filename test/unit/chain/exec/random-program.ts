import type { Address } from '@ethereumjs/util'
import type { Rng } from '#base/rng.ts'

export interface ProgramOptions {
  /** How many addresses calls may go to. */
  readonly targets: number
  readonly addressAt: (i: number) => Address
}

const push0 = 0x5f
const shownBytes = 1_024
const [jump, jumpIf, jumpDestination] = [0x56, 0x57, 0x5b]

/** Words at which instructions behave in special ways. */
export const edges = [
  0n,
  1n,
  2n,
  30n,
  31n,
  32n,
  33n,
  255n,
  256n,
  257n,
  (1n << 64n) - 1n,
  1n << 64n,
  1n << 128n,
  (1n << 255n) - 1n,
  1n << 255n,
  (1n << 256n) - 1n,
]

/** Instructions by how many words they take; those that only compute. */
export const takers: Readonly<Record<number, readonly number[]>> = {
  0: [
    0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
  ].concat([0x48, 0x4a, 0x58, 0x59, 0x5a, push0]),
  1: [0x15, 0x19, 0x1e, 0x35, 0x50, 0x54, 0x5c, 0x40, 0x31, 0x3b, 0x3f],
  2: [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x14].concat([
    0x16, 0x17, 0x18, 0x1a, 0x1b, 0x1c, 0x1d, 0x55, 0x5d,
  ]),
  3: [0x08, 0x09],
}

/** A program that mostly runs: it knows about how many words lie on the stack, and does odd things at times. */
export function randomProgram(rng: Rng, { targets, addressAt }: ProgramOptions): Uint8Array {
  const bytes: number[] = []
  let height = 0
  let shown = 0
  const pick = <T>(values: readonly T[]): T => values[rng.below(values.length)] as T

  function push(value: bigint): void {
    bytes.push(...pushOf(value))
    height += 1
  }

  const small = () => push(BigInt(rng.below(300)))
  const operand = () => (rng.below(3) === 0 ? push(pick(edges)) : small())

  function compute(): void {
    const count = rng.below(4)
    while (height < count + rng.below(2)) operand()
    const op = pick(takers[count] as readonly number[])
    bytes.push(op)
    const isTaken = [0x50, 0x55, 0x5d].includes(op)
    height += (isTaken ? 0 : 1) - count
    if (!isTaken) show()
  }

  /** Keeps a copy of the top word in memory, where the end returns it. */
  function show(): void {
    bytes.push(0x80, 0x61, shown >> 8, shown & 255, 0x52)
    shown = (shown + 32) % shownBytes
  }

  /** An instruction whose operands are places and sizes in memory. */
  function touchMemory(): void {
    const [op, count, gives] = pick([
      [0x20, 2, 1],
      [0x51, 1, 1],
      [0x52, 2, 0],
      [0x53, 2, 0],
      [0x37, 3, 0],
      [0x39, 3, 0],
      [0x5e, 3, 0],
      [0xa0, 2, 0],
      [0xa1, 3, 0],
      [0xa3, 5, 0],
    ] as const)
    for (let i = 0; i < count; i += 1) {
      if (rng.below(60) === 0) operand()
      else small()
    }
    bytes.push(op)
    height += gives - count
  }

  function arrange(): void {
    if (height === 0) return operand()
    const depth = Math.min(16, height)
    if (rng.below(2) === 0 || depth < 2) {
      bytes.push(0x80 + rng.below(depth))
      height += 1
    } else bytes.push(0x90 + rng.below(depth - 1))
  }

  /** Over some junk, with or without a condition. */
  function leap(): void {
    const isConditional = rng.below(2) === 0
    if (isConditional) operand()
    const junk = Array.from({ length: rng.below(4) }, () => rng.below(256)).filter(
      (op) => op < 0x60 || op > 0x7f,
    )
    const target = bytes.length + 4 + junk.length
    bytes.push(0x61, target >> 8, target & 255, isConditional ? jumpIf : jump, ...junk)
    bytes.push(jumpDestination)
    if (isConditional) height -= 1
  }

  /** Counts down from a small number and computes meanwhile. */
  function loop(): void {
    push(BigInt(1 + rng.below(6)))
    const start = bytes.length
    bytes.push(jumpDestination, 0x60, 1, 0x90, 0x03) // DUP-free: n -> n - 1
    bytes.push(0x80, 0x60, rng.below(200), 0x52) // store it
    bytes.push(0x80, 0x61, start >> 8, start & 255, jumpIf)
  }

  function call(): void {
    const kind = pick([0xf1, 0xf2, 0xf4, 0xfa])
    const hasValue = kind === 0xf1 || kind === 0xf2
    for (let i = 0; i < 4; i += 1) push(BigInt(rng.below(64)))
    if (hasValue) push(BigInt(rng.below(3)))
    const target = rng.below(targets + 1)
    push(BigInt(target === targets ? 1 + rng.below(4) : addressAt(target).toString()))
    push(BigInt(rng.below(30_000)))
    bytes.push(kind)
    height -= hasValue ? 6 : 5
  }

  const steps = 10 + rng.below(40)
  for (let i = 0; i < steps; i += 1) {
    const kind = rng.below(24)
    if (kind < 10) compute()
    else if (kind < 15) touchMemory()
    else if (kind < 18) arrange()
    else if (kind < 20) leap()
    else if (kind < 21) loop()
    else if (kind < 23) call()
    else if (rng.below(8) === 0) bytes.push(rng.below(256))
  }
  if (rng.below(4) !== 0) {
    push(BigInt(shownBytes))
    push(0n)
    bytes.push(pick([0xf3, 0xf3, 0xf3, 0xfd]))
  }
  if (rng.below(8) === 0) bytes.push(0x7f, 0xab) // a constant cut off
  return Uint8Array.from(bytes)
}

/** The shortest instruction that pushes a word. */
export function pushOf(value: bigint): readonly number[] {
  if (value === 0n) return [push0]
  const hex = value.toString(16)
  const sizeBytes = Math.ceil(hex.length / 2)
  return [push0 + sizeBytes, ...Buffer.from(hex.padStart(2 * sizeBytes, '0'), 'hex')]
}
