import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encodeIdx } from '#compute/data/idx.ts'
import { prepareDigits, prepareJob } from '#compute/data/prepare.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import { decodeSafetensors, takeTensor } from '#compute/export/safetensors.ts'
import { preprocessingSchema } from '#wire/preprocessing.ts'
import { fieldsOf, scratch } from './scratch.ts'

/** A small table: a number with gaps, a category, a constant, an id; two classes and a value that depend on them. */
function table(rows = 60, header = 'size,colour,fixed,id,kind,price'): string {
  const colours = ['red', 'green', 'blue']
  const lines = Array.from({ length: rows }, (_, i) => {
    const size = i % 7 === 0 ? '' : String((i * 37) % 50)
    const cells = [
      size,
      colours[i % 3],
      5,
      `id-${i}-${'x'.repeat(i % 5)}`,
      i % 2 ? 'b' : 'a',
      i * 1.5,
    ]
    return cells.join(',')
  })
  return `${header}\n${lines.join('\n')}\n`
}

const rowsOf = ({ bytes }: PreparedJob['trainSet']) => {
  const file = decodeSafetensors(bytes)
  return { x: takeTensor(file, 'x', 'F32'), y: file.tensors.get('y') }
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('prepareJob', () => {
  test('classifies a text column', async () => {
    const job = await prepareJob([scratch('a.csv', table())], {
      target: 'kind',
      drop: ['price', '3'],
    })
    expect(job).toMatchObject({ task: 'classify', metric: 'accuracy', labels: ['a', 'b'] })
    expect(preprocessingSchema.parse(job.preprocessing)).toEqual(job.preprocessing)
    const columns = job.preprocessing.kind === 'table' ? job.preprocessing.columns : []
    expect(columns.map(({ name, kind }) => [name, kind])).toEqual([
      ['size', 'number'],
      ['colour', 'category'],
    ])
    expect(job.summary.notes).toEqual(['column fixed is left out: it is constant'])
    const { x, y } = rowsOf(job.trainSet)
    expect([x.shape, y?.dtype, y?.shape]).toEqual([[48, 4], 'I32', [48]])
    expect(rowsOf(job.heldOut).x.shape).toEqual([12, 4])
  })

  test('standardises by the training part alone', async () => {
    const job = await prepareJob([scratch('a.csv', table())], { target: 'price', drop: ['kind'] })
    expect(job).toMatchObject({ task: 'regress', metric: 'r2', labels: undefined })
    const { x, y } = rowsOf(job.trainSet)
    const values = [...(y?.values ?? [])].map(Number)
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
    expect(mean).toBeCloseTo(0, 5)
    expect(variance).toBeCloseTo(1, 5)
    const oneHot = [...Array(48).keys()].map((row) => [
      ...x.values.subarray(row * 4 + 1, row * 4 + 4),
    ])
    for (const cells of oneHot) expect(cells.toSorted((a, b) => a - b)).toEqual([0, 0, 1])
    expect(job.summary.notes).toContain(
      'column id is left out: nearly all of its texts are different',
    )
    const held = [...(rowsOf(job.heldOut).y?.values ?? [])].map(Number)
    expect(held.reduce((a, b) => a + b, 0) / held.length).not.toBeCloseTo(0, 5)
  })

  test('gives equal bytes for equal input, others for another seed', async () => {
    const file = scratch('a.csv', table())
    const [a, b, c] = [
      await prepareJob([file], { target: 'kind', seed: 1 }),
      await prepareJob([file], { target: 'kind', seed: 1 }),
      await prepareJob([file], { target: 'kind', seed: 2 }),
    ]
    expect(b).toEqual(a)
    expect(sha256(c.trainSet.bytes)).not.toBe(sha256(a.trainSet.bytes))
    expect(sha256(a.trainSet.bytes)).toBe(
      'cc7e2f5682c2527adc05663cc114d41de3c910cd6aabf3bec94e55f424768d69',
    )
  })

  test('holds out a given file', async () => {
    const [files, testFiles] = [[scratch('a.csv', table())], [scratch('b.csv', table(20))]]
    const job = await prepareJob(files, { testFiles, target: 'price' })
    expect([job.trainSet.rows, job.heldOut.rows]).toEqual([60, 20])
  })

  test('takes a square table for images where a CNN is asked for', async () => {
    const lines = Array.from({ length: 40 }, (_, i) =>
      [...Array.from({ length: 16 }, (__, j) => (i * j) % 9), i % 2].join(','),
    )
    const job = await prepareJob([scratch('a.csv', lines.join('\n'))], { model: 'cnn' })
    expect(rowsOf(job.trainSet).x.shape).toEqual([32, 1, 4, 4])
    expect(job.preprocessing).toMatchObject({ kind: 'image', divisor: 8, columnCount: 17 })
    expect(Math.max(...rowsOf(job.trainSet).x.values)).toBe(1)
  })

  test('leaves out rows without a target', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => `${i},${i % 3 ? i : ''}`)
    const job = await prepareJob([scratch('a.csv', `x,y\n${rows.join('\n')}\n`)], {
      task: 'regress',
    })
    expect(job.trainSet.rows + job.heldOut.rows).toBe(20)
  })

  test.each([
    ['classify', 'y\n1\n0\n'],
    ['classify', 'y\nyes\nno\n'],
    ['regress', 'y\n1.5\n0\n'],
    ['regress', `y\n${Array.from({ length: 25 }, (_, i) => i).join('\n')}\n`],
  ])('guesses %s from the target', async (task, content) => {
    const lines = content.trim().split('\n').slice(1)
    const rows = Array.from({ length: 50 }, (_, i) => `${i},${lines[i % lines.length]}`)
    const job = await prepareJob([scratch('a.csv', `x,y\n${rows.join('\n')}\n`)])
    expect(job.task).toBe(task)
  })

  const few = 'x,y\n1,a\n2,b\n'
  test.each([
    ['COLUMN_MISSING', table(), { target: 'colr' }],
    ['COLUMN_MISSING', table(), { target: '17' }],
    ['COLUMN_MISSING', table(), { target: 'kind', drop: ['weight'] }],
    ['CLASS_SINGLE', table(), { target: 'fixed', task: 'classify' }],
    ['TARGET_CONSTANT', table(), { target: 'fixed', task: 'regress' }],
    ['TARGET_NOT_NUMERIC', table(), { target: 'colour', task: 'regress' }],
    ['CLASSES_TOO_MANY', table(), { target: 'id', task: 'classify' }],
    ['ROWS_TOO_FEW', few, {}],
    ['ROWS_TOO_FEW', table(30), { workerCount: 8 }],
    ['FILE_EMPTY', 'a,b\n', {}],
    ['COLUMNS_MISSING', table(), { target: 'kind', drop: ['0', '1', '3', '5'] }],
    ['LINE_TOO_LONG', `a,b\n${'x'.repeat(10_000_000)},1\n`, {}],
    ['TEST_SHARE_INVALID', table(), { testShare: 1 }],
    ['INPUT_UNFIT', table(), { target: 'kind', model: 'cnn' }],
  ] as const)('%s', async (code, content, options) => {
    const file = scratch('a.csv', content)
    expect(await fieldsOf(prepareJob([file], options))).toMatchObject({ code, file })
  })

  test('names what is there when a column is missing', async () => {
    const fields = await fieldsOf(prepareJob([scratch('a.csv', table())], { target: 'colr' }))
    expect(fields.message).toContain('there are: size, colour, fixed, id, kind, price')
  })

  test('CLASS_UNKNOWN names the test file', async () => {
    const testFile = scratch('b.csv', 'x,y\n1,a\n2,new\n')
    const rows = Array.from({ length: 20 }, (_, i) => `${i},${i % 2 ? 'a' : 'b'}`)
    const options = { testFiles: [testFile] }
    const fields = await fieldsOf(
      prepareJob([scratch('a.csv', `x,y\n${rows.join('\n')}`)], options),
    )
    expect(fields).toMatchObject({ code: 'CLASS_UNKNOWN', file: testFile, label: 'new' })
  })

  test('LABELS_MISSING for images alone', async () => {
    const file = scratch('images', encodeIdx([20, 8, 8], new Uint8Array(1280)))
    expect(await fieldsOf(prepareJob([file]))).toMatchObject({ code: 'LABELS_MISSING', file })
  })
})

describe('prepareDigits', () => {
  test('scales drawn digits to 0 to 1, for a CNN', () => {
    const job = prepareDigits({ seed: 3, rows: 200 })
    expect(job.train.model.kind).toBe('cnn')
    expect(job.labels).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    const { x } = rowsOf(job.trainSet)
    expect(x.shape).toEqual([160, 1, 16, 16])
    expect(Math.max(...x.values)).toBe(1)
    expect(Math.min(...x.values)).toBe(0)
  })
})
