/** Where the module's memory holds what it works on: h, m and t as the precompile's input has them. */
export const places = { h: 0, m: 64, t: 192, flag: 208, sigma: 256 } as const

/** BLAKE2b's order of message words, round by round (RFC 7693, table SIGMA). */
export const sigma: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]

/** BLAKE2b's initialisation vector. */
const initial = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
]

/** Columns, then diagonals: the four words that each mixing takes. */
const mixings = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const

const op = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  when: [0x04, 0x40],
  end: [0x0b],
  branch: (depth: number) => [0x0c, depth],
  branchIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  load64: (offset: number) => [0x29, 3, ...unsigned(offset)],
  loadByte: (offset: number) => [0x2d, 0, ...unsigned(offset)],
  store64: (offset: number) => [0x37, 3, ...unsigned(offset)],
  const32: (value: number) => [0x41, ...signed(BigInt(value))],
  const64: (value: bigint) => [0x42, ...signed(value)],
  isZero32: [0x45],
  equal32: [0x46],
  add32: [0x6a],
  sub32: [0x6b],
  add64: [0x7c],
  xor64: [0x85],
  rotateRight64: [0x8a],
} as const

const roundsLeft = 0
const order = 1
const word = (i: number) => 2 + i
const [wide, narrow] = [0x7e, 0x7f] // i64, i32

const magic = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** A WebAssembly module with `memory` and `compress(rounds)`: BLAKE2b's function F of RFC 7693. */
export function compressModule(): Uint8Array<ArrayBuffer> {
  const code = [
    ...vector(
      [
        [1, narrow],
        [16, wide],
      ].map(([count = 0, type = 0]) => [...unsigned(count), type]),
    ),
    ...begin(),
    ...repeat(round()),
    ...finish(),
    ...op.end,
  ]
  return Uint8Array.from([
    ...magic,
    ...section(1, vector([[0x60, ...vector([[narrow]]), ...vector([])]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, 1]])),
    ...section(7, vector([exported('memory', 2), exported('compress', 0)])),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ])
}

function begin(): number[] {
  const code: number[] = []
  for (let i = 0; i < 8; i += 1) {
    code.push(...op.const32(0), ...op.load64(places.h + 8 * i), ...op.set(word(i)))
    code.push(...op.const64(BigInt.asIntN(64, initial[i] ?? 0n)))
    // t in the two words behind the fourth, then the flag: all ones in the last block.
    const extra = [undefined, undefined, undefined, undefined, places.t, places.t + 8, places.flag]
    const at = extra[i]
    if (at !== undefined) code.push(...op.const32(0), ...op.load64(at), ...op.xor64)
    code.push(...op.set(word(8 + i)))
  }
  return [...code, ...op.const32(places.sigma), ...op.set(order)]
}

function repeat(body: readonly number[]): number[] {
  const last = places.sigma + 16 * sigma.length
  return [
    [op.block, op.loop, op.get(roundsLeft), op.isZero32, op.branchIf(1)],
    [body],
    [op.get(roundsLeft), op.const32(1), op.sub32, op.set(roundsLeft)],
    [op.get(order), op.const32(16), op.add32, op.set(order)],
    [op.get(order), op.const32(last), op.equal32, op.when],
    [op.const32(places.sigma), op.set(order), op.end],
    [op.branch(0), op.end, op.end],
  ].flat(2)
}

function round(): number[] {
  return mixings.flatMap(([a, b, c, d], i) =>
    [
      [add(a, b), addMessage(a, 2 * i), turn(d, a, 32n), add(c, d), turn(b, c, 24n)],
      [add(a, b), addMessage(a, 2 * i + 1), turn(d, a, 16n), add(c, d), turn(b, c, 63n)],
    ].flat(2),
  )
}

function add(a: number, b: number): number[] {
  return [...op.get(word(a)), ...op.get(word(b)), ...op.add64, ...op.set(word(a))]
}

/** The table holds the places of message words. */
function addMessage(a: number, index: number): number[] {
  const message = [...op.get(order), ...op.loadByte(index), ...op.load64(0)]
  return [...op.get(word(a)), ...message, ...op.add64, ...op.set(word(a))]
}

function turn(a: number, b: number, by: bigint): number[] {
  const mixed = [...op.get(word(a)), ...op.get(word(b)), ...op.xor64]
  return [...mixed, ...op.const64(by), ...op.rotateRight64, ...op.set(word(a))]
}

function finish(): number[] {
  const code: number[] = []
  for (let i = 0; i < 8; i += 1) {
    code.push(...op.const32(0), ...op.const32(0), ...op.load64(places.h + 8 * i))
    code.push(...op.get(word(i)), ...op.xor64, ...op.get(word(8 + i)), ...op.xor64)
    code.push(...op.store64(places.h + 8 * i))
  }
  return code
}

function exported(name: string, kind: number): number[] {
  const text = [...Buffer.from(name)]
  return [...unsigned(text.length), ...text, kind, 0]
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...unsigned(body.length), ...body]
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

/** LEB128, as the binary format of WebAssembly writes numbers. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: bigint): number[] {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)
  return isLast ? [low] : [low | 0x80, ...signed(rest)]
}
