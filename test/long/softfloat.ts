import { createRng } from '#base/rng.ts'
import {
  compareOperation,
  openSoftfloat,
  operations,
  randomPairs,
  specialPairs,
} from '#test/unit/contracts/softfloat.ts'

const pairsPerRun = 100_000

/**
 * Each run compares every operation of contracts/libraries/Binary32.sol with the host's arithmetic for all pairs
 * of special values and 100,000 random pairs: ten runs are a million pairs of each.
 */
export async function run(seed: number): Promise<Readonly<Record<string, number>>> {
  const call = await openSoftfloat()
  const special = specialPairs()
  const figures: Record<string, number> = {}
  for (const [operation, { name }] of operations.entries()) {
    const random = randomPairs(createRng(seed * 100 + operation), pairsPerRun)
    for (const pairs of [special, random]) {
      const { fault } = await compareOperation(call, operation, pairs)
      if (fault !== undefined) throw new Error(fault)
    }
    figures[`${name} pairs`] = pairsPerRun + special.length / 2
  }
  return figures
}
