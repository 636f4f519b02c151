/**
 * `npm run mutate:contracts [-- --branches] [--seed <s>] [--count <n>] [--json]`: draws mutations of the money path's
 * contracts and counts how many the Solidity tests notice; with `--branches` takes both ways of each condition instead,
 * all of them, so that the share is that of the branches taken: one run of the tests logs those that it takes, and only what
 * it does not name is tried alone. All are compiled once, each behind its number, so that a
 * mutant costs a run of the tests. Those that equivalent.ts names count neither way. Results go to
 * `test/results/mutants.json`, or `branches.json`, after each one; those of the same contracts and tests with the same seed
 * and count are not run again. Exits with 1 below the goal.
 */
import { createRng } from '#base/rng.ts'
import { flagsOf, integerFlag } from '#scripts/flags.ts'
import { originOf, readResults, writeResults } from '#scripts/results.ts'
import {
  type Mutation,
  branchesOf,
  drawMutations,
  loggedBranches,
  loggingNumber,
  mutationsOf,
  withMutants,
} from './mutations.ts'
import { equivalentOf } from './equivalent.ts'
import {
  type Project,
  createProject,
  moneySources,
  nearestTests,
  sourcesDigest,
} from './project.ts'

const goals = { mutants: 0.85, branches: 0.95 } as const
/** The tests without a mutant take a tenth of it; a mutant that never ends is noticed as well. */
const mutantCpuSeconds = 25

/** Tests that count gas: what stands for the mutants costs some. */
const test = ['test', 'solidity', '--grep-exclude', 'For100k|CostsLittle']
/** All but those that take most of the time, tried first: they notice most mutants. */
const quickTest = [
  'test',
  'solidity',
  '--grep-exclude',
  'For100k|CostsLittle|Fuzz|invariant|Thousand',
]

interface Run {
  readonly number: number
  readonly file: string
  readonly line: number
  readonly kind: Mutation['kind']
  readonly text: string
  readonly isKilled: boolean
  /** Why nobody can notice it. */
  readonly equivalent?: string
}

interface Results {
  readonly sources: string
  readonly seed: number
  readonly count: number
  readonly runs: readonly Run[]
}

const values = flagsOf({
  options: {
    branches: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
})
const seed = integerFlag('seed', values.seed)
const count = integerFlag('count', values.count, { min: 1, max: 100_000 })
const sources = moneySources()
const name = values.branches ? 'branches' : 'mutants'
const goal = goals[name]
const placesOf = values.branches ? branchesOf : mutationsOf
const digest = sourcesDigest(sources)
const all = [...sources].flatMap(([file, source]) => placesOf(file, source))
const drawn = values.branches ? all : drawMutations(all, count, createRng(seed))
const numbered = drawn.map((mutation, i) => ({ mutation, number: i + 1 }))
const { project, mutants } = await build()
const logged = values.branches ? await takenBranches(project) : new Set<number>()
let runs = earlierRuns()
for (const { mutation, number } of mutants) {
  if (runs.some((run) => run.number === number)) continue
  const { file, line, kind, text } = mutation
  const isKilled = logged.has(number) || (await isNoticed(project, file, number))
  const equivalent = isKilled ? undefined : equivalentOf(mutation)?.reason
  const outcome = isKilled ? 'killed  ' : equivalent === undefined ? 'SURVIVED' : 'the same'
  if (!values.json) console.log(`${number} ${outcome} ${file}:${line} ${kind} ${text}`)
  runs = [...runs, { number, file, line, kind, text, isKilled, ...(equivalent && { equivalent }) }]
  writeResults(name, { ...originOf(), ...reportOf(runs) })
}
const report = reportOf(runs)
console.log(
  values.json
    ? JSON.stringify(report)
    : `killed ${report.killed} of ${runs.length - report.equivalent}, goal ${goal}`,
)
process.exit(report.isMet ? 0 : 1)

function reportOf(done: readonly Run[]) {
  const killed = done.filter(({ isKilled }) => isKilled).length
  const equivalent = done.filter((run) => run.equivalent !== undefined).length
  const score = killed / Math.max(1, done.length - equivalent)
  const leftOut = numbered.length - mutants.length
  return {
    sources: digest,
    seed,
    count,
    places: all.length,
    leftOut,
    killed,
    equivalent,
    score,
    goal,
    isMet: done.length === mutants.length && score >= goal,
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
  const built = createProject(`quern-${name}`, rewritten(left))
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

async function isNoticed({ hardhat }: Project, file: string, number: number): Promise<boolean> {
  const environment = { QUERN_MUTANT: String(number) }
  const options = { environment, cpuSeconds: mutantCpuSeconds }
  const near = nearestTests(file)
  const first = near.length > 0 ? [[...quickTest, ...near]] : []
  for (const args of [...first, quickTest, test]) {
    const { exitCode } = await hardhat([...args, '--no-compile'], options)
    if (exitCode !== 0) return true
  }
  return false
}

/** Not all of them: the log of a test with many runs is that of one. */
async function takenBranches({ hardhat }: Project): Promise<ReadonlySet<number>> {
  const environment = { QUERN_MUTANT: String(loggingNumber) }
  const { output } = await hardhat([...test, '--no-compile', '--verbosity', '2'], { environment })
  return loggedBranches(output)
}

function earlierRuns(): readonly Run[] {
  const before = readResults(name) as Results | undefined
  const isSame = before?.sources === digest && before.seed === seed && before.count === count
  return isSame ? before.runs : []
}
