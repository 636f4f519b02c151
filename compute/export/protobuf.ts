import { concatBytes, utf8 } from '#base/bytes.ts'

/** The few forms of the Protocol Buffers encoding that an ONNX file needs. Each gives the bytes of one field. */

export type Bytes = Uint8Array<ArrayBuffer>

/** A variable-length integer field. */
export function integerField(field: number, value: number): Bytes {
  return concatBytes(varint(field * 8), value < 0 ? negative(value) : varint(value))
}

/** A binary32 field. */
export function floatField(field: number, value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return concatBytes(varint(field * 8 + 5), bytes)
}

/** A field of bytes, text or a nested message (its fields one after another). */
export function bytesField(
  field: number,
  value: Uint8Array | string | readonly Uint8Array[],
): Bytes {
  const bytes =
    typeof value === 'string' ? utf8(value) : isParts(value) ? concatBytes(...value) : value
  return concatBytes(varint(field * 8 + 2), varint(bytes.length), bytes)
}

function isParts(value: Uint8Array | readonly Uint8Array[]): value is readonly Uint8Array[] {
  return Array.isArray(value)
}

function varint(value: number): Bytes {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}

/** A negative integer as the ten bytes of its 64-bit two's complement. */
function negative(value: number): Bytes {
  const bits = BigInt.asUintN(64, BigInt(value))
  return Uint8Array.from({ length: 10 }, (_, i) => {
    return Number((bits >> BigInt(7 * i)) & 127n) + (i < 9 ? 128 : 0)
  })
}
