/**
 * `npm run mutate:contracts [-- --branches] [--seed <s>] [--count <n>] [--json]`: draws mutations of the money path's
 * contracts and counts how many the Solidity tests notice; with `--branches` takes both ways of each condition instead,
 * all of them, so that the share is that of the branches taken. All are compiled once, each behind its number, so that a
 * mutant costs a run of the tests. Results go to `test/results/mutants.json`, or `branches.json`, after each one; those
 * that this commit has with the same seed and count are not run again. Exits with 1 below the goal.
 */
import { parseArgs } from 'node:util'
import { createRng } from '#base/rng.ts'
import { originOf, readResults, writeResults } from '#scripts/results.ts'
import { type Mutation, branchesOf, drawMutations, mutationsOf, withMutants } from './mutations.ts'
import { type Project, createProject, moneySources } from './project.ts'

const goals = { mutants: 0.85, branches: 0.95 } as const
/** The tests without a mutant take less; a mutant that never ends is noticed as well. */
const mutantTimeoutMs = 600_000

/** Tests that count gas: what stands for the mutants costs some. */
const test = ['test', 'solidity', '--grep-exclude', 'For100k|CostsLittle']

interface Run {
  readonly number: number
  readonly file: string
  readonly line: number
  readonly kind: Mutation['kind']
  readonly text: string
  readonly isKilled: boolean
}

interface Results {
  readonly commit: string
  readonly seed: number
  readonly count: number
  readonly runs: readonly Run[]
}

const { values } = parseArgs({
  options: {
    branches: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
})
const [seed, count] = [Number(values.seed), Number(values.count)]
const sources = moneySources()
const name = values.branches ? 'branches' : 'mutants'
const goal = goals[name]
const placesOf = values.branches ? branchesOf : mutationsOf
const all = [...sources].flatMap(([file, source]) => placesOf(file, source))
const drawn = values.branches ? all : drawMutations(all, count, createRng(seed))
const numbered = drawn.map((mutation, i) => ({ mutation, number: i + 1 }))
const { project, mutants } = await build()
let runs = earlierRuns()
for (const { mutation, number } of mutants) {
  if (runs.some((run) => run.number === number)) continue
  const { file, line, kind, text } = mutation
  const isKilled = await isNoticed(project, number)
  if (!values.json)
    console.log(`${number} ${isKilled ? 'killed  ' : 'SURVIVED'} ${file}:${line} ${kind} ${text}`)
  runs = [...runs, { number, file, line, kind, text, isKilled }]
  writeResults(name, { ...originOf(), ...reportOf(runs) })
}
const report = reportOf(runs)
console.log(
  values.json ? JSON.stringify(report) : `killed ${report.killed} of ${runs.length}, goal ${goal}`,
)
process.exit(report.isMet ? 0 : 1)

function reportOf(done: readonly Run[]) {
  const killed = done.filter(({ isKilled }) => isKilled).length
  const score = killed / Math.max(1, done.length)
  const leftOut = numbered.length - mutants.length
  return {
    seed,
    count,
    places: all.length,
    leftOut,
    killed,
    score,
    goal,
    isMet: score >= goal,
    runs: done,
  }
}

interface Built {
  readonly project: Project
  readonly mutants: typeof numbered
}

/**
 * Compiles them all; those on a line where the compiler runs out of stack are left out. Without a mutant all tests pass, or
 * nothing would be shown by one that fails.
 */
async function build(left = numbered, triesLeft = 20): Promise<Built> {
  const built = createProject('quern-mutants', rewritten(left))
  const { exitCode, output } = await built.hardhat(test)
  if (exitCode === 0) return { project: built, mutants: left }
  const [, file, line] = /Stack too deep[^]*?contracts\/([^:]+):([0-9]+):/.exec(output) ?? []
  const isThere = ({ mutation }: (typeof numbered)[number]) =>
    mutation.file !== file || mutation.line !== Number(line)
  const fewer = left.filter(isThere)
  if (fewer.length === left.length || triesLeft === 0) {
    throw new Error(`the tests fail without a mutant: ${output.slice(-4000)}`)
  }
  console.error(`left out, since the stack is too deep there: ${file}:${line}`)
  return build(fewer, triesLeft - 1)
}

function rewritten(chosen: typeof numbered): Map<string, string> {
  const changed = new Map<string, string>()
  for (const [file, source] of sources) {
    const own = chosen.filter(({ mutation }) => mutation.file === file)
    if (own.length > 0) changed.set(file, withMutants(source, own))
  }
  return changed
}

async function isNoticed({ hardhat }: Project, number: number): Promise<boolean> {
  const environment = { QUERN_MUTANT: String(number) }
  const options = { environment, timeoutMs: mutantTimeoutMs }
  const { exitCode } = await hardhat([...test, '--no-compile'], options)
  return exitCode !== 0
}

function earlierRuns(): readonly Run[] {
  const before = readResults(name) as Results | undefined
  const isSame =
    before?.commit === originOf().commit && before.seed === seed && before.count === count
  return isSame ? before.runs : []
}
