/** A field of a Protocol Buffers message. A fixed-width number and a nested message are both bytes. */
export interface Field {
  readonly number: number
  /** Where its key stands in the file. */
  readonly byte: number
  /** Of a variable-length integer, its 64 bits unsigned; else absent. */
  readonly integer?: bigint
  readonly bytes?: Uint8Array
  readonly isFixed?: boolean
}

/** Refuses the file at a place. */
export type Refuse = (byte: number, reason: string) => never

/** A message and where it begins in the file, for errors. */
export interface Message {
  readonly bytes: Uint8Array
  readonly byte: number
}

const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
const varintBytesMax = 10

/**
 * The fields of a message in their order; nothing is copied, and a length that lies is refused before anything is
 * taken. Groups, which nobody writes any more, are refused.
 */
export function* fieldsOf({ bytes, byte }: Message, refuse: Refuse): Generator<Field> {
  let at = 0
  while (at < bytes.length) {
    const start = byte + at
    const key = readVarint(bytes, at) ?? refuse(start, 'a field key is cut off or too long')
    at = key.end
    const number = Number(key.value >> 3n)
    const wire = Number(key.value & 7n)
    if (number < 1 || number > 0x1fff_ffff) refuse(start, `the field number ${number} is none`)
    if (wire === 0) {
      const { value, end } =
        readVarint(bytes, at) ?? refuse(start, 'an integer is cut off or too long')
      yield { number, byte: start, integer: value }
      at = end
      continue
    }
    const fixed = fixedBytes[wire]
    if (fixed === undefined && wire !== 2) refuse(start, `the wire type ${wire} is not supported`)
    const length =
      fixed === undefined
        ? (readVarint(bytes, at) ?? refuse(start, 'a length is cut off or too long'))
        : { value: BigInt(fixed), end: at }
    const rest = bytes.length - length.end
    if (length.value > BigInt(rest)) {
      refuse(start, `a field claims ${length.value} bytes, ${rest} are there`)
    }
    const end = length.end + Number(length.value)
    yield {
      number,
      byte: start,
      bytes: bytes.subarray(length.end, end),
      isFixed: fixed !== undefined,
    }
    at = end
  }
}

/** The integers of a packed field, or the one of an unpacked field, as signed 64-bit numbers. */
export function integersOf(field: Field, options: { most: number; refuse: Refuse }): number[] {
  const { most, refuse } = options
  if (field.integer !== undefined) return [signedOf(field.integer, field.byte, refuse)]
  const { bytes } = field
  if (bytes === undefined || field.isFixed === true) return refuse(field.byte, 'it is no integer')
  const integers: number[] = []
  for (let at = 0; at < bytes.length;) {
    const { value, end } =
      readVarint(bytes, at) ?? refuse(field.byte, 'an integer is cut off or too long')
    if (integers.length === most) refuse(field.byte, `more than ${most} integers`)
    integers.push(signedOf(value, field.byte, refuse))
    at = end
  }
  return integers
}

/** Binary32 numbers of a packed field, or of an unpacked one. */
export function floatsOf(field: Field, refuse: Refuse): Float32Array {
  const { bytes } = field
  if (bytes === undefined || bytes.length % 4 !== 0) return refuse(field.byte, 'it is no binary32')
  const copy = new Uint8Array(bytes)
  return new Float32Array(copy.buffer)
}

/** UTF-8 text of at most `most` bytes. */
export function textOf(field: Field, options: { most: number; refuse: Refuse }): string {
  const { most, refuse } = options
  const { bytes, isFixed } = field
  if (bytes === undefined || isFixed === true) return refuse(field.byte, 'it is no text')
  if (bytes.length > most) return refuse(field.byte, `a text of ${bytes.length} bytes is too long`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return refuse(field.byte, 'a text is not UTF-8')
  }
}

/** A nested message. */
export function messageOf(field: Field, refuse: Refuse): Message {
  const { bytes, isFixed } = field
  if (bytes === undefined || isFixed === true) return refuse(field.byte, 'it is no message')
  return { bytes, byte: field.byte }
}

function signedOf(value: bigint, byte: number, refuse: Refuse): number {
  const signed = Number(BigInt.asIntN(64, value))
  return Number.isSafeInteger(signed) ? signed : refuse(byte, `${value} is beyond 2^53`)
}

function readVarint(bytes: Uint8Array, from: number): { value: bigint; end: number } | undefined {
  let value = 0n
  for (let i = 0; i < varintBytesMax; i += 1) {
    const next = bytes[from + i]
    if (next === undefined) return undefined
    value |= BigInt(next & 127) << BigInt(7 * i)
    if (next < 128) return value < 1n << 64n ? { value, end: from + i + 1 } : undefined
  }
  return undefined
}
