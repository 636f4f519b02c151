/**
 * `npm run test:long -- [--only <name>] [--seed <first>] [--count <n>]`: campaigns of many seeded runs, one
 * file each in `test/long/`. Results go to `test/results/<name>.json` with the commit and the machine after
 * each run; seeds that this commit has already passed are not run again, so that a campaign may be stopped
 * and resumed at will.
 */
import { readdirSync } from 'node:fs'
import { flagsOf, integerFlag } from './flags.ts'
import { type Origin, originOf, readResults, writeResults } from './results.ts'
import { emptyTally, reportOf } from './tally.ts'
import { root } from './tools.ts'

/** One run of a campaign: throws when what it tests is not so; returns figures worth keeping. */
export type Campaign = (seed: number) => Promise<Readonly<Record<string, number | string>>>

interface Run {
  readonly seed: number
  readonly isPassed: boolean
  readonly wallMs: number
  readonly figures?: Readonly<Record<string, number | string>>
  readonly error?: string
}

interface Results extends Origin {
  readonly name: string
  readonly runs: readonly Run[]
}

const values = flagsOf({
  options: {
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '10' },
  },
})
const names = readdirSync(`${root}/test/long`)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
const chosen = names.filter((name) => values.only === undefined || name === values.only)
const first = integerFlag('seed', values.seed)
const seeds = Array.from(
  { length: integerFlag('count', values.count, { min: 1, max: 1_000_000 }) },
  (_, i) => first + i,
)
if (chosen.length === 0) fail(`no campaign "${values.only}"; there are: ${names.join(', ')}`)

let tally = emptyTally
for (const name of chosen) {
  for (const run of await runCampaign(name)) {
    const title = `${name} (seed ${run.seed}): ${run.error ?? ''}`
    tally = run.isPassed
      ? { ...tally, passed: tally.passed + 1 }
      : { ...tally, failed: [...tally.failed, title] }
  }
}
console.log(reportOf(tally))
process.exit(tally.failed.length === 0 ? 0 : 1)

async function runCampaign(name: string): Promise<readonly Run[]> {
  const loaded = (await import(`../test/long/${name}.ts`)) as { run: Campaign }
  const origin = originOf()
  const before = readResults(name) as Results | undefined
  let runs = before?.commit === origin.commit ? before.runs.filter((run) => run.isPassed) : []
  for (const seed of seeds) {
    if (runs.some((run) => run.seed === seed)) continue
    const run = await runOnce(loaded.run, seed)
    console.log(`${name} seed ${seed}: ${run.isPassed ? 'passed' : `FAILED ${run.error}`}`)
    runs = [...runs, run].toSorted((a, b) => a.seed - b.seed)
    const results: Results = { ...origin, name, runs }
    writeResults(name, results)
  }
  return runs.filter((run) => seeds.includes(run.seed))
}

async function runOnce(campaign: Campaign, seed: number): Promise<Run> {
  const startMs = performance.now()
  const wallMs = () => Math.round(performance.now() - startMs)
  try {
    const figures = await campaign(seed)
    return { seed, isPassed: true, wallMs: wallMs(), figures }
  } catch (error) {
    return { seed, isPassed: false, wallMs: wallMs(), error: String(error) }
  }
}

function fail(text: string): never {
  console.error(text)
  process.exit(2)
}
