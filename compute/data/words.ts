import type { WordsPreprocessing } from '#wire/preprocessing.ts'
import { limits } from '#wire/limits.ts'
import { bounds } from './bounds.ts'
import { inputError } from './fault.ts'
import type { Column, Table } from './table.ts'
import { findColumn, textOf } from './target.ts'

const wordPattern = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu
const wordCharsMax = 64
const countMin = 2
const distinctMax = 32

/** Words of a text in lower case, each followed by the pair that it makes with the word before it. */
export function termsOf(text: string): string[] {
  const words = (text.toLowerCase().match(wordPattern) ?? []).map((word) => word.replace('’', "'"))
  return words
    .filter((word) => word.length <= wordCharsMax)
    .flatMap((word, i, all) => (i === 0 ? [word] : [word, `${all[i - 1] ?? ''} ${word}`]))
}

/** Whether a column holds texts that are nearly all different, rather than categories. */
export function isFreeText(column: Column, rows: Uint32Array): boolean {
  if (column.kind === 'text') return column.texts !== undefined
  if (column.kind === 'number') return false
  const distinct = new Set(Array.from(rows, (row) => column.codes[row]))
  return distinct.size > distinctMax && distinct.size > rows.length / 2
}

/** A row's text, empty where it is missing. */
function cellOf(column: Column, row: number): string {
  return (column.kind === 'text' ? column.texts?.[row] : textOf(column, row)) ?? ''
}

/**
 * Learns the words of a text column on the training rows: those, and pairs of neighbours, that come twice, the most
 * frequent first. Throws COLUMNS_MISSING where no word comes twice.
 */
export function fitWords(
  column: Column,
  rows: Uint32Array,
  file: string,
): Pick<WordsPreprocessing, 'column' | 'words' | 'tokensMax'> {
  const counts = new Map<string, number>()
  for (const row of rows) {
    for (const term of termsOf(cellOf(column, row))) {
      const count = counts.get(term)
      if (count !== undefined) counts.set(term, count + 1)
      else if (counts.size < bounds.termsMax) counts.set(term, 1)
    }
  }
  const words = [...counts]
    .filter(([, count]) => count >= countMin)
    .toSorted(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, limits.termsMax)
    .map(([term]) => term)
  if (words.length === 0) {
    const text = `no word of the column ${column.name} comes twice`
    throw inputError('COLUMNS_MISSING', { file, column: column.name }, text)
  }
  const codeOf = codesOf(words)
  const longest = rows.reduce(
    (most, row) => Math.max(most, tokensOf(cellOf(column, row), codeOf).length),
    1,
  )
  return { column: column.name, words, tokensMax: Math.min(longest, limits.bagTokensMax) }
}

function codesOf(words: readonly string[]): ReadonlyMap<string, number> {
  return new Map(words.map((word, code) => [word, code]))
}

function tokensOf(text: string, codeOf: ReadonlyMap<string, number>): number[] {
  return termsOf(text)
    .map((term) => codeOf.get(term))
    .filter((code) => code !== undefined)
}

/**
 * The model's input of rows: [rows, tokensMax] places in the list of words, -1 behind the last. Unknown words and what
 * is beyond `tokensMax` are left out. Throws COLUMN_MISSING.
 */
export function applyWords(
  table: Table,
  rows: Uint32Array,
  { words, tokensMax, column: name, file }: WordsPreprocessing & { file: string },
): Float32Array<ArrayBuffer> {
  const column = findColumn(table, name, file)
  const codeOf = codesOf(words)
  const x = new Float32Array(rows.length * tokensMax).fill(-1)
  for (const [n, row] of rows.entries()) {
    x.set(tokensOf(cellOf(column, row), codeOf).slice(0, tokensMax), n * tokensMax)
  }
  return x
}
