/**
 * The gate: `npm test`. Builds the contracts where they changed, then runs the tests of units and tidiness,
 * those with real processes one after another, and the contracts' own. Ends with the counts.
 */
import { type Tally, addTallies, emptyTally, reportOf } from './tally.ts'
import { isThere, runTool, tools } from './tools.ts'
import { runVitest } from './vitest-run.ts'

const tally = addTallies([
  await buildContracts(),
  await runVitest(['test/tidy.test.ts', 'test/unit/'], { maxWorkers: 2 }),
  await runVitest(['test/e2e/'], { maxWorkers: 1 }),
  await testContracts(),
])
console.log(reportOf(tally))
process.exit(tally.failed.length === 0 ? 0 : 1)

async function buildContracts(): Promise<Tally> {
  if (!isThere('hardhat.config.ts')) return emptyTally
  const { exitCode, output } = await runTool(tools.hardhat, ['build', '--quiet'])
  if (exitCode === 0) return emptyTally
  console.log(output)
  return { ...emptyTally, failed: ['hardhat build'] }
}

async function testContracts(): Promise<Tally> {
  if (!isThere('hardhat.config.ts')) return emptyTally
  const { exitCode, output } = await runTool(tools.hardhat, ['test'], { isShown: true })
  return tallyOfHardhat(exitCode, output)
}

/** Sums the lines "12 passing", "1 failing", "2 skipped" that each of Hardhat's runners prints. */
function tallyOfHardhat(exitCode: number, output: string): Tally {
  const passed = sumOf(output, 'passing')
  const failed = Array.from(
    { length: sumOf(output, 'failing') },
    (_, i) => `contracts: failure ${i + 1}`,
  )
  const isBroken = (exitCode !== 0 && failed.length === 0) || passed === 0
  return {
    passed,
    failed: isBroken ? [...failed, `hardhat test (exit ${exitCode}, ${passed} passed)`] : failed,
    skipped: Array.from({ length: sumOf(output, 'skipped') + sumOf(output, 'pending') }, () => ({
      title: 'contracts',
      reason: 'marked as skipped',
    })),
  }
}

function sumOf(output: string, word: string): number {
  // The total stands at the margin of its line, test titles are indented and have no count in front.
  const lines = output.matchAll(new RegExp(`^\\s*(\\d+) ${word}\\b`, 'gm'))
  return [...lines].reduce((sum, line) => sum + Number(line[1]), 0)
}
