import { bounds } from './bounds.ts'
import { inputError, type Place } from './fault.ts'
import type { Column } from './table.ts'

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
/** Each text matches in one way only, so that no cell takes more than linear time. */
const numberPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** The number that a cell spells, NaN where it is missing, undefined where it is something else. */
export function parseCell(text: string): number | undefined {
  if (numberPattern.test(text)) return Number(text)
  return missingTexts.has(text) ? Number.NaN : undefined
}

/** Gathers one column cell by cell; it is numeric until the first cell that is neither number nor missing. */
export interface ColumnBuilder {
  readonly name: string
  /** Adds a cell; `place` is asked only when the value is refused (NUMBER_RANGE). */
  addText(text: string, place: () => Place): void
  addNumber(value: number, place: () => Place): void
  addCategory(text: string): void
  addMissing(): void
  build(): Column
}

export function createColumn(name: string): ColumnBuilder {
  let numbers = createList(Float64Array)
  let categories: CategoryList | undefined

  function pushCategory(text: string | undefined) {
    if (!categories) {
      categories = createCategoryList()
      for (const value of numbers.values()) categories.push(textOf(value))
      numbers = createList(Float64Array)
    }
    categories.push(text)
  }

  function addNumber(value: number, place: () => Place) {
    if (Math.abs(value) > bounds.magnitudeMax) {
      const text = `${value} is beyond ${bounds.magnitudeMax}`
      throw inputError('NUMBER_RANGE', { ...place(), value }, text)
    }
    if (categories) categories.push(textOf(value))
    else numbers.push(value)
  }

  return {
    name,
    addNumber,
    addText(text, place) {
      const value = parseCell(text)
      if (value === undefined) pushCategory(text)
      else addNumber(value, place)
    },
    addCategory: pushCategory,
    addMissing() {
      if (categories) categories.push(undefined)
      else numbers.push(Number.NaN)
    },
    build: () => categories?.build(name) ?? { kind: 'number', name, values: numbers.values() },
  }
}

/** A number among categories goes by its shortest text. */
function textOf(value: number): string | undefined {
  return Number.isNaN(value) ? undefined : String(value)
}

interface CategoryList {
  push(text: string | undefined): void
  build(name: string): Column
}

/** Texts by their codes, until they are too many or too long to be categories; then as they are, until too much. */
function createCategoryList(): CategoryList {
  const codes = createList(Int32Array)
  const codeOf = new Map<string, number>()
  let texts: (string | undefined)[] | undefined
  let chars = 0
  let isFull = false

  function encode(text: string): number {
    const known = codeOf.get(text)
    if (known !== undefined) return known
    const code = codeOf.size
    isFull = code >= bounds.categoriesMax || text.length > bounds.categoryCharsMax
    codeOf.set(text, code)
    return code
  }

  function keep(text: string | undefined): void {
    chars += text?.length ?? 0
    if (chars > bounds.textCharsMax) texts = undefined
    texts?.push(text)
  }

  return {
    push(text) {
      if (isFull) {
        keep(text)
        return
      }
      codes.push(text === undefined ? -1 : encode(text))
      if (!isFull) return
      texts = []
      const known = [...codeOf.keys()]
      for (const code of codes.values()) keep(known[code])
    },
    build(name) {
      if (isFull) return { kind: 'text', name, ...(texts && { texts }) }
      return { kind: 'category', name, codes: codes.values(), categories: [...codeOf.keys()] }
    },
  }
}

const lengthAtFirst = 256

/** A typed array that grows. */
function createList<T extends Float64Array | Int32Array>(Values: new (length: number) => T) {
  let held = new Values(lengthAtFirst)
  let length = 0
  return {
    push(value: number) {
      if (length === held.length) {
        const grown = new Values(length * 2)
        grown.set(held)
        held = grown
      }
      held[length] = value
      length += 1
    },
    values: () => held.slice(0, length) as T,
  }
}
