/** `npm run check`: types, lint, format, Solidity lint, unused code. Prints what is not clean. */
import { type Tally, addTallies, emptyTally, reportOf } from './tally.ts'
import { isThere, runTool, tools } from './tools.ts'

const checks: readonly (readonly [title: string, file: string, args: readonly string[]])[] = [
  ['tsc', tools.tsc, ['--noEmit']],
  ['oxlint', tools.oxlint, ['--type-aware', '--deny-warnings']],
  ['prettier', tools.prettier, ['--check', '--log-level', 'warn', '.']],
  ['solhint', tools.solhint, ['--disc', '--max-warnings', '0', 'contracts/**/*.sol']],
  ['knip', tools.knip, ['--no-progress']],
]

const tallies: Tally[] = []
for (const [title, file, args] of checks) tallies.push(await check(title, file, args))
const tally = addTallies(tallies)
console.log(reportOf(tally))
process.exit(tally.failed.length === 0 ? 0 : 1)

async function check(title: string, file: string, args: readonly string[]): Promise<Tally> {
  if (title === 'solhint' && !isThere('contracts')) {
    return { ...emptyTally, skipped: [{ title, reason: 'there are no contracts' }] }
  }
  const { exitCode, output } = await runTool(file, args)
  console.log(`${exitCode === 0 ? 'clean   ' : 'NOT OK  '} ${title}`)
  if (exitCode === 0) return { ...emptyTally, passed: 1 }
  console.log(output)
  return { ...emptyTally, failed: [title] }
}
