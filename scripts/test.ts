/**
 * The gate: `npm test`. Builds the contracts where they changed, then runs the tests of units and tidiness,
 * the simulations, those with real processes, and the contracts' own. Ends with the counts.
 */
import { type Tally, addTallies, emptyTally, reportOf } from './tally.ts'
import { isThere, runTool, tools } from './tools.ts'
import { runVitest } from './vitest-run.ts'

const tally = addTallies([
  await buildContracts(),
  await runVitest(['test/tidy.test.ts', 'test/unit/', 'test/sim/'], { maxWorkers: 2 }),
  // They mostly wait for blocks, which come once a second: more at once than there are cores.
  await runVitest(['test/e2e/'], { maxWorkers: 3 }),
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

/** Reads Hardhat's own total: "12 passing (10 solidity, 2 nodejs)", and so for failing and skipped. */
function tallyOfHardhat(exitCode: number, output: string): Tally {
  const passed = totalOf(output, 'passing')
  const failed = numbered(totalOf(output, 'failing'), 'contracts: failure')
  const isBroken = (exitCode !== 0 && failed.length === 0) || passed === 0
  return {
    passed,
    failed: isBroken ? [...failed, `hardhat test (exit ${exitCode}, ${passed} passed)`] : failed,
    skipped: numbered(totalOf(output, 'skipped'), 'contracts: test').map((title) => ({
      title,
      reason: 'marked as skipped',
    })),
  }
}

function totalOf(output: string, word: string): number {
  return Number(new RegExp(`^(\\d+) ${word} \\(\\d`, 'm').exec(output)?.[1] ?? 0)
}

function numbered(count: number, title: string): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${title} ${i + 1}`)
}
