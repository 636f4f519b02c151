import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quern } from './local-world.ts'

let dataDir: string

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'quern-bad-'))
})

afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

const rows = (row: (i: number) => string, header = 'a,b,kind\n') =>
  header + Array.from({ length: 40 }, (_, i) => `${row(i)}\n`).join('')
const good = rows((i) => `${i},${i % 7},${i % 2 === 0 ? 'yes' : 'no'}`)

/** What is wrong, the file, the flags, and the words the error must hold. */
const cases: readonly (readonly [string, string, readonly string[], RegExp])[] = [
  ['a missing column', good, ['--target', 'colour'], /COLUMN_MISSING.*colour/s],
  ['an empty file', '', [], /EMPTY/],
  ['ragged rows', `${good}1,2\n`, [], /row|cells|RAGGED/i],
  [
    'a target that is no number',
    good,
    ['--task', 'regress', '--target', 'kind'],
    /TARGET_NOT_NUMERIC/,
  ],
  ['one class only', rows((i) => `${i},${i % 7},yes`), ['--target', 'kind'], /CLASS_SINGLE/],
  ['a line of 10 MB', `${good}${'9'.repeat(10_000_000)},1,yes\n`, [], /LINE_TOO_LONG/],
]

describe('quern job post refuses', () => {
  test.each(cases)(
    '%s, before anything is signed',
    { timeout: 120_000 },
    async (name, text, flags, words) => {
      const file = join(dataDir, `${name.replaceAll(' ', '-')}.csv`)
      writeFileSync(file, text)
      const run = await quern(['job', 'post', file, ...flags, '--yes'], { dataDir })
      expect(run.exitCode).toBe(3)
      expect(run.err).toMatch(words)
      expect(run.lines.map(({ event }) => event)).toEqual(['error'])
    },
  )

  test('a file that is not there', { timeout: 120_000 }, async () => {
    const run = await quern(['job', 'post', join(dataDir, 'none.csv'), '--yes'], { dataDir })
    expect(run.exitCode).toBe(3)
    expect(run.err).toContain('none.csv')
  })

  test(
    'a network that nobody started, and says how to start one',
    { timeout: 120_000 },
    async () => {
      const file = join(dataDir, 'good.csv')
      writeFileSync(file, good)
      const run = await quern(['job', 'post', file, '--yes'], { dataDir })
      expect(run.exitCode).toBe(4)
      expect(run.err).toMatch(/NETWORK_FILE_MISSING.*quern up/s)
    },
  )
})
