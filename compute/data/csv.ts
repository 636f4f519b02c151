import { createColumn, parseCell, type ColumnBuilder } from './column.ts'
import { inputError } from './fault.ts'
import { readLines } from './lines.ts'
import { checkTableSize, unnamed, type Table } from './table.ts'

export type CsvOptions = {
  /** True: the first row is values. False: names. Unset: names unless half of its cells or more are numbers. */
  readonly noHeader?: boolean
  readonly signal?: AbortSignal
}

const columnCharsMax = 256

type Row = { readonly cells: readonly string[]; readonly line: number }

const delimiters = [',', '\t', ';'] as const

/**
 * Reads delimited text files (comma, tab or semicolon, told from the first row) as one table: the same columns in
 * each. Quoted cells may hold delimiters, doubled quotes and ends of lines; `#` lines before the first row are skipped,
 * as are empty lines. Throws FILE_EMPTY, ROW_RAGGED, QUOTE_INVALID, COLUMNS_DIFFER and the codes of `readLines`.
 */
export async function readCsv(files: readonly string[], options: CsvOptions = {}): Promise<Table> {
  let columns: ColumnBuilder[] | undefined
  let hasNames = false
  let rows = 0
  for (const file of files) {
    const rowsBefore = rows
    let isFirst = true
    for await (const { cells, line } of readRecords(file, options)) {
      if (isFirst) {
        isFirst = false
        const isHeader = !(options.noHeader ?? looksLikeValues(cells))
        checkTableSize({ rows, columns: cells.length }, { file, line })
        const names = isHeader ? uniqueNames(cells) : cells.map((_, i) => unnamed(i))
        if (columns) checkSameColumns(columns, { names, file, line, isHeader })
        else hasNames = isHeader
        columns ??= names.map((name) => createColumn(name))
        if (isHeader) continue
      }
      const own = columns as ColumnBuilder[]
      if (cells.length !== own.length) throw ragged({ file, line }, cells.length, own.length)
      for (let i = 0; i < own.length; i++) {
        own[i]?.addText(cells[i] as string, () => ({ file, line, column: i + 1 }))
      }
      rows += 1
      checkTableSize({ rows, columns: own.length }, { file, line })
    }
    if (rows === rowsBefore) throw inputError('FILE_EMPTY', { file }, 'it holds no rows')
  }
  return { rows, columns: (columns ?? []).map((column) => column.build()), hasNames }
}

function looksLikeValues(cells: readonly string[]): boolean {
  const numbers = cells.filter((cell) => cell !== '' && parseCell(cell) !== undefined)
  return numbers.length * 2 >= cells.length
}

function uniqueNames(cells: readonly string[]): string[] {
  const seen = new Set<string>()
  const repeats = new Map<string, number>()
  return cells.map((cell, i) => {
    const plain = cell === '' ? unnamed(i) : cell.slice(0, columnCharsMax)
    let name = plain
    let n = repeats.get(plain) ?? 0
    while (seen.has(name)) name = `${plain.slice(0, columnCharsMax - 8)}.${++n}`
    repeats.set(plain, n)
    seen.add(name)
    return name
  })
}

function checkSameColumns(
  columns: readonly ColumnBuilder[],
  next: { names: readonly string[]; file: string; line: number; isHeader: boolean },
) {
  const { names, file, line, isHeader } = next
  if (names.length !== columns.length) throw ragged({ file, line }, names.length, columns.length)
  const at = isHeader ? columns.findIndex((column, i) => column.name !== names[i]) : -1
  if (at < 0) return
  throw inputError(
    'COLUMNS_DIFFER',
    { file, line, column: at + 1 },
    `the column ${names[at]} stands where the first file has ${columns[at]?.name}`,
  )
}

function ragged(place: { file: string; line: number }, found: number, expected: number) {
  return inputError(
    'ROW_RAGGED',
    { ...place, found, expected },
    `the row has ${found} cells where ${expected} are expected`,
  )
}

async function* readRecords(file: string, { signal }: CsvOptions): AsyncGenerator<Row> {
  let delimiter: string | undefined
  let open: { text: string; line: number } | undefined
  for await (const lines of readLines(file, { signal })) {
    for (const line of lines) {
      if (!open && (line.text.trim() === '' || (!delimiter && line.text.startsWith('#')))) continue
      delimiter ??= sniff(line.text, file)
      const record: { text: string; line: number } = open
        ? { text: `${open.text}\n${line.text}`, line: open.line }
        : { text: line.text, line: line.number }
      const cells = split(record, { delimiter, file })
      if (cells) yield { cells, line: record.line }
      open = cells ? undefined : checkOpen(record, file)
    }
  }
  if (open) {
    const { line } = open
    throw inputError('QUOTE_INVALID', { file, line }, 'a quote opens here and is never closed')
  }
}

const recordCharsMax = 65_536
const recordLinesMax = 1000

/** A cell over several lines is bounded, so that one stray quote does not swallow the file. */
function checkOpen(record: { text: string; line: number }, file: string) {
  const isTooLong =
    record.text.length > recordCharsMax ||
    record.text.split('\n', recordLinesMax + 1).length > recordLinesMax
  if (!isTooLong) return record
  const { line } = record
  throw inputError('QUOTE_INVALID', { file, line }, 'a quote opens here and is not closed for long')
}

function sniff(text: string, file: string): string {
  if (file.replace(/\.gz$/i, '').toLowerCase().endsWith('.tsv')) return '\t'
  const bare = text.replaceAll(/"(?:[^"]|"")*"/g, '')
  const counts = delimiters.map((delimiter) => bare.split(delimiter).length)
  return delimiters[counts.indexOf(Math.max(...counts))] as string
}

/** The cells of a record, or undefined while a quote is still open. */
function split(
  record: { text: string; line: number },
  { delimiter, file }: { delimiter: string; file: string },
): string[] | undefined {
  const { text } = record
  if (!text.includes('"')) return text.split(delimiter).map((cell) => cell.trim())
  const cells: string[] = []
  for (let at = 0; ; at++) {
    const start = skipSpaces(text, at, delimiter)
    if (text[start] === '"') {
      const end = closingQuote(text, start + 1)
      if (end < 0) return undefined
      cells.push(text.slice(start + 1, end).replaceAll('""', '"'))
      at = skipSpaces(text, end + 1, delimiter)
      if (at < text.length && text[at] !== delimiter) {
        const place = { file, line: record.line, column: cells.length }
        throw inputError('QUOTE_INVALID', place, 'text follows a closing quote')
      }
    } else {
      const end = text.indexOf(delimiter, at)
      const stop = end < 0 ? text.length : end
      cells.push(text.slice(at, stop).trim())
      at = stop
    }
    if (at >= text.length) return cells
  }
}

function skipSpaces(text: string, from: number, delimiter: string): number {
  let at = from
  while (at < text.length && text[at] !== delimiter && (text[at] === ' ' || text[at] === '\t')) at++
  return at
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at
  }
  return -1
}
