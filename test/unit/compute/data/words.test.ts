import { describe, expect, test } from 'vitest'
import { prepareJob } from '#compute/data/prepare.ts'
import { readCsv } from '#compute/data/csv.ts'
import { termsOf } from '#compute/data/words.ts'
import { decodeRows } from '#compute/train/rows.ts'
import { encodeSafetensors } from '#compute/export/safetensors.ts'
import { fieldsOf, scratch } from './scratch.ts'

const csvOf = (texts: readonly string[], more = '') =>
  scratch(
    'a.csv',
    `text,label\n${texts.map((text, i) => `"${text}",${i % 2}`).join('\n')}\n${more}`,
  )

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `text number ${i}`)

describe('termsOf', () => {
  test('gives words in lower case and pairs of neighbours', () => {
    expect(termsOf("Don't worry, BE happy!")).toEqual([
      "don't",
      'worry',
      "don't worry",
      'be',
      'worry be',
      'happy',
      'be happy',
    ])
    expect(termsOf('Größe 42 \u{1F600}')).toEqual(['größe', '42', 'größe 42'])
    expect(termsOf(`${'x'.repeat(65)} y ...`)).toEqual(['y'])
    expect(termsOf('')).toEqual([])
  })
})

describe('a table of one text column and a target', () => {
  test('becomes a bag of embeddings of the words of the training part', async () => {
    const job = await prepareJob([csvOf(numbered(60))])
    const { preprocessing, train } = job
    expect(preprocessing).toMatchObject({ kind: 'words', words: ['number', 'text', 'text number'] })
    expect(train.inputShape).toEqual([3])
    const { x } = decodeRows(job.trainSet.bytes, train)
    expect([...x.subarray(0, 3)]).toEqual([1, 0, 2])
  })

  test('keeps texts that are too long for categories', async () => {
    const long = numbered(60).map((text) => `${text} ${'word '.repeat(80)}`)
    const file = csvOf(long)
    const [column] = (await readCsv([file])).columns
    expect(column).toEqual({ kind: 'text', name: 'text', texts: long })
    const job = await prepareJob([file])
    expect(job.train.model.kind).toBe('embeddingBag')
    expect(job.heldOut.rows).toBe(12)
  })

  test('stays a table where the model is named or other columns count', async () => {
    const { code } = await fieldsOf(prepareJob([csvOf(numbered(60))], { model: 'mlp' }))
    expect(code).toBe('COLUMNS_MISSING')
    const lines = numbered(60).map((text, i) => `${text},${i % 7},${i % 2}`)
    const job = await prepareJob([scratch('b.csv', `text,n,label\n${lines.join('\n')}\n`)])
    expect(job.preprocessing.kind).toBe('table')
  })

  test('COLUMNS_MISSING where no word comes twice', async () => {
    const texts = Array.from({ length: 60 }, (_, i) => `w${i}`)
    expect(await fieldsOf(prepareJob([csvOf(texts)]))).toMatchObject({
      code: 'COLUMNS_MISSING',
      column: 'text',
    })
  })
})

test('ROWS_INVALID names a token that the vocabulary has not', async () => {
  const { train } = await prepareJob([csvOf(numbered(60))])
  for (const token of [3, -2]) {
    const bytes = encodeSafetensors({
      x: { dtype: 'I32', shape: [1, 3], values: Int32Array.of(0, token, -1) },
      y: { dtype: 'I32', shape: [1], values: Int32Array.of(1) },
    })
    const { code, reason } = await fieldsOf(() => decodeRows(bytes, train))
    expect([code, reason]).toEqual([
      'ROWS_INVALID',
      `x has the token ${token}, which the vocabulary has not`,
    ])
  }
})
