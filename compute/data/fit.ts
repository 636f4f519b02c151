import type { FittedColumn } from '#wire/preprocessing.ts'
import { limits } from '#wire/limits.ts'
import { bounds } from './bounds.ts'
import { parseCell } from './column.ts'
import { inputError } from './fault.ts'
import type { Column, ImageSet, NumberColumn, Table } from './table.ts'
import { findColumn, momentsOf, textOf } from './target.ts'

const oneHotMax = 32

export type FittedTable = {
  readonly columns: FittedColumn[]
  /** For the user: which columns are left out and why. */
  readonly notes: string[]
}

/**
 * Fits each column on the training rows alone: numbers get a median (for missing values), mean and deviation,
 * texts their most frequent values. Columns that are constant or nearly all different texts are left out. Throws
 * COLUMNS_MISSING when none is left.
 */
export function fitColumns(
  columns: readonly Column[],
  rows: Uint32Array,
  file: string,
): FittedTable {
  const fitted: FittedColumn[] = []
  const notes: string[] = []
  const commonStd = commonStdOf(columns, rows)
  for (const column of columns) {
    const one =
      column.kind === 'number' ? fitNumber(column, rows, commonStd) : fitCategory(column, rows)
    if (typeof one === 'string') notes.push(`column ${column.name} is left out: ${one}`)
    else fitted.push(one)
  }
  if (fitted.length === 0) {
    throw inputError(
      'COLUMNS_MISSING',
      { file },
      `no column is left to learn from; ${notes.join('; ')}`,
    )
  }
  const width = widthOf(fitted)
  if (width > limits.columnsMax || width * rows.length > bounds.cellsMax) {
    throw inputError(
      'TABLE_TOO_LARGE',
      { file },
      `${width} features of ${rows.length} rows are too many`,
    )
  }
  return { columns: fitted, notes }
}

/** Features that fitted columns make. */
export function widthOf(columns: readonly FittedColumn[]): number {
  return columns.reduce(
    (sum, column) => sum + (column.kind === 'number' ? 1 : column.categories.length),
    0,
  )
}

function fitNumber(
  column: NumberColumn,
  rows: Uint32Array,
  commonStd: number | undefined,
): FittedColumn | string {
  const { name, values } = column
  const { mean, std } = momentsOf(values, rows)
  if (!(std >= bounds.deviationMin)) return 'it is constant'
  return { kind: 'number', name, fill: medianOf(values, rows), mean, std: commonStd ?? std }
}

const commonColumnsMin = 16

/**
 * One deviation for all columns where they count in the same unit (pixels, word counts, answers from 0 to 10): then
 * the small deviations of rarely used columns mean little, and must not be blown up. Undefined for other tables.
 */
function commonStdOf(columns: readonly Column[], rows: Uint32Array): number | undefined {
  const numbers = columns.filter((column) => column.kind === 'number')
  if (numbers.length < commonColumnsMin || numbers.length < columns.length) return undefined
  const tops: number[] = []
  for (const { values } of numbers) {
    let top = 0
    for (const row of rows) {
      const value = values[row] as number
      if (!Number.isInteger(value) || value < 0) return undefined
      top = Math.max(top, value)
    }
    tops.push(top)
  }
  const most = tops.reduce((a, b) => Math.max(a, b), 0)
  if (tops.filter((top) => top === most).length * 2 < tops.length) return undefined
  const squares = numbers.map(({ values }) => {
    const { std } = momentsOf(values, rows)
    return std * std
  })
  const std = Math.fround(Math.sqrt(squares.reduce((a, b) => a + b, 0) / squares.length))
  return std >= bounds.deviationMin ? std : undefined
}

function medianOf(values: Float64Array, rows: Uint32Array): number {
  const present = Float64Array.from(rows, (row) => values[row] as number)
    .filter((value) => !Number.isNaN(value))
    .toSorted()
  return Math.fround(present[present.length >>> 1] ?? 0)
}

