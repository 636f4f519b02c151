import { bounds } from './bounds.ts'

/** A dense array of numbers in row-major order, as IDX and NPY files hold it. */
export type DenseArray = {
  readonly shape: readonly number[]
  readonly values: Uint8Array | Float32Array | Float64Array
  readonly isBytes: boolean
}

/** How one element is read from a DataView. 64-bit integers beyond 2^53 round. */
type Element = { readonly sizeBytes: number; readonly read: (view: DataView, at: number) => number }

/** Readers by name: kind (u, i, f) and bytes; each for both byte orders. */
export function elementOf(kind: string, sizeBytes: number, isLittle: boolean): Element | undefined {
  const read = readers[`${kind}${sizeBytes}`]
  return read && { sizeBytes, read: (view, at) => read(view, at, isLittle) }
}

const readers: Record<string, (view: DataView, at: number, isLittle: boolean) => number> = {
  u1: (view, at) => view.getUint8(at),
  b1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  u2: (view, at, isLittle) => view.getUint16(at, isLittle),
  i2: (view, at, isLittle) => view.getInt16(at, isLittle),
  u4: (view, at, isLittle) => view.getUint32(at, isLittle),
  i4: (view, at, isLittle) => view.getInt32(at, isLittle),
  u8: (view, at, isLittle) => Number(view.getBigUint64(at, isLittle)),
  i8: (view, at, isLittle) => Number(view.getBigInt64(at, isLittle)),
  f4: (view, at, isLittle) => view.getFloat32(at, isLittle),
  f8: (view, at, isLittle) => view.getFloat64(at, isLittle),
}

/**
 * The product of the sides, or undefined where it is no sane count of elements: bytes are held as they are, up to a
 * file's length, all else widens to at most 8 bytes and is bounded as the cells of a table are.
 */
export function countElements(
  shape: readonly number[],
  { kind, sizeBytes }: { readonly kind: string; readonly sizeBytes: number },
): number | undefined {
  const elementsMax = kind === 'u' && sizeBytes === 1 ? bounds.fileBytesMax : bounds.cellsMax
  let elements = 1
  for (const side of shape) {
    elements *= side
    if (!Number.isSafeInteger(elements) || elements > elementsMax) return undefined
  }
  return elements
}

/** Copies elements out of raw bytes; bytes stay bytes, 32-bit floats stay so, all else becomes Float64. */
export function readElements(
  raw: Uint8Array,
  element: { kind: string; sizeBytes: number; isLittle: boolean },
  elements: number,
): Pick<DenseArray, 'values' | 'isBytes'> | undefined {
  const { kind, sizeBytes, isLittle } = element
  if (sizeBytes === 1 && kind !== 'i')
    return { values: new Uint8Array(raw.subarray(0, elements)), isBytes: kind === 'u' }
  const one = elementOf(kind, sizeBytes, isLittle)
  if (!one) return undefined
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const isSingle = kind === 'f' && sizeBytes === 4
  const values = isSingle ? new Float32Array(elements) : new Float64Array(elements)
  for (let i = 0; i < elements; i++) values[i] = one.read(view, i * sizeBytes)
  return { values, isBytes: false }
}
