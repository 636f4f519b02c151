import { limits } from '#wire/limits.ts'
import { bounds } from './bounds.ts'
import { inputError, type Place } from './fault.ts'

/** Missing numbers are NaN, missing categories code -1. A text column has too many categories. */
export type NumberColumn = {
  readonly kind: 'number'
  readonly name: string
  readonly values: Float64Array
}
export type CategoryColumn = {
  readonly kind: 'category'
  readonly name: string
  readonly codes: Int32Array
  readonly categories: readonly string[]
}
export type TextColumn = {
  readonly kind: 'text'
  readonly name: string
  /** Undefined where they are too long to be kept. */
  readonly texts?: readonly (string | undefined)[]
}
export type Column = NumberColumn | CategoryColumn | TextColumn

export type Table = {
  readonly rows: number
  readonly columns: readonly Column[]
  /** False when the file named no columns; then their names are column0, column1, … */
  readonly hasNames: boolean
}

/** Images [rows, channels, height, width]; labels where the files had them. */
export type ImageSet = {
  readonly rows: number
  readonly shape: readonly [number, number, number]
  readonly pixels: Uint8Array | Float32Array
  readonly labels?: Column
}

export type Dataset =
  | { readonly kind: 'table'; readonly table: Table }
  | { readonly kind: 'image'; readonly images: ImageSet }

/** Refuses tables beyond the limits: ROWS_TOO_MANY, COLUMNS_TOO_MANY, TABLE_TOO_LARGE. */
export function checkTableSize(size: { rows: number; columns: number }, place: Place) {
  const { rows, columns } = size
  if (columns > limits.columnsMax) {
    throw inputError(
      'COLUMNS_TOO_MANY',
      { ...place, columns },
      `more than ${limits.columnsMax} columns`,
    )
  }
  if (rows > limits.rowsMax) {
    throw inputError('ROWS_TOO_MANY', place, `more than ${limits.rowsMax} rows`)
  }
  if (rows * columns > bounds.cellsMax) {
    throw inputError('TABLE_TOO_LARGE', place, `more than ${bounds.cellsMax} cells`)
  }
}

/** The name of a column that the file does not name. */
export function unnamed(index: number): string {
  return `column${index}`
}
