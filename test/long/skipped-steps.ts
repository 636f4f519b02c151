import { countCaught } from '#test/adversaries/skipping.ts'

const draws = 1000
const caughtMin = 950

/**
 * Run i: a worker leaves out 5 % of the steps of 64 segments; each of 1,000 draws is another seed's. Throws where
 * audits alone, one step a segment, find it in fewer than 950.
 */
export async function run(seed: number): Promise<Record<string, number>> {
  const caught = await countCaught(seed, draws)
  if (caught < caughtMin) throw new Error(`caught in ${caught} of ${draws} draws`)
  return { draws, caught }
}