function fitCategory(
  column: Exclude<Column, { kind: 'number' }>,
  rows: Uint32Array,
): FittedColumn | string {
  const { name } = column
  if (column.kind === 'text') return 'it is free text'
  const counts = new Map<string, number>()
  for (const row of rows) {
    const text = textOf(column, row)
    if (text !== undefined) counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  if (counts.size > oneHotMax && counts.size > rows.length / 2) {
    return 'nearly all of its texts are different'
  }
  const frequent = [...counts.entries()]
    .toSorted(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, oneHotMax)
    .map(([text]) => text)
    .toSorted()
  if (
    frequent.length === 0 ||
    (frequent.length === 1 && counts.get(frequent[0] as string) === rows.length)
  ) {
    return 'it is constant'
  }
  return { kind: 'category', name, categories: frequent }
}

/**
 * The model's input of rows, [rows, features] in binary32, by the operations and in the order that graph.onnx
 * repeats: (v - mean) / std, one-hot. Throws COLUMN_MISSING or COLUMN_NOT_NUMERIC.
 */
export function applyColumns(
  table: Table,
  rows: Uint32Array,
  { columns, file }: { columns: readonly FittedColumn[]; file: string },
): Float32Array<ArrayBuffer> {
  const width = widthOf(columns)
  const x = new Float32Array(rows.length * width)
  let at = 0
  for (const fitted of columns) {
    const column = findColumn(table, fitted.name, file)
    if (fitted.kind === 'number') {
      const values = numbersOf(column, file)
      for (let n = 0; n < rows.length; n++) {
        const value = values[rows[n] as number] as number
        const known = Number.isNaN(value) ? fitted.fill : Math.fround(value)
        x[n * width + at] = Math.fround(known - fitted.mean) / fitted.std
      }
      at += 1
    } else {
      const codes = codesOf(column, fitted.categories)
      for (let n = 0; n < rows.length; n++) {
        const code = codes(rows[n] as number)
        if (code !== undefined) x[n * width + at + code] = 1
      }
      at += fitted.categories.length
    }
  }
  return x
}

function numbersOf(column: Column, file: string): Float64Array {
  if (column.kind === 'number') return column.values
  const { name } = column
  const categories = column.kind === 'category' ? column.categories : []
  const example = categories.find((text) => parseCell(text) === undefined)
  const text = `the column ${name} held numbers in training, now ${JSON.stringify(example ?? 'text')}`
  throw inputError('COLUMN_NOT_NUMERIC', { file, column: name, example }, text)
}

function codesOf(column: Column, categories: readonly string[]) {
  const codeOf = new Map(categories.map((text, code) => [text, code]))
  return (row: number) => {
    const text = textOf(column, row)
    return text === undefined ? undefined : codeOf.get(text)
  }
}

/** The divisor of pixels: 255 for bytes that use their range, else the largest magnitude of the training part. */
export function fitDivisor(images: Pick<ImageSet, 'shape' | 'pixels'>, rows: Uint32Array): number {
  const [channels, height, width] = images.shape
  const size = channels * height * width
  let largest = 0
  for (const row of rows) {
    for (let at = row * size; at < (row + 1) * size; at++) {
      largest = Math.max(largest, Math.abs(images.pixels[at] as number))
    }
  }
  if (images.pixels instanceof Uint8Array && largest > 127) return 255
  return largest > 0 ? Math.fround(largest) : 1
}

/** The model's input of images: pixels / divisor, [rows, channels, height, width] in binary32. */
export function applyImages(
  images: Pick<ImageSet, 'shape' | 'pixels'>,
  rows: Uint32Array,
  divisor: number,
): Float32Array<ArrayBuffer> {
  const [channels, height, width] = images.shape
  const size = channels * height * width
  const x = new Float32Array(rows.length * size)
  for (let n = 0; n < rows.length; n++) {
    const from = (rows[n] as number) * size
    for (let at = 0; at < size; at++) {
      x[n * size + at] = Math.fround(images.pixels[from + at] as number) / divisor
    }
  }
  return x
}

/** Rows of a table as images: `columns` in their order are the pixels. Missing pixels are 0. */
export function imagesOfTable(
  table: Table,
  columns: readonly string[],
  { shape, file }: { shape: ImageSet['shape']; file: string },
): ImageSet {
  const pixels = new Float32Array(table.rows * columns.length)
  for (const [i, name] of columns.entries()) {
    const column = findColumn(table, name, file)
    const values = numbersOf(column, file)
    for (let row = 0; row < table.rows; row++) {
      const value = values[row] as number
      pixels[row * columns.length + i] = Number.isNaN(value) ? 0 : value
    }
  }
  return { rows: table.rows, shape, pixels }
}
