/**
 * `npm run sim -- [--from <seed>] [--seeds <n>] [--json]`: runs the consensus core in a simulated world, one
 * run a seed. Ends at the first seed that shows what must not be, names it, and exits with 1.
 */
import { flagsOf, integerFlag } from '#scripts/flags.ts'
import { type Outcome, simulate } from './consensus/world.ts'

const values = flagsOf({
  options: {
    from: { type: 'string', default: '0' },
    seeds: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
})
const from = integerFlag('from', values.from)
const seeds = integerFlag('seeds', values.seeds, { min: 1, max: 1_000_000_000 })
const outcomes: Outcome[] = []
for (let seed = from; seed < from + seeds; seed += 1) {
  try {
    outcomes.push(simulate(seed))
  } catch (error) {
    fail(seed, error)
  }
}
report()

function fail(seed: number, error: unknown): never {
  const text = error instanceof Error ? error.message : String(error)
  if (values.json) console.log(JSON.stringify({ seed, violation: text }))
  else console.log(`seed ${seed}: ${text}\nreplay: npm run sim -- --from ${seed} --seeds 1`)
  if (error instanceof Error && error.name !== 'SimulationError') console.error(error.stack)
  process.exit(1)
}

function report(): void {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, one) => all + of(one), 0)
  const finality = outcomes.map(({ finalityMs }) => finalityMs).toSorted((a, b) => a - b)
  const figures = {
    from,
    seeds,
    violations: 0,
    events: sum(({ events }) => events),
    blocks: sum(({ blocks }) => blocks),
    convicted: sum(({ convicted }) => convicted),
    medianFinalityMs: finality[finality.length >> 1] ?? 0,
  }
  console.log(
    values.json
      ? JSON.stringify(figures)
      : Object.entries(figures)
          .map(([name, value]) => `${name} ${value}`)
          .join(', '),
  )
}
