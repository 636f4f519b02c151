import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { prepareJob } from '#compute/data/prepare.ts'
import type { PreparedJob, PrepareOptions } from '#compute/data/prepared.ts'
import { decodeSafetensors, takeTensor } from '#compute/export/safetensors.ts'
import { preprocessingSchema } from '#wire/preprocessing.ts'
import { byteOf, tokensOfBytes, vocabulary } from '#wire/vocabulary.ts'
import { fieldsOf, scratch } from './scratch.ts'

/** No two places of it look alike. */
const text = Array.from({ length: 500 }, (_, i) => `${i} ${(i * 7919) % 10_007}\n`).join('')
const context = 16

const prepare = (files: string[], options: PrepareOptions = {}) =>
  prepareJob(files, { task: 'language-model', context, ...options })

/** Rows of tokens, x with the token that follows the last. */
function rowsOf({ bytes, rows }: PreparedJob['trainSet']): Int32Array[] {
  const file = decodeSafetensors(bytes)
  const [x, y] = [takeTensor(file, 'x', 'I32'), takeTensor(file, 'y', 'I32')]
  expect([x.shape, y.shape]).toEqual([
    [rows, context],
    [rows, context],
  ])
  return Array.from({ length: rows }, (_, row) => {
    const own = x.values.subarray(row * context, (row + 1) * context)
    const next = y.values.subarray(row * context, (row + 1) * context)
    expect([...next.subarray(0, -1)]).toEqual([...own.subarray(1)])
    return Int32Array.from([...own, ...next.subarray(-1)])
  })
}

/** The text that rows in their order give. */
function textOf(rows: Int32Array[]): string {
  const tokens = rows.flatMap((row) => [...row.subarray(0, -1)])
  const bytes = tokens.map(byteOf).filter((byte) => byte !== undefined)
  return new TextDecoder().decode(Uint8Array.from(bytes))
}

describe('prepareJob for a language model', () => {
  test('cuts the text into rows, the last part held out', async () => {
    const job = await prepare([scratch('a.txt', text)])
    expect(job).toMatchObject({ task: 'language-model', metric: 'accuracy' })
    expect(preprocessingSchema.parse(job.preprocessing)).toEqual({
      kind: 'text',
      vocabulary: 'bytes',
    })
    expect(job.train).toMatchObject({ inputShape: [context], outputs: 257 })
    const tokens = text.length + 1
    const held = Math.round(tokens * 0.1)
    expect(job.trainSet.rows).toBe(Math.floor((tokens - held - 1) / context))
    expect(job.heldOut.rows).toBe(Math.floor((held - 1) / context))
    const heldText = textOf(rowsOf(job.heldOut))
    expect(text.slice(-held, -held + heldText.length)).toBe(heldText)
    const trainRows = rowsOf(job.trainSet)
    const inOrder = trainRows.toSorted((a, b) => placeOf(a) - placeOf(b))
    expect(inOrder).not.toEqual(trainRows)
    expect(inOrder[0]?.[0]).toBe(vocabulary.endOfText)
    const trainText = textOf(inOrder)
    expect(trainText).toBe(text.slice(0, trainText.length))
  })

  /** Where in the text a row begins. */
  function placeOf(row: Int32Array): number {
    const at = text.indexOf(textOf([row]))
    return row[0] === vocabulary.endOfText ? -1 : at
  }

  test('begins every document with a token of its own', async () => {
    const files = [scratch('a.txt', 'ab'.repeat(400)), scratch('b.txt', gzipSync('cd'.repeat(400)))]
    const job = await prepare(files, { testFiles: [files[1] as string], workerCount: 1 })
    const tokens = rowsOf(job.trainSet).flatMap((row) => [...row.subarray(0, -1)])
    expect(tokens.filter((token) => token === vocabulary.endOfText)).toHaveLength(2)
    expect([...(rowsOf(job.heldOut)[0] ?? [])].slice(0, 3)).toEqual([
      vocabulary.endOfText,
      ...tokensOfBytes(new TextEncoder().encode('cd')),
    ])
  })

  test('takes bytes that are no UTF-8', async () => {
    const bytes = Uint8Array.from({ length: 4000 }, (_, i) => (i * i) % 256)
    const job = await prepare([scratch('a.bin', bytes)])
    expect(rowsOf(job.trainSet)).toHaveLength(job.trainSet.rows)
  })

  test('gives equal bytes for equal input, another order for another seed', async () => {
    const file = scratch('a.txt', text)
    const [a, b, c] = [
      await prepare([file], { seed: 1 }),
      await prepare([file], { seed: 1 }),
      await prepare([file], { seed: 2 }),
    ]
    expect(b).toEqual(a)
    expect(c.trainSet.bytes).not.toEqual(a.trainSet.bytes)
    expect(c.heldOut).toEqual(a.heldOut)
  })

  test('chooses a model and a context that the text can fill', async () => {
    const short = await prepareJob([scratch('a.txt', text)], { task: 'language-model' })
    expect(short.train.inputShape[0]).toBeLessThan(64)
    const long = await prepareJob([scratch('a.txt', text.repeat(60))], { task: 'language-model' })
    expect(long.train.inputShape).toEqual([128])
    expect(long.train.model).toMatchObject({ kind: 'transformer', norm: 'rms' })
  })

  test.each<[string, string | undefined, PrepareOptions]>([
    ['FILE_EMPTY', '', {}],
    ['FILE_UNREADABLE', undefined, {}],
    ['ROWS_TOO_FEW', 'a short text', {}],
    ['ROWS_TOO_FEW', text, { testShare: 0.001 }],
    ['TEST_SHARE_INVALID', text, { testShare: 1.5 }],
    ['OPTION_UNFIT', text, { target: 'kind' }],
    ['OPTION_UNFIT', text, { model: 'mlp' }],
    ['OPTION_UNFIT', text, { context: 1 }],
    ['OPTION_UNFIT', text, { task: 'classify' }],
    ['OPTION_UNFIT', text, { task: 'classify', context: undefined, model: 'transformer' }],
  ])('%s', async (code, content, options) => {
    const file = content === undefined ? '/nowhere/a.txt' : scratch('a.txt', content)
    const fields = await fieldsOf(prepare([file], options))
    expect(fields).toMatchObject({ code, file })
    expect(fields.message).toContain(file)
  })
})
