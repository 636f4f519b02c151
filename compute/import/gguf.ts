import { limits } from '#wire/limits.ts'
import { ternaryBlock } from '../export/ternary-blocks.ts'
import { modelError } from './fault.ts'

export type GgufValue =
  number | bigint | boolean | string | readonly (number | bigint | boolean | string)[]

/** A tensor as it lies in the file; `shape` has the side that lies together first. */
export interface GgufTensor {
  readonly type: 'F32' | 'TQ2_0'
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

/** Limits of a GGUF file; nothing is held beyond the file's own bytes and lists of these lengths. */
export const ggufBounds = {
  fileBytesMax: 2 ** 31,
  metadataMax: 1024,
  listMax: 262_144,
  textBytesMax: 65_536,
  tensorsMax: 8192,
  rankMax: 4,
  alignmentMax: 65_536,
} as const

type Fail = (byte: number, reason: string) => never

const typeNames: Readonly<Record<number, GgufTensor['type']>> = { 0: 'F32', 35: 'TQ2_0' }

/**
 * Decodes a GGUF file of version 3; tensors are views of its bytes. Throws GGUF_INVALID with the byte, GGUF_TOO_LARGE
 * or GGUF_UNSUPPORTED (other versions, other types of tensors).
 */
export function decodeGguf(bytes: Uint8Array, file: string): GgufFile {
  const fail: Fail = (byte, reason) => {
    throw modelError('GGUF_INVALID', { file, byte }, reason)
  }
  if (bytes.length > ggufBounds.fileBytesMax) {
    throw modelError('GGUF_TOO_LARGE', { file, byte: 0 }, `${bytes.length} bytes are too many`)
  }
  const reader = createReader(bytes, fail)
  if (reader.u32() !== 0x4655_4747) fail(0, 'it does not begin as a GGUF file does')
  const version = reader.u32()
  if (version !== 3) {
    throw modelError('GGUF_UNSUPPORTED', { file, byte: 4 }, `version ${version} is not supported`)
  }
  const tensorCount = reader.count(ggufBounds.tensorsMax, 'tensors')
  const metadataCount = reader.count(ggufBounds.metadataMax, 'values')
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < metadataCount; i += 1) {
    const at = reader.at
    const key = reader.text()
    if (metadata.has(key)) fail(at, `the key ${key} stands twice`)
    metadata.set(key, readValue(reader, reader.u32(), fail))
  }
  const claims = Array.from({ length: tensorCount }, () => readClaim(reader, { file, fail }))
  const alignment = alignmentOf(metadata, reader.at, fail)
  const start = Math.ceil(reader.at / alignment) * alignment
  return { metadata, tensors: placeTensors(claims, bytes, { start, alignment, fail }) }
}

interface Reader {
  readonly at: number
  readonly u32: () => number
  readonly u64: () => bigint
  readonly count: (most: number, what: string) => number
  readonly text: () => string
  readonly take: (sizeBytes: number) => DataView
}

function createReader(bytes: Uint8Array, fail: Fail): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (sizeBytes: number): DataView => {
    if (sizeBytes > bytes.length - at)
      fail(at, `${sizeBytes} bytes are claimed, ${bytes.length - at} are there`)
    at += sizeBytes
    return new DataView(view.buffer, view.byteOffset + at - sizeBytes, sizeBytes)
  }
  const count = (most: number, what: string): number => {
    const from = at
    const claimed = take(8).getBigUint64(0, true)
    return claimed > BigInt(most) ? fail(from, `${claimed} ${what} are too many`) : Number(claimed)
  }
  return {
    get at() {
      return at
    },
    take,
    count,
    u32: () => take(4).getUint32(0, true),
    u64: () => take(8).getBigUint64(0, true),
    text() {
      const from = at
      const part = take(count(ggufBounds.textBytesMax, 'bytes of a text'))
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part)
      } catch {
        return fail(from, 'a text is not UTF-8')
      }
    },
  }
}

type Scalar = number | bigint | boolean | string

