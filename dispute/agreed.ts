import type { Position } from '#chain/client/dispute/position.ts'
import type { Standing } from '#chain/client/dispute/standing.ts'
import type { Verifier } from '#chain/client/dispute/verifier.ts'
import { entryAt } from './openings.ts'
import { type States, statesOf } from './verifier.ts'
import type { Work } from './work.ts'

/** The disputed step and element, as both players compute them from what they agree on. */
export interface Agreed {
  step(standing: Standing): ReturnType<Work['step']>
  states(standing: Standing): Promise<States>
}

/** Which step is disputed follows from the claim's steps alone, until it is opened; then it is kept. */
export function createAgreed({ work, verifier }: { work: Work; verifier: Verifier }): Agreed {
  let known: { key: string; states: States } | undefined

  const step: Agreed['step'] = ({ stepPlace }) => work.step(stepPlace)

  return {
    step,
    async states(standing) {
      const key = keyOf(standing)
      if (known?.key === key) return known.states
      const { tensors } = await step(standing)
      const { entry, place } = standing.position
      const found = await statesOf(verifier, {
        tensors,
        entry: entryAt(tensors.program, Number(entry)),
        element: Number(place),
      })
      known = { key, states: found }
      return found
    },
  }
}

function keyOf({ stepPlace, position }: { stepPlace: number; position: Position }): string {
  return `${stepPlace}/${position.entry}/${position.place}`
}
