import { simulate } from '#test/sim/consensus/world.ts'

const seedsPerRun = 1000

/** Run i simulates consensus with seeds 1000 (i - 1) to 1000 i - 1; throws at the first violation. */
export async function run(seed: number): Promise<Record<string, number>> {
  const figures = { events: 0, blocks: 0, convicted: 0, medianFinalityMs: 0 }
  const finality: number[] = []
  for (let at = seedsPerRun * (seed - 1); at < seedsPerRun * seed; at += 1) {
    const outcome = simulated(at)
    figures.events += outcome.events
    figures.blocks += outcome.blocks
    figures.convicted += outcome.convicted
    finality.push(outcome.finalityMs)
  }
  figures.medianFinalityMs = finality.toSorted((a, b) => a - b)[finality.length >> 1] ?? 0
  return { seeds: seedsPerRun, ...figures }
}

function simulated(seed: number) {
  try {
    return simulate(seed)
  } catch (error) {
    throw new Error(`npm run sim -- --from ${seed} --seeds 1: ${String(error)}`, { cause: error })
  }
}
