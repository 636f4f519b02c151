import { zeroHash } from '#compute/train/commit.ts'
import { misbehaviourIn } from '#wire/misbehaviour.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ExamineDeps } from './examine.ts'

/**
 * Ways to cheat, so that tests and the report can show how each is caught. `lazy` says of every step that it is right,
 * with the newest tag that it heard of anybody; `bribed` repeats nothing, and finds nothing wrong.
 */
export const evaluatorLies = ['lazy', 'bribed'] as const
export type EvaluatorLie = (typeof evaluatorLies)[number]

/** The kind behind a flag's text. Throws USAGE, MISBEHAVE_REFUSED. */
export function evaluatorLieOf(text: string, chainId: number): EvaluatorLie {
  return misbehaviourIn(evaluatorLies, text, chainId)
}

type Seat = Pick<ExamineDeps, 'notices' | 'panel' | 'voices' | 'say'>

/** A seat in a panel whose owner gives tags that it has not made. */
export function sitLazily<Given extends Seat>(seat: Given): Given {
  const { panel, voices, say } = seat
  return {
    ...seat,
    say: {
      ...say,
      word(drawn) {
        const heard = voices.wordsOn(drawn).filter(({ evaluator }) => evaluator !== panel.self)
        const tag: Hex = heard.at(-1)?.tag ?? zeroHash
        return say.word(drawn, { kind: 'equal', tags: new Map([[panel.self, tag]]) })
      },
    },
  }
}
