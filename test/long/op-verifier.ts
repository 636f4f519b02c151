import { createRng } from '#base/rng.ts'
import { randomSpecs, tensorsAfter } from '#test/unit/compute/transcript/specs.ts'
import { compareElements, openVerifier } from '#test/unit/contracts/verifier.ts'

/** Each run: models of every kind in random sizes, four elements of every tensor of a step, bit for bit. */
export async function run(seed: number): Promise<Readonly<Record<string, number>>> {
  const call = await openVerifier()
  const rng = createRng(seed)
  const figures: Record<string, number> = {}
  for (const [name, spec] of Object.entries(randomSpecs(rng))) {
    const tensors = await tensorsAfter(spec, 2)
    const { faults, count } = await compareElements(call, tensors, { rng, elements: 4 })
    if (faults[0] !== undefined) throw new Error(`${name}: ${faults[0]}`)
    figures[`${name} elements`] = count
  }
  return figures
}
