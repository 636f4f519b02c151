import type { FittedTarget } from '#wire/preprocessing.ts'
import { limits } from '#wire/limits.ts'
import { bounds } from './bounds.ts'
import { parseCell } from './column.ts'
import { inputError } from './fault.ts'
import type { Column, Table } from './table.ts'

export type Task = 'classify' | 'regress'

const usualNames = ['target', 'label', 'labels', 'class', 'y']

/** The column of a name or zero-based index. Throws COLUMN_MISSING with the names there are. */
export function findColumn(table: Table, name: string, file: string): Column {
  const index = /^\d{1,6}$/.test(name) ? Number(name) : -1
  const column = table.columns.find((candidate) => candidate.name === name) ?? table.columns[index]
  if (column) return column
  const available = table.columns.map((candidate) => candidate.name)
  const shown = available.slice(0, 20).join(', ') + (available.length > 20 ? ', …' : '')
  const text = `no column is named ${name}; there are: ${shown}`
  throw inputError(
    'COLUMN_MISSING',
    { file, column: name, available: available.slice(0, 100) },
    text,
  )
}

/** The column to predict: the named one, else one with a usual name, else the last. */
export function chooseTarget(table: Table, name: string | undefined, file: string): Column {
  if (name !== undefined) return findColumn(table, name, file)
  const usual = table.columns.filter((column) => usualNames.includes(column.name.toLowerCase()))
  const column = usual.length === 1 ? usual[0] : table.columns.at(-1)
  if (column) return column
  throw inputError('COLUMN_MISSING', { file, column: 'target' }, 'the file has no columns')
}

const classesGuessMax = 20

/** Text is classes; so are whole numbers of few different values. All else is a value to regress. */
export function guessTask(target: Column): Task {
  if (target.kind !== 'number') return 'classify'
  const seen = new Set<number>()
  for (const value of target.values) {
    if (Number.isNaN(value)) continue
    if (!Number.isInteger(value)) return 'regress'
    seen.add(value)
    if (seen.size > classesGuessMax) return 'regress'
  }
  return 'classify'
}

/** Whether the row has a value in this column. */
export function hasValue(column: Column, row: number): boolean {
  if (column.kind === 'number') return !Number.isNaN(column.values[row])
  return column.kind === 'category' && (column.codes[row] as number) >= 0
}

/** The value as text, undefined where it is missing. */
export function textOf(column: Column, row: number): string | undefined {
  if (!hasValue(column, row)) return undefined
  if (column.kind === 'number') return String(column.values[row])
  return column.kind === 'category' ? column.categories[column.codes[row] as number] : undefined
}

/** A number for each row's class, equal where the classes are; for stratified splits. */
export function classCodes(column: Column, rows: Uint32Array): Int32Array {
  if (column.kind === 'text') return new Int32Array(rows.length)
  if (column.kind === 'category') return Int32Array.from(rows, (row) => column.codes[row] as number)
  const codeOf = new Map<number, number>()
  return Int32Array.from(rows, (row) => {
    const value = column.values[row] as number
    const code = codeOf.get(value) ?? codeOf.size
    codeOf.set(value, code)
    return code
  })
}

/**
 * Fits the target on the training rows: sorted labels, or mean and deviation. Throws CLASS_SINGLE,
 * CLASSES_TOO_MANY, TARGET_NOT_NUMERIC, TARGET_CONSTANT or NUMBER_RANGE.
 */
export function fitTarget(
  column: Column,
  rows: Uint32Array,
  { task, file }: { task: Task; file: string },
): FittedTarget {
  return task === 'classify' ? fitClasses(column, rows, file) : fitValue(column, rows, file)
}

function fitClasses(column: Column, rows: Uint32Array, file: string): FittedTarget {
  const { name } = column
  const place = { file, column: name }
  const seen = new Set<string>()
  for (const row of rows) {
    const text = textOf(column, row)
    if (text !== undefined) seen.add(text)
  }
  if (column.kind === 'text' || seen.size > limits.classesMax) {
    const text = `more than ${limits.classesMax} classes; is it a value to regress, or free text?`
    throw inputError('CLASSES_TOO_MANY', place, text)
  }
  if (seen.size > 2 && seen.size > rows.length / 2) {
    const text = `${seen.size} classes in ${rows.length} rows are too many to learn`
    throw inputError('CLASSES_TOO_MANY', { ...place, classes: seen.size }, text)
  }
  if (seen.size < 2) {
    const text = `all rows are of one class (${[...seen][0] ?? 'missing'}); two are needed`
    throw inputError('CLASS_SINGLE', place, text)
  }
  return { kind: 'class', name, labels: sortLabels([...seen]) }
}

function sortLabels(labels: readonly string[]): string[] {
  const areNumbers = labels.every((label) => Number.isFinite(parseCell(label)))
  return labels.toSorted((a, b) => (areNumbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1))
}

function fitValue(column: Column, rows: Uint32Array, file: string): FittedTarget {
  const { name } = column
  const values = requireNumbers(column, file)
  const { mean, std } = momentsOf(values, rows)
  if (!(std >= bounds.deviationMin)) {
    throw inputError('TARGET_CONSTANT', { file, column: name }, 'all rows have the same value')
  }
  return { kind: 'value', name, mean, std }
}

/** The numbers of a target column, or TARGET_NOT_NUMERIC with a value that is none. */
function requireNumbers(column: Column, file: string): Float64Array {
  if (column.kind === 'number') return column.values
  const categories = column.kind === 'category' ? column.categories : []
  const example = categories.find((text) => parseCell(text) === undefined)
  const text = `regression needs numbers${example === undefined ? '' : `, but a value is ${JSON.stringify(example)}`}`
  throw inputError('TARGET_NOT_NUMERIC', { file, column: column.name, example }, text)
}

/** Mean and standard deviation of the present values, rounded to binary32; 0 and 0 where none is. */
export function momentsOf(values: Float64Array, rows: Uint32Array): { mean: number; std: number } {
  let count = 0
  let sum = 0
  for (const row of rows) {
    const value = values[row] as number
    if (Number.isNaN(value)) continue
    count += 1
    sum += value
  }
  const mean = count === 0 ? 0 : sum / count
  let squares = 0
  for (const row of rows) {
    const value = values[row] as number
    if (!Number.isNaN(value)) squares += (value - mean) * (value - mean)
  }
  const std = count === 0 ? 0 : Math.sqrt(squares / count)
  return { mean: Math.fround(mean), std: Math.fround(std) }
}

/** The target of rows as the model sees it: class numbers, or standardised values. Throws CLASS_UNKNOWN, TARGET_NOT_NUMERIC. */
export function encodeTarget(
  column: Column,
  rows: Uint32Array,
  { target, file }: { target: FittedTarget; file: string },
): Int32Array | Float32Array {
  if (target.kind === 'value') {
    const values = requireNumbers(column, file)
    return Float32Array.from(rows, (row) => {
      return Math.fround(Math.fround(values[row] as number) - target.mean) / target.std
    })
  }
  const codeOf = new Map(target.labels.map((label, code) => [label, code]))
  return Int32Array.from(rows, (row) => {
    const label = textOf(column, row)
    const code = label === undefined ? undefined : codeOf.get(label)
    if (code !== undefined) return code
    const text = `the class ${JSON.stringify(label)} is not among the training rows`
    throw inputError('CLASS_UNKNOWN', { file, column: column.name, label }, text)
  })
}
