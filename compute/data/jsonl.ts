import { createColumn, type ColumnBuilder } from './column.ts'
import { inputError } from './fault.ts'
import { readLines } from './lines.ts'
import { checkTableSize, type Table } from './table.ts'

/**
 * Reads files of one JSON object a line as one table: keys are columns, in the order of their first appearance.
 * A key that a row lacks, and null, are missing values; true and false count as categories. Throws JSONL_INVALID
 * (a line that is no object), JSONL_VALUE (an array or object as a value), FILE_EMPTY and the codes of `readLines`.
 */
export async function readJsonl(
  files: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Table> {
  const columns = new Map<string, ColumnBuilder>()
  let rows = 0
  for (const file of files) {
    const rowsBefore = rows
    for await (const lines of readLines(file, options)) {
      for (const { text, number: line } of lines) {
        if (text.trim() === '') continue
        addRow(columns, parseRow(text, { file, line }), { rows, file, line })
        rows += 1
        checkTableSize({ rows, columns: columns.size }, { file, line })
      }
    }
    if (rows === rowsBefore) throw inputError('FILE_EMPTY', { file }, 'it holds no rows')
  }
  return { rows, columns: [...columns.values()].map((column) => column.build()), hasNames: true }
}

function parseRow(text: string, place: { file: string; line: number }): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw inputError('JSONL_INVALID', place, 'the line is not JSON')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw inputError('JSONL_INVALID', place, 'the line is not a JSON object')
}

function addRow(
  columns: Map<string, ColumnBuilder>,
  row: object,
  at: { rows: number; file: string; line: number },
) {
  const { rows, file, line } = at
  const fields = new Map<string, unknown>(Object.entries(row))
  for (const name of fields.keys()) {
    if (columns.has(name)) continue
    if (name === '' || name.length > 256) {
      throw inputError('JSONL_INVALID', { file, line }, 'a key is empty or too long')
    }
    const column = createColumn(name)
    checkTableSize({ rows: rows + 1, columns: columns.size + 1 }, { file, line })
    for (let i = 0; i < rows; i++) column.addMissing()
    columns.set(name, column)
  }
  for (const [name, column] of columns) {
    const place = () => ({ file, line, column: name })
    const value = fields.get(name)
    if (value === undefined || value === null) column.addMissing()
    else if (typeof value === 'number') column.addNumber(value, place)
    else if (typeof value === 'string') column.addText(value, place)
    else if (typeof value === 'boolean') column.addCategory(String(value))
    else throw inputError('JSONL_VALUE', place(), 'the value is neither number nor text')
  }
}
