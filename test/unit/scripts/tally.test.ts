import { describe, expect, test } from 'vitest'
import { addTallies, emptyTally, failureOf, reportOf } from '#scripts/tally.ts'

describe('reportOf', () => {
  test('names what failed and what was skipped, and ends with the counts', () => {
    const tally = addTallies([
      { passed: 2, failed: ['a > breaks'], skipped: [] },
      emptyTally,
      { passed: 3, failed: [], skipped: [{ title: 'b', reason: 'no browser' }] },
    ])
    expect(reportOf(tally).split('\n')).toEqual([
      'failed   a > breaks',
      'skipped  b: no browser',
      '5 passed, 1 failed, 1 skipped',
    ])
  })
})

describe('failureOf', () => {
  test.each([
    ['its message', [{ message: 'expected 2 to be 3' }], 'a > breaks: expected 2 to be 3'],
    ['the first error alone', [{ message: 'one' }, { message: 'two' }], 'a > breaks: one'],
    ['the first line', [{ message: '\n first \nsecond' }], 'a > breaks: first'],
    ['no colours', [{ message: '\u001b[31mred\u001b[39m' }], 'a > breaks: red'],
    ['200 characters', [{ message: 'x'.repeat(5_000) }], `a > breaks: ${'x'.repeat(200)}`],
    [
      'what caused it',
      [{ message: 'PEER_UNREACHABLE', cause: { message: 'too late', cause: 'no error' } }],
      'a > breaks: PEER_UNREACHABLE, caused by too late',
    ],
    ['the title where there is nothing to say', [{ message: '' }], 'a > breaks'],
    ['the title without an error', [], 'a > breaks'],
  ])('says %s', (_what, errors, line) => {
    expect(failureOf('a > breaks', errors)).toBe(line)
  })
})
