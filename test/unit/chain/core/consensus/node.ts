import type { Hex } from '#base/hex.ts'
import type { Effect } from '#chain/core/consensus/effect.ts'
import type { Input } from '#chain/core/consensus/input.ts'
import type { VoteKind } from '#chain/core/consensus/messages.ts'
import type { Rules } from '#chain/core/consensus/rules.ts'
import { type State, createState } from '#chain/core/consensus/state.ts'
import { step } from '#chain/core/consensus/step.ts'
import { certificateOf, hash, proposalOf, setOf, voteOf } from './samples.ts'

export const genesis = { view: 0, root: hash('0'), height: 0 }

/** Validator 3 of four; in view v, validator v mod 4 leads, or the elected one. */
export function nodeOf(changes: Partial<Rules> = {}): State {
  const rules: Rules = {
    set: setOf(1, 1, 1, 1),
    self: 3,
    leads: [changes.self ?? 3],
    deltaMs: 100,
    lastHeight: 1000,
    proposersOf: (view, { view: parentView, elected }) =>
      elected !== undefined && view === parentView + 1 ? [elected] : [view % 4],
    ...changes,
  }
  return createState(rules, genesis)
}

export function started(changes: Partial<Rules> = {}): State {
  const state = nodeOf(changes)
  step(state, { kind: 'started' })
  return state
}

export function feed(state: State, ...inputs: readonly Input[]): readonly Effect[] {
  return inputs.flatMap((input) => step(state, input))
}

/** What an effect is, in short: "sign notarize 1", "certify", "setTimer". */
export function said(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => {
    if (effect.kind !== 'sign') return effect.kind
    const { unsigned } = effect
    const { kind, view } = unsigned.kind === 'vote' ? unsigned.vote : unsigned.proposal
    return `sign ${kind} ${view}`
  })
}

export const proposal = (view: number, root: Hex, fields: object = {}): Input => ({
  kind: 'proposal',
  proposal: proposalOf(view % 4, root, { view, ...fields }),
})
export const certificate = (kind: VoteKind, view: number, block?: Hex): Input => ({
  kind: 'certificate',
  certificate: certificateOf({ kind, view, block }, [0, 1, 2]),
})
export const certified = (root: Hex, isValid = true, elected?: number): Input => ({
  kind: 'certified',
  root,
  isValid,
  elected,
})
export const vote = (kind: VoteKind, view: number, voter: number, block?: Hex): Input => ({
  kind: 'vote',
  vote: voteOf(kind, view, { voter, block }),
})
export const timer = (view: number, name: 'proposal' | 'certification' | 'retry'): Input => ({
  kind: 'timer',
  timer: { view, name },
})
export const a = hash('a')
export const b = hash('b')
