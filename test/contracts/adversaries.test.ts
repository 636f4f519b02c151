import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { liars } from '#test/adversaries/liars.ts'
import { openCourt } from '#test/adversaries/money.ts'
import { tryLiar } from '#test/adversaries/trial.ts'

/** The rows of the report in which money moves by a verdict: one of a kind. */
const names = ['commits noise', 'withholds state', 'lazy evaluator']

describe('what a verdict takes and gives', async () => {
  const court = openCourt()
  for (const row of liars.filter(({ name }) => names.includes(name))) {
    it(`${row.name}: ${row.fate}`, async () => {
      const { fate, moved } = await tryLiar(row, () => court)
      assert.equal(fate, row.fate)
      const weiOf = (who: string) => moved.find((one) => one.who === who)?.wei ?? 0n
      const honest = row.side === 'worker' ? ['worker 0', 'worker 2'] : ['worker 0', 'worker 1']
      assert.ok(weiOf('client') > 0n && weiOf('burned') > 0n)
      assert.equal(weiOf('worker 1') < 0n, row.side === 'worker')
      assert.deepEqual(honest.map(weiOf), [0n, 0n])
    })
  }
})