/** Readers of scalars by the numbers of their types in the format. */
const scalars: Readonly<Record<number, (reader: Reader) => Scalar>> = {
  0: ({ take }) => take(1).getUint8(0),
  1: ({ take }) => take(1).getInt8(0),
  2: ({ take }) => take(2).getUint16(0, true),
  3: ({ take }) => take(2).getInt16(0, true),
  4: ({ u32 }) => u32(),
  5: ({ take }) => take(4).getInt32(0, true),
  6: ({ take }) => take(4).getFloat32(0, true),
  7: ({ take }) => take(1).getUint8(0) !== 0,
  8: ({ text }) => text(),
  10: ({ u64 }) => u64(),
  11: ({ take }) => take(8).getBigInt64(0, true),
  12: ({ take }) => take(8).getFloat64(0, true),
}
const listType = 9

function readValue(reader: Reader, type: number, fail: Fail): GgufValue {
  const from = reader.at
  if (type !== listType) {
    const read = scalars[type] ?? fail(from, `the type ${type} of a value is unknown`)
    return read(reader)
  }
  const inner = reader.u32()
  const read = scalars[inner] ?? fail(from, `lists of the type ${inner} are not supported`)
  const length = reader.count(ggufBounds.listMax, 'items of a list')
  const items: Scalar[] = []
  for (let i = 0; i < length; i += 1) items.push(read(reader))
  return items
}

interface Claim {
  readonly name: string
  readonly type: GgufTensor['type']
  readonly shape: readonly number[]
  readonly sizeBytes: number
  readonly offset: bigint
  readonly byte: number
}

function readClaim(reader: Reader, { file, fail }: { file: string; fail: Fail }): Claim {
  const byte = reader.at
  const name = reader.text()
  const rank = reader.u32()
  if (rank < 1 || rank > ggufBounds.rankMax) fail(byte, `the tensor ${name} has ${rank} sides`)
  const shape: number[] = []
  let elements = 1
  for (let i = 0; i < rank; i += 1) {
    const side = reader.u64()
    elements *= Number(side)
    if (elements > limits.parametersMax) fail(byte, `the tensor ${name} is too large`)
    shape.push(Number(side))
  }
  const number = reader.u32()
  const type = typeNames[number]
  if (type === undefined) {
    const text = `the tensor ${name} is of type ${number}; F32 and TQ2_0 can be read`
    throw modelError('GGUF_UNSUPPORTED', { file, byte }, text)
  }
  const { weights, sizeBytes } = ternaryBlock
  const isWhole = type === 'F32' || (shape[0] as number) % weights === 0
  if (!isWhole) fail(byte, `the tensor ${name} has rows of no whole blocks`)
  const bytes = type === 'F32' ? 4 * elements : (elements / weights) * sizeBytes
  return { name, type, shape, sizeBytes: bytes, offset: reader.u64(), byte }
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, byte: number, fail: Fail): number {
  const alignment = metadata.get('general.alignment') ?? 32
  const isFit =
    typeof alignment === 'number' &&
    Number.isInteger(alignment) &&
    alignment >= 8 &&
    alignment % 8 === 0 &&
    alignment <= ggufBounds.alignmentMax
  return isFit ? alignment : fail(byte, `an alignment of ${String(alignment)} is none`)
}

function placeTensors(
  claims: readonly Claim[],
  bytes: Uint8Array,
  { start, alignment, fail }: { start: number; alignment: number; fail: Fail },
): ReadonlyMap<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>()
  let end = 0
  for (const { name, type, shape, sizeBytes, offset, byte } of claims) {
    if (tensors.has(name)) fail(byte, `the tensor ${name} stands twice`)
    if (offset % BigInt(alignment) !== 0n) fail(byte, `the tensor ${name} is not aligned`)
    const from = start + Number(offset)
    if (Number(offset) < end || from + sizeBytes > bytes.length) {
      fail(byte, `the tensor ${name} overlaps another or lies beyond the end`)
    }
    end = Number(offset) + sizeBytes
    tensors.set(name, { type, shape, bytes: bytes.subarray(from, from + sizeBytes) })
  }
  return tensors
}
