import type { DenseArray } from './array.ts'
import { inputError } from './fault.ts'
import { checkTableSize, unnamed, type Dataset, type ImageSet, type NumberColumn } from './table.ts'

/** Rows (images or vectors) with labels where there are some; `file` is named in errors. */
export type Rows = { readonly x: DenseArray; readonly y?: DenseArray; readonly file: string }

/** Several parts one after another, as a table (rows are vectors) or images (rows are 2-D or 3-D). */
export function assemble(parts: readonly Rows[]): Dataset {
  const whole = parts.reduce(join)
  const { x, file } = whole
  const rows = x.shape[0] ?? 0
  if (rows === 0) throw inputError('FILE_EMPTY', { file }, 'it holds no rows')
  const labels = whole.y && labelsOf(whole.y, rows, file)
  if (x.shape.length <= 2) return { kind: 'table', table: tableOf(x, labels, file) }
  return { kind: 'image', images: imagesOf(x, labels, file) }
}

function join(a: Rows, b: Rows): Rows {
  const place = { file: b.file }
  if ((a.y === undefined) !== (b.y === undefined)) {
    throw inputError('LABELS_MISSING', place, 'some files have labels, others have none')
  }
  const y = a.y && b.y && joinArrays(a.y, b.y, b.file)
  return { x: joinArrays(a.x, b.x, b.file), y, file: a.file }
}

function joinArrays(a: DenseArray, b: DenseArray, file: string): DenseArray {
  const [rowsA = 0, ...shapeA] = a.shape
  const [rowsB = 0, ...shapeB] = b.shape
  if (shapeA.join() !== shapeB.join() || a.isBytes !== b.isBytes) {
    const text = `its rows are ${shapeB.join('x')}, those before ${shapeA.join('x')}, or of another type`
    throw inputError('COLUMNS_DIFFER', { file }, text)
  }
  const length = a.values.length + b.values.length
  const values = a.isBytes ? new Uint8Array(length) : new Float64Array(length)
  values.set(a.values)
  values.set(b.values, a.values.length)
  return { shape: [rowsA + rowsB, ...shapeA], values, isBytes: a.isBytes }
}

function labelsOf(y: DenseArray, rows: number, file: string): NumberColumn {
  if (y.values.length !== rows || (y.shape[0] ?? 0) !== rows) {
    const text = `${rows} rows, but labels of shape ${y.shape.join('x')}`
    throw inputError('ROWS_MISMATCH', { file, rows, labels: y.shape[0] }, text)
  }
  return { kind: 'number', name: 'label', values: Float64Array.from(y.values) }
}

function tableOf(x: DenseArray, labels: NumberColumn | undefined, file: string) {
  const [rows = 0, width = 1] = x.shape
  if (width === 0) throw inputError('FILE_EMPTY', { file }, 'its rows hold no columns')
  checkTableSize({ rows, columns: width + 1 }, { file })
  const columns = Array.from({ length: width }, (_, column): NumberColumn => {
    const values = new Float64Array(rows)
    for (let row = 0; row < rows; row++) values[row] = x.values[row * width + column] as number
    return { kind: 'number', name: unnamed(column), values }
  })
  return { rows, columns: labels ? [...columns, labels] : columns, hasNames: false }
}

function imagesOf(x: DenseArray, labels: NumberColumn | undefined, file: string): ImageSet {
  const [rows = 0, ...sides] = x.shape
  if (sides.length > 3 || sides.some((side) => side < 1 || side > 4096)) {
    throw inputError('IMAGE_SHAPE', { file }, `rows of shape ${sides.join('x')} are not images`)
  }
  const pixels = x.values instanceof Float64Array ? Float32Array.from(x.values) : x.values
  if (!x.isBytes && !pixels.every((value) => Number.isFinite(value))) {
    throw inputError('IMAGE_VALUE', { file }, 'a pixel is not a finite number')
  }
  const [a = 1, b = 1, c] = sides
  if (c === undefined) return { rows, shape: [1, a, b], pixels, labels }
  const hasChannelsLast = c <= 4 && a > 4
  if (!hasChannelsLast) return { rows, shape: [a, b, c], pixels, labels }
  return { rows, shape: [c, a, b], pixels: channelsFirst(pixels, a * b, c), labels }
}

/** [rows, area, channels] to [rows, channels, area]. */
function channelsFirst(pixels: ImageSet['pixels'], area: number, channels: number) {
  const turned = pixels.slice()
  const size = area * channels
  for (let from = 0; from < pixels.length; from += size) {
    for (let channel = 0; channel < channels; channel++) {
      for (let at = 0; at < area; at++) {
        turned[from + channel * area + at] = pixels[from + at * channels + channel] as number
      }
    }
  }
  return turned
}
