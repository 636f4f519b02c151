/**
 * `npm run test:data`: the product's results on real data sets, which lie in the folder QUERN_TEST_DATA.
 * Without that folder everything is skipped, and said so.
 */
import { existsSync } from 'node:fs'
import { emptyTally, reportOf } from './tally.ts'
import { runVitest } from './vitest-run.ts'

const folder = process.env['QUERN_TEST_DATA']
if (folder === undefined || !existsSync(folder)) {
  const reason = folder === undefined ? 'QUERN_TEST_DATA is not set' : `${folder} is not there`
  console.log(reportOf({ ...emptyTally, skipped: [{ title: 'test:data', reason }] }))
  process.exit(0)
}
const tally = await runVitest(['test/data/'], { maxWorkers: 1 })
console.log(reportOf(tally))
process.exit(tally.failed.length === 0 ? 0 : 1)
