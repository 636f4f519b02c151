import { AppError } from '#base/error.ts'
import { assert } from '#base/assert.ts'

/** Tensor files in the safetensors format: 8 bytes of header length, a JSON header, then raw little-endian values. */
export type Tensor =
  | { readonly dtype: 'F32'; readonly shape: readonly number[]; readonly values: Float32Array }
  | { readonly dtype: 'F64'; readonly shape: readonly number[]; readonly values: Float64Array }
  | { readonly dtype: 'I32'; readonly shape: readonly number[]; readonly values: Int32Array }
  | { readonly dtype: 'I64'; readonly shape: readonly number[]; readonly values: BigInt64Array }
  | { readonly dtype: 'U8'; readonly shape: readonly number[]; readonly values: Uint8Array }

export type TensorFile = {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly metadata: Readonly<Record<string, string>>
}

export type DecodeOptions = {
  /** Named in errors, e.g. the file's path or CID. */
  readonly source?: string
  readonly sizeBytesMax?: number
  readonly headerBytesMax?: number
  readonly tensorsMax?: number
}

const itemBytes = { F32: 4, F64: 8, I32: 4, I64: 8, U8: 1 } as const
const rankMax = 8
/** The header, a tensor's fields, a list in them. */
const depthMax = 3
const elementsMax = 2 ** 40
const defaults = { sizeBytesMax: 2 ** 31, headerBytesMax: 1 << 20, tensorsMax: 4096 }

