import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { prepareDigits, prepareJob } from '#compute/data/prepare.ts'
import type { PreparedJob, PrepareOptions } from '#compute/data/prepared.ts'
import { encodeIdx } from '#compute/data/idx.ts'
import { buildModel, listFiles } from '#compute/export/model.ts'
import { decodeSafetensors, takeTensor } from '#compute/export/safetensors.ts'
import { predictFiles } from '#compute/infer/predict.ts'
import { createRunner } from '#compute/runner-process.ts'
import { fieldsOf, scratch } from '../data/scratch.ts'

const seed = `0x${'1d'.repeat(32)}` as const
const runner = createRunner()
afterAll(() => runner.close())

/** Trains a whole job alone and writes its model directory. */
async function train(job: PreparedJob): Promise<string> {
  const directory = dirname(scratch('train.safetensors', job.trainSet.bytes))
  const path = (name: string) => join(directory, name)
  const spec = { ...job.train, rounds: 12 }
  const trainFile = path('train.safetensors')
  const { engineId } = await runner.open({ spec, trainFile, threads: 1 })
  await runner.initialState({ seed, to: path('start') })
  const shard = { index: 0, count: 1 }
  const steps = spec.localSteps * spec.rounds
  await runner.train({
    from: path('start'),
    to: path('end'),
    segmentSeed: seed,
    firstBatch: 0,
    steps,
    shard,
  })
  const { readFileSync } = await import('node:fs')
  const state = decodeSafetensors(readFileSync(path('end')))
  const { task, metric, splitSeed, preprocessing } = job
  const model = buildModel({
    job: { name: 'a', task, metric, engineId, splitSeed, train: spec, preprocessing },
    initialSeed: seed,
    parameters: takeTensor(state, 'p', 'F32').values,
  })
  mkdirSync(path('model'))
  for (const { name, bytes } of listFiles(model.files)) writeFileSync(path(`model/${name}`), bytes)
  return path('model')
}

const predict = (
  directory: string,
  files: string[],
  options: Pick<PrepareOptions, 'noHeader'> = {},
) => predictFiles(directory, files, { runner, scratchDirectory: dirname(directory), ...options })

const labelsIn = async (directory: string, file: string, noHeader?: boolean) => {
  const { rows } = await predict(directory, [file], { noHeader })
  return rows.map((row) => ('label' in row ? row.label : row.value))
}

describe('predictFiles', () => {
  const rows = Array.from({ length: 60 }, (_, i) => [
    i % 2 ? i % 9 : -(i % 9) - 1,
    'pq'[i % 2],
    i % 2 ? 'odd' : 'even',
  ])

  test('names the class of each row, with or without the target, in any order of columns', async () => {
    const content = `a,b,kind\n${rows.map((row) => row.join(',')).join('\n')}\n`
    const directory = await train(await prepareJob([scratch('a.csv', content)]))
    const expected = ['odd', 'even', 'odd']
    for (const file of ['a,b,kind\n5,q,odd\n-5,p,\n,q,\n', 'b,a\nq,5\np,-5\nq,\n']) {
      expect(await labelsIn(directory, scratch('b.csv', file))).toEqual(expected)
    }
    const { labels, rows: found } = await predict(directory, [scratch('b.csv', 'a,b\n5,q\n')])
    expect(labels).toEqual(['even', 'odd'])
    const [first] = found
    const sum = first && 'probabilities' in first ? first.probabilities.reduce((a, b) => a + b) : 0
    expect(sum).toBeCloseTo(1, 6)
  })

  test('reads the texts that it was trained on', async () => {
    const texts = Array.from({ length: 80 }, (_, i) => {
      const [word, label] = i % 2 ? ['loved', 'good'] : ['hated', 'bad']
      return `"I ${word} it, number ${i}",${label}`
    })
    const file = scratch('reviews.csv', `review,label\n${texts.join('\n')}\n`)
    const job = await prepareJob([file], { task: 'classify' })
    expect(job.train.model).toMatchObject({ kind: 'embeddingBag', hidden: [] })
    expect(job.preprocessing).toMatchObject({ kind: 'words', column: 'review', columnCount: 2 })
    const directory = await train(job)
    const asked = 'review\n"We LOVED it!"\n"hated, really hated"\n'
    expect(await labelsIn(directory, scratch('b.csv', asked))).toEqual(['good', 'bad'])
    expect(await labelsIn(directory, scratch('c.csv', 'label,review\n,loved\n'))).toEqual(['good'])
    expect((await fieldsOf(predict(directory, [scratch('d.csv', 'text\nloved\n')]))).code).toBe(
      'COLUMN_MISSING',
    )
  })

  test('finds columns by their place in files without names', async () => {
    const lines = rows.map(([a, b, kind]) => [kind, a, 7, b].join(',')) // the target first, a constant
    const file = scratch('a.csv', lines.join('\n'))
    const directory = await train(await prepareJob([file], { noHeader: true, target: '0' }))
    expect(await labelsIn(directory, scratch('b.csv', 'odd,5,7,q\neven,-5,7,p\n'), true)).toEqual([
      'odd',
      'even',
    ])
    expect(await labelsIn(directory, scratch('b.csv', '5,7,q\n-5,7,p\n'), true)).toEqual([
      'odd',
      'even',
    ])
    const narrow = scratch('b.csv', '5,7\n')
    expect(await fieldsOf(predict(directory, [narrow], { noHeader: true }))).toMatchObject({
      code: 'COLUMNS_DIFFER',
      file: narrow,
    })
  })

  test('gives values in the units of the target', async () => {
    const lines = Array.from({ length: 80 }, (_, i) => `${i % 20},${1000 + 50 * (i % 20)}`)
    const file = scratch('a.csv', `x,y\n${lines.join('\n')}\n`)
    const directory = await train(await prepareJob([file], { task: 'regress', model: 'linear' }))
    const [low, high] = await labelsIn(directory, scratch('b.csv', 'x\n2\n18\n'))
    expect(low).toBeGreaterThan(1000)
    expect(low).toBeLessThan(1400)
    expect(high).toBeGreaterThan(1600)
    expect(high).toBeLessThan(2000)
  })

  test('reads images without labels', async () => {
    const job = prepareDigits({ rows: 400 })
    const directory = await train(job)
    const { x } = { x: takeTensor(decodeSafetensors(job.trainSet.bytes), 'x', 'F32') }
    const y = takeTensor(decodeSafetensors(job.trainSet.bytes), 'y', 'I32').values
    const pixels = Uint8Array.from(x.values, (value) => Math.round(value * 255))
    const found = await labelsIn(directory, scratch('images', encodeIdx([320, 16, 16], pixels)))
    const right = found.filter((label, i) => label === String(y[i])).length
    expect(right).toBeGreaterThan(160)
  })

  test.each([
    ['COLUMN_MISSING', 'a,c\n1,2\n'],
    ['COLUMN_NOT_NUMERIC', 'a,b\nmany,p\n'],
    ['FILE_EMPTY', ''],
  ])('%s', async (code, content) => {
    const training = `a,b,kind\n${rows.map((row) => row.join(',')).join('\n')}\n`
    const directory = await train(await prepareJob([scratch('a.csv', training)]))
    const file = scratch('b.csv', content)
    expect(await fieldsOf(predict(directory, [file]))).toMatchObject({ code, file })
  })

  test('MODEL_MISSING', async () => {
    const file = scratch('b.csv', 'a\n1\n')
    expect(await fieldsOf(predict('/nowhere', [file]))).toMatchObject({ code: 'MODEL_MISSING' })
  })
})
