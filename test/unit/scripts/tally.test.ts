import { describe, expect, test } from 'vitest'
import { addTallies, emptyTally, reportOf } from '#scripts/tally.ts'

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