/** Encodes tensors; equal input gives equal bytes (wide types first, then by name; the header padded to 8). */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = [...(tensors instanceof Map ? tensors : Object.entries(tensors))] as Entry[]
  const ordered = entries.toSorted(byWidthThenName)
  const fields: string[] = []
  const names = Object.keys(metadata).toSorted(byCodeUnit)
  if (names.length > 0) {
    const pairs = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(metadata[name])}`)
    fields.push(`"__metadata__":{${pairs.join(',')}}`)
  }
  let end = 0
  for (const [name, tensor] of ordered) {
    assert(name !== '__metadata__', 'a tensor is not named __metadata__')
    assert(sizeOf(tensor.shape) === tensor.values.length, `the shape of ${name} fits its values`)
    const start = end
    end += tensor.values.byteLength
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${tensor.dtype}","shape":[${tensor.shape.join(',')}],"data_offsets":[${start},${end}]}`,
    )
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`)
  const headerLength = Math.ceil(header.length / 8) * 8
  const bytes = new Uint8Array(8 + headerLength + end)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true)
  bytes.set(header, 8)
  bytes.fill(0x20, 8 + header.length, 8 + headerLength)
  let offset = 8 + headerLength
  for (const [, { values }] of ordered) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset)
    offset += values.byteLength
  }
  return bytes
}

/**
 * Decodes tensors; `values` are views of `bytes` where its alignment allows, else copies.
 * Throws SAFETENSORS_INVALID with `at` (the place) and `reason`, or SAFETENSORS_TOO_LARGE; allocates nothing
 * that the given bytes do not back.
 */
export function decodeSafetensors(bytes: Uint8Array, options: DecodeOptions = {}): TensorFile {
  const { sizeBytesMax, headerBytesMax, tensorsMax } = { ...defaults, ...options }
  const fail: Fail = (at, reason) => {
    throw new AppError({ code: 'SAFETENSORS_INVALID', source: options.source, at, reason })
  }
  if (bytes.length > sizeBytesMax) {
    const { source } = options
    throw new AppError({
      code: 'SAFETENSORS_TOO_LARGE',
      source,
      sizeBytes: bytes.length,
      sizeBytesMax,
    })
  }
  if (bytes.length < 8) fail('length', `${bytes.length} bytes hold no header length`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const claimed = view.getBigUint64(0, true)
  if (claimed > BigInt(bytes.length - 8)) fail('length', `the header claims ${claimed} bytes`)
  if (claimed > BigInt(headerBytesMax)) fail('length', `a header of ${claimed} bytes is too large`)
  const headerLength = Number(claimed)
  const header = parseHeader(bytes.subarray(8, 8 + headerLength), fail)
  const body = bytes.subarray(8 + headerLength)
  const { __metadata__: metadata, ...claims } = header
  const names = Object.keys(claims)
  if (names.length > tensorsMax) fail('header', `${names.length} tensors are too many`)
  const placed = names.map((name) => place(name, claims[name], fail))
  checkCover(placed, { bodyLength: body.length, fail })
  const tensors = new Map<string, Tensor>()
  for (const { name, dtype, shape, start, end } of placed) {
    tensors.set(name, viewAs(dtype, shape, body.subarray(start, end)))
  }
  return { tensors, metadata: parseMetadata(metadata, fail) }
}

/** The tensor of a name and type, or TENSOR_MISSING (names what is there) / TENSOR_TYPE. */
export function takeTensor<D extends Tensor['dtype']>(
  file: TensorFile,
  name: string,
  dtype: D,
): Extract<Tensor, { dtype: D }> {
  const tensor = file.tensors.get(name)
  if (tensor === undefined) {
    throw new AppError({ code: 'TENSOR_MISSING', name, available: [...file.tensors.keys()] })
  }
  if (tensor.dtype !== dtype) {
    throw new AppError({ code: 'TENSOR_TYPE', name, dtype: tensor.dtype, expected: dtype })
  }
  return tensor as Extract<Tensor, { dtype: D }>
}

type Entry = readonly [string, Tensor]
type Fail = (at: string, reason: string) => never
type Placed = {
  name: string
  dtype: Tensor['dtype']
  shape: number[]
  start: number
  end: number
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function byWidthThenName([nameA, a]: Entry, [nameB, b]: Entry): number {
  return itemBytes[b.dtype] - itemBytes[a.dtype] || byCodeUnit(nameA, nameB)
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  if (bytes[0] !== 0x7b) fail('header', 'it does not begin with {')
  const text = decodeText(bytes) ?? fail('header', 'it is not UTF-8')
  const { colons, depth } = measureJson(text)
  if (depth > depthMax) fail('header', 'it nests deeper than a header does')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return fail('header', 'it is not JSON')
  }
  if (!isRecord(parsed)) return fail('header', 'it is not an object')
  if (colons !== countKeys(parsed)) fail('header', 'a name stands twice')
  return parsed
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Colons outside of strings (one for each key as written, so that a repeated key shows) and how deep brackets nest
 * (so that nothing recurses as deep as a hostile header likes).
 */
function measureJson(text: string): { colons: number; depth: number } {
  let colons = 0
  let open = 0
  let depth = 0
  let isInside = false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x5c) i++
    else if (unit === 0x22) isInside = !isInside
    else if (isInside) continue
    else if (unit === 0x3a) colons++
    else if (unit === 0x7b || unit === 0x5b) depth = Math.max(depth, ++open)
    else if (unit === 0x7d || unit === 0x5d) open--
  }
  return { colons, depth }
}

function countKeys(value: unknown): number {
  let keys = isRecord(value) ? Object.keys(value).length : 0
  if (isRecord(value) || Array.isArray(value)) {
    for (const inner of Object.values(value)) {
      if (typeof inner === 'object') keys += countKeys(inner)
    }
  }
  return keys
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseMetadata(claim: unknown, fail: Fail): Record<string, string> {
  if (claim === undefined) return {}
  if (!isRecord(claim)) return fail('__metadata__', 'it is not an object')
  for (const [name, value] of Object.entries(claim)) {
    if (typeof value !== 'string') fail(`__metadata__.${name}`, 'it is not a string')
  }
  return claim as Record<string, string>
}

function place(name: string, claim: unknown, fail: Fail): Placed {
  if (!isRecord(claim)) return fail(name, 'it is not an object')
  const { dtype, shape, data_offsets: offsets, ...rest } = claim
  const [unknownField] = Object.keys(rest)
  if (unknownField !== undefined) fail(name, `the field ${unknownField} is unknown`)
  if (!isDtype(dtype)) return fail(name, `the type ${JSON.stringify(dtype)} is not supported`)
  if (!isCounts(shape) || shape.length > rankMax) return fail(name, 'its shape is not a shape')
  if (!isCounts(offsets) || offsets.length !== 2)
    return fail(name, 'its offsets are not two numbers')
  let elements = 1
  for (const side of shape) {
    elements *= side
    if (elements > elementsMax) fail(name, 'its shape is too large')
  }
  const [start = 0, end = 0] = offsets
  if (end < start) fail(name, 'it ends before it starts')
  if (end - start !== elements * itemBytes[dtype]) {
    fail(
      name,
      `its shape needs ${elements * itemBytes[dtype]} bytes, its offsets hold ${end - start}`,
    )
  }
  return { name, dtype, shape, start, end }
}

function isDtype(value: unknown): value is Tensor['dtype'] {
  return typeof value === 'string' && Object.hasOwn(itemBytes, value)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

function checkCover(placed: Placed[], { bodyLength, fail }: { bodyLength: number; fail: Fail }) {
  let end = 0
  for (const next of placed.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (next.start < end) fail(next.name, `it overlaps the values before byte ${end}`)
    if (next.start > end) fail(next.name, `${next.start - end} bytes before it belong to nothing`)
    end = next.end
  }
  if (end > bodyLength) fail('values', `${end} bytes are claimed, ${bodyLength} are there`)
  if (end < bodyLength) fail('values', `${bodyLength - end} bytes at the end belong to nothing`)
}

function viewAs(dtype: Tensor['dtype'], shape: readonly number[], raw: Uint8Array): Tensor {
  const bytes = raw.byteOffset % itemBytes[dtype] === 0 ? raw : new Uint8Array(raw)
  const at = [bytes.buffer, bytes.byteOffset, bytes.byteLength / itemBytes[dtype]] as const
  switch (dtype) {
    case 'F32':
      return { dtype, shape, values: new Float32Array(...at) }
    case 'F64':
      return { dtype, shape, values: new Float64Array(...at) }
    case 'I32':
      return { dtype, shape, values: new Int32Array(...at) }
    case 'I64':
      return { dtype, shape, values: new BigInt64Array(...at) }
    case 'U8':
      return { dtype, shape, values: new Uint8Array(...at) }
  }
}
