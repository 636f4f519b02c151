import { limits } from '#wire/limits.ts'
import { modelError } from './fault.ts'
import {
  type Field,
  type Message,
  type Refuse,
  fieldsOf,
  floatsOf,
  integersOf,
  textOf,
} from './protobuf.ts'

/** A tensor of the file: weights as binary32, shapes and indices as integers. */
export type OnnxTensor = { readonly name: string; readonly shape: readonly number[] } & (
  | { readonly kind: 'floats'; readonly values: Float32Array }
  | { readonly kind: 'integers'; readonly values: readonly number[] }
)

const rankMax = 8
const nameBytesMax = 1024
const integersMax = 65_536
const flagsMax = 4_194_304 // a mask of 2048 tokens
const piecesMax = 65_536

/** Element types that no model of ours can use, by their numbers in the format. */
const typeNames: Readonly<Record<number, string>> = {
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  8: 'STRING',
  10: 'FLOAT16',
  11: 'DOUBLE',
  12: 'UINT32',
  13: 'UINT64',
  16: 'BFLOAT16',
}

const flagType = 9

interface Parts {
  name: string
  type: number
  shape: number[]
  raw?: Field
  floats: Float32Array[]
  integers: number[]
  isExternal: boolean
}

/** Decodes a TensorProto. Throws ONNX_INVALID, ONNX_EXTERNAL, ONNX_TYPE or ONNX_TOO_LARGE. */
export function decodeTensor(
  message: Message,
  { file, refuse }: { file: string; refuse: Refuse },
): OnnxTensor {
  const parts = gather(message, refuse)
  const { name, shape, type } = parts
  const { byte } = message
  if (parts.isExternal) {
    const text = `the tensor ${name} lies outside of the file; export with external_data=False`
    throw modelError('ONNX_EXTERNAL', { file, byte }, text)
  }
  const elements = countOf(shape, { file, byte, name })
  const wrong = (found: number) =>
    refuse(byte, `the tensor ${name} has ${found} values for the shape [${shape.join(', ')}]`)
  if (type === 1) {
    const values = floatValues(parts, refuse)
    return values.length === elements
      ? { kind: 'floats', name, shape, values }
      : wrong(values.length)
  }
  if (type === 6 || type === 7 || type === flagType) {
    const most = type === flagType ? flagsMax : integersMax
    if (elements > most) refuse(byte, `the tensor ${name} has too many integers`)
    const values = type === flagType ? flagValues(parts) : integerValues(parts, refuse)
    return values.length === elements
      ? { kind: 'integers', name, shape, values }
      : wrong(values.length)
  }
  const text = `the tensor ${name} holds ${typeNames[type] ?? `type ${type}`}; export the model in float32`
  throw modelError('ONNX_TYPE', { file, byte }, text)
}

function gather(message: Message, refuse: Refuse): Parts {
  const parts: Parts = { name: '', type: 0, shape: [], floats: [], integers: [], isExternal: false }
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) {
      for (const side of integersOf(field, { most: rankMax, refuse })) {
        if (side < 0 || parts.shape.length === rankMax) refuse(field.byte, 'a shape is none')
        parts.shape.push(side)
      }
    } else if (field.number === 2) {
      parts.type = integersOf(field, { most: 1, refuse })[0] ?? 0
    } else if (field.number === 4) {
      if (parts.floats.length === piecesMax) refuse(field.byte, 'numbers stand in too many pieces')
      parts.floats.push(floatsOf(field, refuse))
    } else if (field.number === 5 || field.number === 7) {
      const found = integersOf(field, { most: integersMax, refuse })
      if (parts.integers.length + found.length > integersMax)
        refuse(field.byte, 'too many integers')
      for (const one of found) parts.integers.push(one)
    } else if (field.number === 8) {
      parts.name = textOf(field, { most: nameBytesMax, refuse })
    } else if (field.number === 9) parts.raw = field
    else if (field.number === 13) parts.isExternal = true
    else if (field.number === 14 && field.integer !== 0n) parts.isExternal = true
  }
  return parts
}

function countOf(
  shape: readonly number[],
  { file, byte, name }: { file: string; byte: number; name: string },
): number {
  let elements = 1
  for (const side of shape) {
    elements *= side
    if (elements > limits.parametersMax) {
      const text = `the tensor ${name} has more than ${limits.parametersMax} values`
      throw modelError('ONNX_TOO_LARGE', { file, byte }, text)
    }
  }
  return elements
}

/** A view of the raw bytes where their place allows, else a copy of what the file holds. */
function floatValues({ raw, floats }: Parts, refuse: Refuse): Float32Array {
  if (raw) {
    const bytes = rawBytes(raw, 4, refuse)
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
    return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
  }
  const [first] = floats
  if (first && floats.length === 1) return first
  const joined = new Float32Array(floats.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of floats) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

/** 2^63 - 1, which exporters write for "to the end", becomes the largest number that is exact. */
function integerValues({ raw, integers, type }: Parts, refuse: Refuse): readonly number[] {
  if (!raw) return integers
  const sizeBytes = type === 7 ? 8 : 4
  const bytes = rawBytes(raw, sizeBytes, refuse)
  if (bytes.length / sizeBytes > integersMax) refuse(raw.byte, 'too many integers')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / sizeBytes }, (_, i) => {
    const value =
      sizeBytes === 8 ? Number(view.getBigInt64(8 * i, true)) : view.getInt32(4 * i, true)
    return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value))
  })
}

/** 1 for true, 0 for false. */
function flagValues({ raw, integers }: Parts): readonly number[] {
  return raw?.bytes ? Array.from(raw.bytes, (flag) => (flag === 0 ? 0 : 1)) : integers
}

function rawBytes({ bytes, isFixed, byte }: Field, width: number, refuse: Refuse): Uint8Array {
  if (bytes === undefined || isFixed === true || bytes.length % width !== 0) {
    return refuse(byte, `raw values are no multiple of ${width} bytes`)
  }
  return bytes
}
