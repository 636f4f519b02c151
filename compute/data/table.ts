import { limits } from '#wire/limits.ts'
import { bounds } from './bounds.ts'
import { inputError, type Place } from './fault.ts'

/** Missing numbers are NaN, missing categories code -1. A text column had too many categories to keep. */
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
export type TextColumn = { readonly kind: 'text'; readonly name: string }
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

const missingTexts = new Set(
  ['', '?', '-', 'NA', 'N/A', 'na', 'n/a', 'nan', 'NaN', 'NAN', 'null', 'NULL', 'None'].concat([
    'inf',
    '-inf',
    '+inf',
    'Inf',
    '-Inf',
    'Infinity',
    '-Infinity',
  ]),
)
const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** The number that a cell spells, NaN where it is missing, undefined where it is something else. */
export function parseCell(text: string): number | undefined {
  if (numberPattern.test(text)) return Number(text)
  return missingTexts.has(text) ? Number.NaN : undefined
}

/** Gathers one column cell by cell; it is numeric until the first cell that is neither number nor missing. */
export class ColumnBuilder {
  readonly name: string
  #numbers = new Float64Array(256)
  #codes: Int32Array | undefined
  readonly #codeOf = new Map<string, number>()
  #isText = false
  #rows = 0

  constructor(name: string) {
    this.name = name
  }

  /** Adds a cell; `place` is asked only when the value is refused (NUMBER_RANGE). */
  addText(text: string, place: () => Place) {
    const value = parseCell(text)
    if (value === undefined) this.#addCategory(text)
    else this.addNumber(value, place)
  }

  addNumber(value: number, place: () => Place) {
    if (Math.abs(value) > bounds.magnitudeMax) {
      throw inputError(
        'NUMBER_RANGE',
        { ...place(), value },
        `${value} is beyond ${bounds.magnitudeMax}`,
      )
    }
    if (this.#codes) return this.#addCategory(Number.isNaN(value) ? undefined : String(value))
    this.#grow()
    this.#numbers[this.#rows++] = value
  }

  addCategory(text: string) {
    this.#addCategory(text)
  }

  addMissing() {
    if (this.#codes) return this.#addCategory(undefined)
    this.#grow()
    this.#numbers[this.#rows++] = Number.NaN
  }

  build(): Column {
    const { name } = this
    if (this.#isText) return { kind: 'text', name }
    if (!this.#codes) return { kind: 'number', name, values: this.#numbers.slice(0, this.#rows) }
    const codes = this.#codes.slice(0, this.#rows)
    return { kind: 'category', name, codes, categories: [...this.#codeOf.keys()] }
  }

  #addCategory(text: string | undefined) {
    this.#codes ??= this.#turnIntoCategories()
    if (this.#isText) return
    this.#grow()
    this.#codes[this.#rows++] = text === undefined ? -1 : this.#code(text)
  }

  #turnIntoCategories(): Int32Array {
    const codes = new Int32Array(this.#numbers.length)
    for (let row = 0; row < this.#rows; row++) {
      const value = this.#numbers[row] as number
      codes[row] = Number.isNaN(value) ? -1 : this.#code(String(value))
    }
    this.#numbers = new Float64Array(0)
    return codes
  }

  #code(text: string): number {
    const known = this.#codeOf.get(text)
    if (known !== undefined) return known
    if (this.#codeOf.size >= bounds.categoriesMax || text.length > bounds.categoryCharsMax) {
      this.#isText = true
      this.#codeOf.clear()
      return -1
    }
    this.#codeOf.set(text, this.#codeOf.size)
    return this.#codeOf.size - 1
  }

  #grow() {
    const values = this.#codes ?? this.#numbers
    if (this.#rows < values.length) return
    const length = Math.max(256, values.length * 2)
    if (this.#codes) {
      const grown = new Int32Array(length)
      grown.set(this.#codes)
      this.#codes = grown
    } else {
      const grown = new Float64Array(length)
      grown.set(this.#numbers)
      this.#numbers = grown
    }
  }
}

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
