import { execFileSync } from 'node:child_process'
import { compareOperation, openSoftfloat } from '#test/unit/contracts/softfloat.ts'
import { testfloatFunctions, vectorsOf } from '#test/unit/contracts/testfloat.ts'

const outputBytesMax = 67_108_864

/**
 * Each run compares contracts/libraries/Binary32.sol with all cases that Berkeley TestFloat's generator has for its
 * seed. QUERN_TESTFLOAT names the program `testfloat_gen`, which is built from its sources.
 */
export async function run(seed: number): Promise<Readonly<Record<string, number>>> {
  const generator = process.env['QUERN_TESTFLOAT']
  if (generator === undefined) throw new Error('set QUERN_TESTFLOAT to the program testfloat_gen')
  const call = await openSoftfloat()
  const figures: Record<string, number> = {}
  for (const name of Object.keys(testfloatFunctions)) {
    const flags = ['-seed', String(seed), '-level', '1', '-rnear_even', name]
    const text = execFileSync(generator, flags, {
      maxBuffer: outputBytesMax,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const { operation, pairs, results } = vectorsOf(name, text.toString())
    const { fault } = await compareOperation(call, operation, pairs, { results })
    if (fault !== undefined) throw new Error(fault)
    figures[`${name} cases`] = results.length
  }
  return figures
}
