import { countElements, readElements, type DenseArray } from './array.ts'
import { inputError } from './fault.ts'

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] // \x93NUMPY
const headerBytesMax = 65_536
const rankMax = 8

/** Whether bytes begin as an NPY file does. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte)
}

/** Decodes an NPY file (versions 1 to 3, numbers of any width and byte order). Throws NPY_INVALID or NPY_TYPE. */
export function decodeNpy(bytes: Uint8Array, file: string): DenseArray {
  const fail = (byte: number, text: string) => inputError('NPY_INVALID', { file, byte }, text)
  if (!isNpy(bytes) || bytes.length < 12) throw fail(0, 'it does not begin as an NPY file does')
  const version = bytes[6] as number
  if (version < 1 || version > 3) throw fail(6, `version ${version} is not supported`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerAt = version === 1 ? 10 : 12
  const headerBytes = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  const start = headerAt + headerBytes
  if (headerBytes > headerBytesMax || start > bytes.length) {
    throw fail(8, `a header of ${headerBytes} bytes does not fit`)
  }
  const header = parseHeader(Buffer.from(bytes.subarray(headerAt, start)).toString('latin1'))
  if (!header) throw fail(headerAt, 'its header is not understood')
  const { descr, isFortran, shape } = header
  const type = /^([<>|=])([uifb])(\d)$/.exec(descr)
  const [, order = '', kind = '', width = ''] = type ?? []
  const sizeBytes = Number(width)
  const elements = countElements(shape, { kind, sizeBytes })
  if (elements === undefined) throw fail(headerAt, `the shape ${shape.join('x')} is too large`)
  if (type && bytes.length !== start + elements * sizeBytes) {
    throw fail(
      start,
      `${elements} elements of ${sizeBytes} bytes are claimed, ${bytes.length - start} bytes are there`,
    )
  }
  const element = { kind, sizeBytes, isLittle: order !== '>' }
  const decoded = type ? readElements(bytes.subarray(start), element, elements) : undefined
  if (!decoded) {
    const text = `elements of type ${descr} are not supported; save numbers`
    throw inputError('NPY_TYPE', { file, type: descr }, text)
  }
  return isFortran
    ? { ...decoded, shape, values: toRowMajor(decoded.values, shape) }
    : { ...decoded, shape }
}

function parseHeader(text: string) {
  const descr = /'descr':\s*'([^']{1,16})'/.exec(text)?.[1]
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1]
  const sides = /'shape':\s*\(([\d, L]*)\)/.exec(text)?.[1]
  if (descr === undefined || order === undefined || sides === undefined) return undefined
  const shape = (sides.match(/\d+/g) ?? []).map(Number)
  if (shape.length > rankMax) return undefined
  return { descr, isFortran: order === 'True', shape }
}

/** From first-index-fastest to last-index-fastest order. */
function toRowMajor(values: DenseArray['values'], shape: readonly number[]): DenseArray['values'] {
  const turned = values.slice()
  const index = shape.map(() => 0)
  const strides = shape.map((_, i) => shape.slice(0, i).reduce((a, b) => a * b, 1))
  for (let to = 0; to < turned.length; to++) {
    let from = 0
    for (let axis = 0; axis < shape.length; axis++) {
      from += (index[axis] as number) * (strides[axis] as number)
    }
    turned[to] = values[from] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1
      if ((index[axis] as number) < (shape[axis] as number)) break
      index[axis] = 0
    }
  }
  return turned
}
