/**
 * `npm run coverage:contracts [-- --json]`: how many of the branches of the money path (both ways of each `if` and `?:`)
 * the Solidity tests take. Writes `test/results/coverage.json`; exits with 1 below the goal.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { originOf, writeResults } from '#scripts/results.ts'
import { type Condition, withBranches } from './branches.ts'
import { createProject, moneySources } from './project.ts'

const goal = 0.95

interface Row {
  readonly file: string
  readonly branches: number
  readonly taken: number
  /** Lines of the original source of which one way was never taken, and which. */
  readonly missed: readonly string[]
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const rows = await measure()
const branches = rows.reduce((sum, row) => sum + row.branches, 0)
const taken = rows.reduce((sum, row) => sum + row.taken, 0)
const share = taken / branches
const summary = { rows, branches, taken, share, goal, isMet: share >= goal }
writeResults('coverage', { ...originOf(), ...summary })
if (!values.json) {
  for (const row of rows)
    console.log(`${row.file}: ${row.taken} of ${row.branches} ${row.missed.join(', ')}`)
}
console.log(
  values.json ? JSON.stringify(summary) : `branches taken: ${taken} of ${branches}, goal ${goal}`,
)
process.exit(summary.isMet ? 0 : 1)

async function measure(): Promise<Row[]> {
  const files = [...moneySources()].map(([file, source], i) => ({
    file,
    ...withBranches(source, i),
  }))
  const sources = new Map(files.map(({ file, source }) => [file, source]))
  const project = createProject('quern-coverage', sources)
  const { exitCode, output } = await project.hardhat(['test', 'solidity', '--coverage'])
  if (exitCode !== 0) throw new Error(`the tests fail: ${output.slice(-4000)}`)
  const executed = executedLines(
    readFileSync(join(project.directory, 'coverage/lcov.info'), 'utf8'),
  )
  return files
    .filter(({ conditions }) => conditions.length > 0)
    .map(({ file, conditions }) => rowOf(file, conditions, executed.get(`contracts/${file}`)))
}

function rowOf(file: string, conditions: readonly Condition[], lines = new Set<number>()): Row {
  const missed = conditions.flatMap(({ line, lineIfTrue, lineIfFalse }) => [
    ...(lines.has(lineIfTrue) ? [] : [`${line} holds`]),
    ...(lines.has(lineIfFalse) ? [] : [`${line} does not hold`]),
  ])
  const branchCount = 2 * conditions.length
  return { file, branches: branchCount, taken: branchCount - missed.length, missed }
}

/** Lines that were executed, by file, as an LCOV report tells them. */
function executedLines(report: string): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  let lines = new Set<number>()
  for (const text of report.split('\n')) {
    if (text.startsWith('SF:')) found.set(text.slice(3), (lines = new Set()))
    const [line = 0, count = 0] = text.startsWith('DA:') ? text.slice(3).split(',').map(Number) : []
    if (count > 0) lines.add(line)
  }
  return found
}
