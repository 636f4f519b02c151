import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { prepareDigits, prepareJob } from '#compute/data/prepare.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import { buildModel, listFiles } from '#compute/export/model.ts'
import { parametersOf } from '#compute/graph/training.ts'
import { type TextOptions, generateText } from '#compute/infer/text.ts'
import { createRunner } from '#compute/runner-process.ts'
import { fieldsOf, scratch } from '../data/scratch.ts'
import { createFloats, seed } from '../fixtures.ts'

const runner = createRunner()
afterAll(() => runner.close())

/** The directory of a model that nobody has trained. */
function directoryOf(job: PreparedJob): string {
  const next = createFloats(51)
  const count = parametersOf(job.train).reduce((sum, { size }) => sum + size, 0)
  const { files } = buildModel({
    job: { ...job, name: 'a', engineId: seed },
    initialSeed: seed,
    parameters: Float32Array.from({ length: count }, () => next() * 0.2),
  })
  const directory = join(dirname(scratch('a', '')), 'model')
  mkdirSync(directory)
  for (const { name, bytes } of listFiles(files)) writeFileSync(join(directory, name), bytes)
  return directory
}

const textJob = () => {
  const file = scratch('a.txt', 'To be, or not to be. '.repeat(200))
  return prepareJob([file], { task: 'language-model', context: 16 })
}

async function write(directory: string, options: Partial<TextOptions> = {}): Promise<string[]> {
  const scratchDirectory = dirname(directory)
  const parts: string[] = []
  const wanted = { runner, scratchDirectory, tokensMax: 40, temperature: 1, ...options }
  for await (const part of generateText(directory, 'To be', wanted)) parts.push(part)
  return parts
}

describe('generateText', () => {
  test('streams the text that a seed decides', async () => {
    const directory = directoryOf(await textJob())
    const [one, again, other] = [
      await write(directory, { seed: 1 }),
      await write(directory, { seed: 1 }),
      await write(directory, { seed: 2 }),
    ]
    expect(one.length).toBeGreaterThan(5)
    expect(again).toEqual(one)
    expect(other).not.toEqual(one)
  })

  test('stops where the loop is left, and the runner goes on', async () => {
    const directory = directoryOf(await textJob())
    const wanted = { runner, scratchDirectory: dirname(directory), tokensMax: 60_000 }
    for await (const part of generateText(directory, 'a', { ...wanted, temperature: 1 })) {
      expect(part).not.toBe('')
      break
    }
    expect((await write(directory, { tokensMax: 5 })).length).toBeGreaterThan(0)
  })

  test('ABORTED when the signal fires', async () => {
    const directory = directoryOf(await textJob())
    const stopping = new AbortController()
    const wanted = { runner, scratchDirectory: dirname(directory), signal: stopping.signal }
    const reading = async () => {
      const options = { ...wanted, tokensMax: 60_000, temperature: 1 }
      for await (const _ of generateText(directory, 'a', options)) stopping.abort()
    }
    expect(await fieldsOf(reading())).toMatchObject({ code: 'ABORTED' })
  })

  test('INPUT_UNFIT for a model of rows', async () => {
    const directory = directoryOf(prepareDigits({ rows: 60, model: 'linear' }))
    expect(await fieldsOf(write(directory))).toMatchObject({ code: 'INPUT_UNFIT', file: directory })
  })
})
