import { concatBytes, utf8 } from '#base/bytes.ts'
import type { Bytes } from './protobuf.ts'

/** Types of values in a GGUF file's metadata (version 3 of the format, by llama.cpp). */
const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9 } as const

/** Types of tensors, as ggml numbers them. */
export const tensorTypes = { F32: 0, TQ2_0: 35 } as const
export type TensorType = keyof typeof tensorTypes

export type GgufScalar =
  | { readonly u32: number }
  | { readonly i32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
export type GgufValue =
  GgufScalar | { readonly texts: readonly string[] } | { readonly i32s: readonly number[] }

/** A tensor; `shape` has the side that lies together in memory first, as ggml counts. */
export interface GgufTensor {
  readonly name: string
  readonly type: TensorType
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

export const ggufAlignment = 32
export const ggufVersion = 3

/** The bytes of a GGUF file; equal input gives equal bytes. */
export function writeGguf(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Bytes {
  const entries = Object.entries(metadata)
  const header: Uint8Array[] = [
    utf8('GGUF'),
    u32(ggufVersion),
    u64(tensors.length),
    u64(entries.length),
    ...entries.flatMap(([key, value]) => [text(key), ...valueParts(value)]),
  ]
  let offset = 0
  const bodies: Uint8Array[] = []
  for (const { name, type, shape, bytes } of tensors) {
    const sides = shape.map(u64)
    header.push(text(name), u32(shape.length), ...sides, u32(tensorTypes[type]), u64(offset))
    const padding = paddingOf(bytes.length)
    bodies.push(bytes, new Uint8Array(padding))
    offset += bytes.length + padding
  }
  const headerBytes = header.reduce((sum, part) => sum + part.length, 0)
  return concatBytes(...header, new Uint8Array(paddingOf(headerBytes)), ...bodies)
}

function paddingOf(sizeBytes: number): number {
  return (ggufAlignment - (sizeBytes % ggufAlignment)) % ggufAlignment
}

function valueParts(value: GgufValue): Uint8Array[] {
  if ('texts' in value) return listParts('text', value.texts.map(text))
  if ('i32s' in value) return listParts('i32', value.i32s.map(i32))
  if ('u32' in value) return [u32(valueTypes.u32), u32(value.u32)]
  if ('i32' in value) return [u32(valueTypes.i32), i32(value.i32)]
  if ('f32' in value) return [u32(valueTypes.f32), f32(value.f32)]
  if ('bool' in value) return [u32(valueTypes.bool), Uint8Array.of(value.bool ? 1 : 0)]
  return [u32(valueTypes.text), text(value.text)]
}

function listParts(type: keyof typeof valueTypes, items: readonly Uint8Array[]): Uint8Array[] {
  return [u32(valueTypes.list), u32(valueTypes[type]), u64(items.length), ...items]
}

function text(value: string): Bytes {
  const bytes = utf8(value)
  return concatBytes(u64(bytes.length), bytes)
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function i32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}

function f32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return bytes
}

function u64(value: number): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes
}
