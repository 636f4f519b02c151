import type { State } from '#chain/client/dispute/position.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import type { Leaf, Verifier } from '#chain/client/dispute/verifier.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Agreed } from './agreed.ts'
import { entryAt, sliceOf } from './openings.ts'
import { runSlice } from './verifier.ts'

/** More whole leaves than these in one proof cost more than a block may be asked for: split the terms further. */
export const leavesMax = 2

/** The disputed terms as the contract takes them: from a state that both agree on to the hash of what was said. */
export async function sliceProof(
  { agreed, verifier }: { agreed: Agreed; verifier: Verifier },
  standing: Standing,
  { before, result }: { before: State; result: Hex },
) {
  const { tensors } = await agreed.step(standing)
  const { entry: place, place: element, low, high } = standing.position
  const entry = entryAt(tensors.program, Number(place))
  const leaves: Leaf[] = []
  const slice = { from: Number(low), to: Number(high), state: before, leaves }
  await runSlice(verifier, { tensors, entry, element: Number(element) }, slice)
  return {
    leaves: leaves.length,
    slice: sliceOf(tensors, Number(place), { before, result, leaves }),
  }
}
