import { countElements, readElements, type DenseArray } from './array.ts'
import { inputError } from './fault.ts'

/** Element types of the IDX format (the MNIST files), all big-endian. */
const types: Record<number, { kind: string; sizeBytes: number }> = {
  0x08: { kind: 'u', sizeBytes: 1 },
  0x09: { kind: 'i', sizeBytes: 1 },
  0x0b: { kind: 'i', sizeBytes: 2 },
  0x0c: { kind: 'i', sizeBytes: 4 },
  0x0d: { kind: 'f', sizeBytes: 4 },
  0x0e: { kind: 'f', sizeBytes: 8 },
}

/** Whether bytes begin as an IDX file does: two zeros, a known type, 1 to 4 sides. */
export function isIdx(bytes: Uint8Array): boolean {
  const [zero, alsoZero, type = 0, rank = 0] = bytes
  return zero === 0 && alsoZero === 0 && type in types && rank >= 1 && rank <= 4
}

/** Decodes an IDX file. Throws IDX_INVALID with the byte where it goes wrong. */
export function decodeIdx(bytes: Uint8Array, file: string): DenseArray {
  const fail = (byte: number, text: string) => inputError('IDX_INVALID', { file, byte }, text)
  if (!isIdx(bytes)) throw fail(0, 'it does not begin as an IDX file does')
  const type = types[bytes[2] as number] as { kind: string; sizeBytes: number }
  const rank = bytes[3] as number
  const start = 4 + 4 * rank
  if (bytes.length < start) throw fail(bytes.length, 'the file ends inside its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const elements = countElements(shape, type)
  if (elements === undefined) throw fail(4, `the shape ${shape.join('x')} is too large`)
  const neededBytes = start + elements * type.sizeBytes
  if (bytes.length !== neededBytes) {
    throw fail(
      Math.min(bytes.length, neededBytes),
      `${neededBytes} bytes are claimed, ${bytes.length} are there`,
    )
  }
  const element = { ...type, isLittle: false }
  const decoded = readElements(bytes.subarray(start), element, elements)
  if (!decoded) throw fail(2, 'the type of its elements is not supported')
  return { shape, ...decoded }
}

/** The bytes of an IDX file of unsigned bytes. */
export function encodeIdx(shape: readonly number[], values: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length)
  bytes.set([0, 0, 0x08, shape.length])
  const view = new DataView(bytes.buffer)
  for (const [i, side] of shape.entries()) view.setUint32(4 + 4 * i, side)
  bytes.set(values, 4 + 4 * shape.length)
  return bytes
}
